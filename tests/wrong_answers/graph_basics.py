"""Wrong answers to the exercises of chapter 1; each check has to say what is wrong with them."""

WRONG = [
    # exercise 3: not a derivative, of one number in place of three, not of a graph, no tape, an input not watched, a formula
    "check_slope(lambda x: x)",
    "check_slope(lambda x: 2 * tf.cos(x))",
    "check_slope(lambda x: tf.reduce_sum(2 * tf.sin(x) * tf.cos(x)))",
    "check_slope(lambda x: 2 * np.sin(x.numpy()) * np.cos(x.numpy()))",
    "check_slope(lambda x: None)",
    "check_slope(3)",
    "check_slope(lambda x: 2 * tf.sin(x) * tf.cos(x))",
    # exercise 4: no memory, the wrong sign, a velocity that is forgotten, one that is used before it is made, b that moves, a loss without b
    "check_momentum(step)",
    "check_momentum(lambda x, t: velocity.assign(0.9 * velocity - 0.25) + a.assign_sub(velocity))",
    "check_momentum(lambda x, t: (velocity.assign(0.5 * (3 - a)), a.assign_add(velocity))[1])",
    "check_momentum(lambda x, t: (a.assign_add(velocity), velocity.assign(0.9 * velocity + 0.5 * (3 - a)))[0])",
    "check_momentum(lambda x, t: (velocity.assign(0.9 * velocity + 0.5 * (3 - a)), a.assign_add(velocity), b.assign_sub(0.1))[1])",
    "check_momentum(lambda x, t: (velocity.assign(0.9 * velocity - 0.5 * tf.reduce_mean((a * x - t) * x)), a.assign_add(velocity))[1])",
    "check_momentum(lambda x: x)",
    # exercise 5: one turn too many, the whole state, Python's own loop, a constant, a list of one, a formula
    "check_halvings(lambda x: tf.while_loop(lambda k, rest: rest >= 0.5, lambda k, rest: (k + 1, rest / 2), (0, x))[0])",
    "check_halvings(lambda x: tf.while_loop(lambda k, rest: rest >= 1, lambda k, rest: (k + 1, rest / 2), (0, x)))",
    "check_halvings(lambda x: 4)",
    "check_halvings(lambda x: tf.while_loop(lambda k: k < 3, lambda k: [k + 1], [0]))",
    "check_halvings(lambda x: tf.maximum(0, 1 + tf.cast(tf.floor(tf.math.log(x) / tf.math.log(2.)), tf.int32)))",
    "check_halvings(lambda x: sum(1 for _ in tf.range(4)))",
]
