"""Answers to the exercises of chapter 4 that their checks must not take for right."""
WRONG = [
    # shares for each group switched off
    "check_without(right_without.T)",
    "check_without(right_without.mean(axis=1))",
    "check_without(np.ones((10, 10)))",
    "check_without(100 * right_without)",
    "check_without([['a'] * 10] * 10)",
    # two networks: the same one, the wrong correlation, each pair twice
    "check_two(known, 1., 1.)",
    "check_two(second, of_pairs, of_units)",
    "check_two(second, of_units, np.corrcoef(likeness.ravel(), cosine_similarity(second.means).ravel())[0, 1])",
    "check_two(second, of_units, 1.)",
    "check_two(None, of_units, of_pairs)",
    # a better reading: the labels themselves, those known already, rows in another order
    "check_reading(labels)",
    "check_reading(known.classify(images))",
    "check_reading(logits.argmax(axis=1))",
    "check_reading(lda.predict(np.concatenate(prints.digits)[:, ~dead]))",
    "check_reading(labels[:5])",
    # on MNIST all but 20 right, more than the network itself
    "check_reading(np.where((np.arange(len(labels)) % 500 == 0) & (data.name == 'mnist'), 9 - labels, labels))",
]
