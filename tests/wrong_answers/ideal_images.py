"Answers that the checks of chapter 5 must catch."
WRONG = [
    "check_left(lambda strength, steps: strength)",
    "check_left(lambda strength, steps: (1 - 0.1 * strength) ** steps)",
    "check_left(lambda strength, steps: 1 - 0.2 * strength * steps)",
    "check_left(lambda strength: 0.)",
    "check_rival(lambda logits: -tf.linalg.diag_part(logits))",
    "check_rival(lambda logits: tf.reduce_max(logits, axis=1) - tf.linalg.diag_part(logits))",
    "check_rival(lambda logits: tf.linalg.diag_part(logits) - tf.reduce_max(logits - 1e9 * tf.eye(10), axis=1))",
    "check_rival(lambda logits: tf.reduce_max(logits - 1e9 * tf.eye(10)))",
    "check_rival(tf.nn.softmax)",
    "check_fooled(shifted)",
    "check_fooled(digits)",
    "check_fooled(digits[:5])",
    "check_fooled(find(start=shifted, l2=0, steps=30, learning_rate=.05).images - .1)",
]
