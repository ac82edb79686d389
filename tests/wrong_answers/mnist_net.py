"Answers to chapter 3's exercises that its checks must refuse."
WRONG = [
    "check_softmax(lambda z: np.exp(z) / np.exp(z).sum())",
    "check_softmax(lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))",
    "check_softmax(lambda z: z / z.sum(axis=1, keepdims=True))",
    "check_softmax(lambda z: np.exp(z - z.max()).sum(axis=1))",
    "check_softmax(lambda z: np.eye(10)[z.argmax(axis=1)])",
    "check_softmax(lambda z: None)",
    "check_softmax(lambda z: np.exp(z - z.max()) / np.exp(z - z.max()).sum(axis=1, keepdims=True))",
    "check_softmax(lambda z: np.exp(np.clip(z, None, 700)) / np.exp(np.clip(z, None, 700)).sum(axis=1, keepdims=True))",
    "check_softmax(lambda z: np.exp(z - 300) / np.exp(z - 300).sum(axis=1, keepdims=True))",
    "check_softmax(lambda z: np.nan_to_num(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), nan=1.0))",
    "check_softmax(lambda z: np.nan_to_num(np.exp(z)) / np.nan_to_num(np.exp(z)).sum(axis=1, keepdims=True))",
    "check_numbers(lambda hidden: 784 * hidden + hidden * 10)",
    "check_numbers(lambda hidden: 784 * hidden + hidden + 10)",
    "check_numbers(lambda hidden: 238_510)",
    "check_numbers(238_510)",
    "check_momentum(lambda w, v, x, y, rate, loss: (descend(w, x, y, rate, loss)[0], gradients(w, x, y, loss)[1]))",
    "check_momentum(lambda w, v, x, y, rate, loss: (descend(w, x, y, rate, loss)[0], v))",
    """check_momentum(lambda w, v, x, y, rate, loss: (
        descend(w, x, y, rate, loss)[0], [0.9 * a + g for a, g in zip(v, gradients(w, x, y, loss)[1])]))""",
    """check_momentum(lambda w, v, x, y, rate, loss: (
        lambda u: ([a - 0.1 * b for a, b in zip(w, u)], u))(
        [0.9 * a + g for a, g in zip(v, gradients(w, x, y, loss)[1])]))""",
    """check_momentum(lambda w, v, x, y, rate, loss: (
        lambda u: ([a - rate * b for a, b in zip(w, u)], u))(
        [0.9 * a + g for a, g in zip(v, gradients(w, x, y, softmax_cross_entropy)[1])]))""",
    "check_momentum(lambda w, v, x, y, rate, loss: (w, v, 0.0))",
]
