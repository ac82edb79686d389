"Answers to the exercises of chapter 6 that their checks must not take."

WRONG = [
    "check_margin(lambda image: net.hidden(image[None]).numpy()[0])",
    "check_margin(lambda image: contributions_to(net, image[None], [int(np.argmax(net(image[None])))])[0])",
    "check_margin(lambda image: net(image[None]).numpy()[0])",
    "check_margin(lambda image: net.hidden(image)[0])",
    "check_margin(lambda image: margin_by_unit(image).sum() * net.hidden(image[None]).numpy()[0] "
    "/ net.hidden(image[None]).numpy().sum())",
    "check_rounded(lambda weights, bits: weights)",
    "check_rounded(lambda weights, bits: np.rint(weights))",
    "check_rounded(lambda weights, bits: quantise(weights)[0] * quantise(weights)[1])",
    "check_rounded(lambda weights, bits: np.rint(weights / abs(weights).max() * (2 ** (bits - 1) - 1)) "
    "* abs(weights).max() / (2 ** (bits - 1) - 1))",
    "check_rounded(lambda weights, bits: quantise(weights)[0])",
    "check_boxed(normalise_drawing)",
    "check_boxed(lambda drawing: np.zeros(784))",
    "check_boxed(lambda drawing: np.pad(scale(crop(drawing)), ((0, 28 - scale(crop(drawing)).shape[0]), "
    "(0, 28 - scale(crop(drawing)).shape[1]))).ravel())",
    "check_boxed(lambda drawing: scale(crop(drawing)).ravel())",
]
