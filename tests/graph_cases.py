"""Functions to draw, after the kinds that guides to TensorFlow and its users' threads show; each is small.
`CASES` has them by name: the function, its inputs, and what is known of it."""
import collections, functools
from typing import Callable, NamedTuple
import keras, numpy as np
import tensorflow as tf

class Case(NamedTuple):
    "A function, what it is given, and what a test has to know."
    make: Callable        # () -> the function
    inputs: tuple
    effects: str = ""     # what its steps say that they would do, where they are refused
    random: bool = False  # whether it draws numbers, so that no two runs are alike
    still: str = ""       # why there are no steps at all
    lazy: bool = False    # whether it cannot be called but in a graph

CASES = {}

def case(*inputs, **known):
    "Note a function under its name."
    def noted(fn):
        CASES[fn.__name__] = Case(lambda: fn, inputs, **known)
        return fn
    return noted

def made(*inputs, **known):
    "Note what makes a function, which needs networks or stores of its own."
    def noted(make):
        CASES[make.__name__] = Case(functools.lru_cache(make), inputs, **known)
        return make
    return noted

ONE, TWO, FIVE = tf.constant(1.), tf.constant(2.), tf.constant(5)
X, Y = tf.constant([1., -2., 3.]), tf.constant([.5, 4., -1.])
GRID, OTHER = tf.constant([[1., 2.], [3., 4.]]), tf.constant([[0., 1.], [-1., 2.]])
WIDE = tf.constant([[1., 2., 3.], [4., 5., 6.]])
IMAGES = tf.reshape(tf.linspace(0., 1., 48), (1, 4, 4, 3))
SERIES = tf.reshape(tf.linspace(-1., 1., 12), (2, 3, 2))
WORDS, NUMBERS = tf.constant(["red fish", "blue", "a b c"]), tf.constant([4, 7, 1])
COMPLEX = tf.constant([1 + 2j, 3 - 1j], tf.complex64)
A, B, V = tf.Variable(2., name="a"), tf.Variable(.5, name="b"), tf.Variable([1., 2., 3.], name="v")
W, M = tf.Variable([[1., -1.], [.5, 2.]], name="w"), tf.Variable(tf.zeros((2, 2)), name="m")
COUNT = tf.Variable(0, name="count")

# ---- arithmetic, order of arguments, types ---------------------------------------------------------------------------

@case(X, Y)
def plain_sum(x, y): return x + y

@case(X, Y)
def differences(x, y): return (x - y) - (y - x)

@case(GRID, OTHER)
def products_in_order(a, b): return a @ b - b @ a

@case(GRID, OTHER)
def transposed_products(a, b): return tf.matmul(a, b, transpose_a=True) + tf.matmul(a, b, adjoint_b=True)

@case(X)
def polynomial(x): return 3. * x ** 3 - x ** 2 / 4. + 2.

@case(X, Y)
def quotients(x, y): return x / y + tf.math.divide_no_nan(y, x) + x // y + x % y

@case(NUMBERS)
def whole_numbers(n): return n // 2 + n % 3 - n * 5

@case(NUMBERS)
def compared(n): return tf.logical_and(n > 2, n <= 7), tf.logical_or(n == 1, n != 4), tf.logical_not(n < 3)

@case(NUMBERS)
def bits(n):
    shifted = tf.bitwise.left_shift(n, 2)
    return tf.bitwise.bitwise_xor(shifted, tf.bitwise.invert(n)), tf.bitwise.right_shift(n, tf.constant([1, 2, 0]))

@case(X)
def casts(x): return tf.cast(tf.cast(x, tf.int32), tf.float64) * 2, tf.bitcast(x, tf.int32), tf.cast(x > 0, tf.float32)

@case(COMPLEX)
def complex_numbers(z): return tf.math.conj(z) * z, tf.abs(z), tf.math.angle(z), tf.math.real(z) - tf.math.imag(z)

@case(X)
def complex_made(x): return tf.exp(tf.complex(tf.zeros_like(x), x))

@case(X)
def halves(x): return tf.cast(x, tf.float16) / 3, tf.cast(x, tf.bfloat16)

@case(X)
def rounded(x): return tf.round(x), tf.floor(x), tf.math.ceil(x), tf.sign(x), tf.clip_by_value(x, -1., 2.)

@case(X)
def special_functions(x): return tf.math.lgamma(tf.abs(x)), tf.math.erf(x), tf.math.softplus(x), tf.math.expm1(x)

@case(X, Y)
def larger_and_smaller(x, y): return tf.maximum(x, y), tf.minimum(x, 0.), tf.math.squared_difference(x, y), tf.atan2(x, y)

@case(X, ONE)
def one_input_is_not_used(x, y): return x * 2.

@case(X)
def dead_ends(x):
    tf.sin(x)
    return tf.cos(x)

@case(X)
def same_twice(x): return x * x, x

@case(X)
def nothing_done(x): return x

@case()
def constants_alone(): return tf.constant([1, 2, 3]) * 4

@case(X)
def large_constants(x): return x + tf.constant(np.arange(12, dtype=np.float32).reshape(4, 3))

@case({"left": X, "right": (Y, ONE)})
def nested_inputs(d): return {"sum": d["left"] + d["right"][0], "scaled": [d["right"][1] * d["left"]]}

# ---- shapes, slices, gathering ---------------------------------------------------------------------------------------

@case(WIDE)
def reshaped(x): return tf.reshape(x, (3, 2)), tf.reshape(x, [-1]), tf.expand_dims(x, 1), tf.squeeze(x[None])

@case(tf.TensorSpec((None, 3)), still="a shape")
def by_its_own_size(x): return x / tf.cast(tf.shape(x)[0], tf.float32), tf.reshape(x, (tf.shape(x)[0] * 3,))

@case(WIDE)
def sliced(x): return x[0], x[:, 1:], x[..., ::2], x[1, tf.newaxis, -1], tf.slice(x, [0, 1], [2, 1])

@case(WIDE, tf.constant(1))
def sliced_by_a_tensor(x, k): return x[k], x[:, k:], x[k, k]

@case(WIDE)
def transposed(x): return tf.transpose(x), tf.transpose(x[None], (2, 0, 1))

@case(X, Y)
def joined(x, y): return tf.concat([x, y], 0), tf.stack([x, y], 1), tf.stack([y, x])

@case(WIDE)
def taken_apart(x):
    first, second = tf.split(x, [1, 2], axis=1)
    top, bottom = tf.unstack(x)
    return second - first, bottom - top

@case(WIDE)
def halved(x):
    p, q, r = tf.split(x, 3, axis=1)
    return r - p * q

@case(WIDE, tf.constant([1, 0]))
def gathered(x, at): return tf.gather(x, at), tf.gather(x, [2, 0], axis=1), tf.gather_nd(x, [[0, 2], [1, 1]])

@case(WIDE, tf.constant([[2], [0]]))
def gathered_by_row(x, at): return tf.gather(x, at, batch_dims=1)

@case(X)
def scattered(x): return tf.scatter_nd([[4], [1], [0]], x, (6,)), tf.tensor_scatter_nd_update(x, [[1]], [9.])

@case(X)
def tensor_scatters(x): return tf.tensor_scatter_nd_add(x, [[0], [0]], [1., 2.]), tf.tensor_scatter_nd_max(x, [[2]], [7.])

@case(WIDE)
def padded_and_tiled(x): return tf.pad(x, [[1, 0], [0, 2]]), tf.tile(x, [2, 1]), tf.pad(x, [[1, 1], [0, 0]], "REFLECT")

@case(X)
def spread_out(x): return tf.broadcast_to(x, (2, 3)), tf.repeat(x, 2), tf.meshgrid(x, x[:2])

@case(WIDE)
def turned(x): return tf.reverse(x, [1]), tf.roll(x, 1, 0), tf.image.rot90(x[..., None])

@case(X)
def masked(x): return tf.boolean_mask(x, x > 0), tf.where(x > 0, x, -1.), tf.where(x < 0)

@case(NUMBERS)
def one_hot(n): return tf.one_hot(n, 8), tf.one_hot(n, 5, on_value=2., off_value=-1.)

@case(X)
def filled(x): return tf.zeros_like(x) + tf.ones(3), tf.fill((2, 2), x[0]), tf.eye(3) * x, tf.range(4)

@case(FIVE)
def ranges(n): return tf.range(n), tf.range(2, n, 2), tf.linspace(0., 1., n)

@case(WIDE)
def triangles(x): return tf.linalg.band_part(x, 0, -1), tf.linalg.diag(x[0]), tf.linalg.diag_part(x[:, :2])

@case(WIDE)
def blocks(x): return tf.space_to_batch(x[..., None, None], [1, 1], [[0, 0], [0, 0]]), tf.nn.space_to_depth(x[None, :, :2, None], 2)

# ---- reductions, sorting, segments -----------------------------------------------------------------------------------

@case(WIDE)
def reductions(x): return tf.reduce_sum(x), tf.reduce_mean(x, 0), tf.reduce_max(x, -1, keepdims=True), tf.reduce_prod(x, [0, 1])

@case(WIDE)
def spreads(x): return tf.math.reduce_std(x), tf.math.reduce_variance(x, axis=1), tf.reduce_logsumexp(x, 1), tf.norm(x, axis=0)

@case(WIDE > 2.)
def truths(x): return tf.reduce_any(x, 0), tf.reduce_all(x, 1), tf.math.count_nonzero(x)

@case(WIDE)
def ranked(x): return tf.argmax(x, 1), tf.argsort(x, direction="DESCENDING"), tf.sort(x), tf.math.top_k(x, 2)

@case(WIDE)
def only_the_places(x): return tf.math.top_k(x, 2).indices

@case(X)
def cumulated(x): return tf.cumsum(x, exclusive=True), tf.math.cumprod(x, reverse=True)

@case(X, tf.constant([0, 0, 1]))
def segments(x, of): return tf.math.segment_sum(x, of), tf.math.unsorted_segment_max(x, of, 3)

@case(tf.constant([3, 1, 3, 7]))
def distinct(n):
    values, places, counts = tf.unique_with_counts(n)
    return values, places * counts[0]

@case(NUMBERS)
def counted(n): return tf.math.bincount(n, minlength=9), tf.searchsorted([0, 2, 5], n), tf.histogram_fixed_width(n, [0, 8], 4)

# ---- linear algebra, sums by Einstein, transforms --------------------------------------------------------------------

@case(GRID)
def inverted(a): return tf.linalg.inv(a), tf.linalg.det(a), tf.linalg.trace(a), tf.linalg.pinv(a)

@case(GRID)
def decomposed(a):
    s, u, v = tf.linalg.svd(a)
    q, r = tf.linalg.qr(a)
    return u @ tf.linalg.diag(s) @ tf.transpose(v), q @ r

@case(GRID)
def solved(a):
    symmetric = a @ tf.transpose(a) + tf.eye(2)
    root = tf.linalg.cholesky(symmetric)
    return tf.linalg.solve(a, [[1.], [2.]]), tf.linalg.triangular_solve(root, [[1.], [1.]]), tf.linalg.eigh(symmetric)

@case(GRID, OTHER)
def einstein(a, b): return tf.einsum("ij,jk->ik", a, b), tf.einsum("ij,ij->", b, a), tf.tensordot(a, b, [[0], [1]])

@case(SERIES, SERIES)
def einstein_for_batches(q, k): return tf.einsum("bqd,bkd->bqk", q, k)

@case(X[:2], Y[:2])
def outer_and_inner(x, y): return tf.tensordot(x, y, 1), x[:, None] * y[None], tf.linalg.matvec(GRID, x), tf.linalg.cross(tf.concat([y, [1.]], 0), X)

@case(tf.constant([0., 1., 0., -1.]))
def fourier(x): return tf.signal.rfft(x), tf.signal.irfft(tf.signal.rfft(x)), tf.abs(tf.signal.fft(tf.cast(x, tf.complex64)))

@case(tf.linspace(0., 1., 16))
def short_time_fourier(x): return tf.abs(tf.signal.stft(x, 8, 4))

@case(X)
def cosines(x): return tf.signal.dct(x), tf.signal.frame(x, 2, 1)

# ---- images and layers without variables -----------------------------------------------------------------------------

@case(IMAGES)
def image_sizes(x): return tf.image.resize(x, (2, 2)), tf.image.crop_to_bounding_box(x, 1, 1, 2, 2), tf.image.central_crop(x, .5)

@case(IMAGES)
def image_colours(x): return tf.image.rgb_to_grayscale(x), tf.image.adjust_contrast(x, 2.), tf.image.flip_left_right(x)

@case(IMAGES)
def image_values(x): return tf.image.per_image_standardization(x), tf.image.sobel_edges(x), tf.image.total_variation(x)

@case(IMAGES, tf.ones((2, 2, 3, 1)))
def convolved(x, filters): return tf.nn.conv2d(x, filters, 2, "SAME"), tf.nn.conv2d_transpose(x[..., :1], tf.ones((2, 2, 2, 1)), (1, 8, 8, 2), 2)

@case(IMAGES)
def pooled(x): return tf.nn.max_pool2d(x, 2, 2, "VALID"), tf.nn.avg_pool2d(x, 2, 1, "SAME"), tf.nn.depthwise_conv2d(x, tf.ones((2, 2, 3, 1)), [1, 1, 1, 1], "VALID")

@case(WIDE)
def activations(x): return tf.nn.relu(x), tf.nn.gelu(x), tf.nn.leaky_relu(x, .1), tf.nn.selu(x), tf.nn.softmax(x), tf.nn.log_softmax(x, 0)

@case(WIDE, tf.constant([0, 2]))
def losses_of_logits(x, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x), tf.nn.sigmoid_cross_entropy_with_logits(tf.one_hot(labels, 3), x)

@case(IMAGES)
def normalized(x):
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)

@case(tf.reshape(tf.linspace(0., 1., 8), (4, 2)))
def looked_up(table): return tf.nn.embedding_lookup(table, [3, 0]), tf.nn.l2_normalize(table, 1)

# ---- gradients -------------------------------------------------------------------------------------------------------

@case(X)
def slope(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x + tf.sin(x))
    return tape.gradient(y, x)

@case(ONE)
def second_derivative(x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x ** 3 * 2.
        first = inner.gradient(y, x)
    return first, outer.gradient(first, x)

@case(X)
def persistent(x):
    with tf.GradientTape(persistent=True) as tape:
        y = V * x
        z = tf.reduce_sum(y * y)
    return tape.gradient(z, V), tape.gradient(y, V)

@case(X)
def of_several_sources(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_mean((A * x + B) ** 2)
    return tape.gradient(y, {"a": A, "b": B, "x": x})

@case(X)
def slope_stopped(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stop_gradient(x * x) * x
    return tape.gradient(y, x)

@case(X)
def paused(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording(): z = tf.sin(y)
        w = y * z
    return tape.gradient(w, x)

@case(X)
def weighted_gradients(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x ** 2
    return tape.gradient(y, x, output_gradients=tf.constant([1., 0., -1.]))

@case(X)
def jacobian(x):
    with tf.GradientTape() as tape: y = tf.sin(V * x)
    return tape.jacobian(y, V)

@case(WIDE)
def batch_jacobian(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.tanh(x @ tf.ones((3, 2)))
    return tape.batch_jacobian(y, x)

@case(X[:2])
def hessian(x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(x ** 3) * x[0]
        first = inner.gradient(y, x)
    return outer.jacobian(first, x)

@case(X)
def penalty_of_gradients(x):
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner: y = tf.reduce_sum(tf.tanh(V * x))
        size = tf.reduce_sum(inner.gradient(y, V) ** 2)
    return tape.gradient(size, V)

@tf.custom_gradient
def _clipped(x): return x * 1., lambda up: tf.clip_by_norm(up, .5)

@tf.custom_gradient
def _log1pexp(x):
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda up: up * (1 - 1 / (1 + e))

@case(X)
def clipped_gradient(x):
    with tf.GradientTape() as tape: y = _clipped(V * x) ** 2
    return tape.gradient(y, V)

@case(X)
def stable_gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(_log1pexp(x))
    return y, tape.gradient(y, x)

@case(X)
def reversed_gradient(x):
    @tf.custom_gradient
    def reverse(t): return tf.identity(t), lambda up: -up
    with tf.GradientTape() as tape: y = reverse(V * x) * V
    return tape.gradient(y, V)

@case(X)
def recomputed(x):
    body = tf.recompute_grad(lambda t: tf.sin(t) * tf.cos(t))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(body(x))
    return tape.gradient(y, x)

@case(X)
def forward_over_reverse(x):
    with tf.autodiff.ForwardAccumulator(x, tf.ones(3)) as along: y = tf.sin(x) * x
    return along.jvp(y)

@case(X, lazy=True)
def old_gradients(x): return tf.gradients(tf.reduce_sum(tf.exp(x) * x), x)

@case(X)
def gradient_of_a_loop(x):
    with tf.GradientTape() as tape:
        y = x
        for _ in tf.range(3): y = y * A
    return tape.gradient(y, A)

@case(ONE)
def gradient_of_a_branch(x):
    with tf.GradientTape() as tape:
        y = tf.cond(x > 0, lambda: A * x, lambda: A - x)
    return tape.gradient(y, A)

@tf.function
def _inner(x): return tf.tanh(A * x)

@case(X)
def gradient_of_a_call(x):
    with tf.GradientTape() as tape: y = tf.reduce_sum(_inner(x))
    return tape.gradient(y, A)

@case(X)
def gradient_of_gathered(x):
    with tf.GradientTape() as tape: y = tf.gather(V, [0, 0, 2]) * x
    return tape.gradient(y, V)

@case(GRID)
def gradient_of_an_inverse(a):
    with tf.GradientTape() as tape:
        tape.watch(a)
        y = tf.linalg.logdet(a @ tf.transpose(a))
    return tape.gradient(y, a)

@case(IMAGES)
def gradient_of_a_convolution(x):
    kernel = tf.ones((2, 2, 3, 2))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        y = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")))
    return tape.gradient(y, kernel)

@case(X)
def by_its_name_only(x):
    with tf.name_scope("gradients"): return tf.sin(x) * x

# ---- training by hand ------------------------------------------------------------------------------------------------

@case(X, Y)
def a_line_fitted(x, t):
    with tf.GradientTape() as tape: loss = tf.reduce_mean((A * x + B - t) ** 2)
    for v, d in zip((A, B), tape.gradient(loss, (A, B))): v.assign_sub(.1 * d)
    return loss

@case(GRID)
def momentum_by_hand(x):
    with tf.GradientTape() as tape: loss = tf.reduce_sum((x @ W) ** 2)
    M.assign(.9 * M + tape.gradient(loss, W))
    W.assign_sub(.01 * M)
    return loss

@case(X)
def read_after_write(x):
    before = A * x
    A.assign_add(1.)
    middle = A * x
    A.assign(B)
    return before, middle, A * x

@case(X)
def counted_calls(x):
    COUNT.assign_add(1)
    return x * tf.cast(COUNT, tf.float32)

@case(X)
def written_in_places(x):
    V.scatter_nd_update([[0]], [9.])
    V[1:].assign(x[1:])
    return V * x

@case(X)
def exchanged(x):
    old = tf.identity(A)
    A.assign(B)
    B.assign(old)
    return A - B * x

@case(X)
def moving_average(x):
    V.assign(.9 * V + .1 * x)
    return x - V

@case(ONE)
def written_in_a_branch(x):
    if x > 0: A.assign_add(x)
    else: A.assign(0.)
    return A * 2.

@case(FIVE)
def written_in_a_loop(n):
    for k in tf.range(n): A.assign_add(tf.cast(k, tf.float32))
    return A * 1.

@case(X)
def clipped_together(x):
    with tf.GradientTape() as tape: loss = tf.reduce_sum((V * x - A) ** 2)
    slopes, size = tf.clip_by_global_norm(tape.gradient(loss, [V, A]), 1.)
    V.assign_sub(slopes[0])
    A.assign_sub(slopes[1])
    return size

@case(X)
def accumulated_gradients(x):
    total = tf.zeros_like(V)
    for part in (x, 2. * x):
        with tf.GradientTape() as tape: loss = tf.reduce_sum(V * part)
        total += tape.gradient(loss, V)
    V.assign_sub(.1 * total / 2.)

@case(X)
def several_steps_in_a_loop(x):
    for _ in tf.range(3):
        with tf.GradientTape() as tape: loss = (A * x[0] - 1.) ** 2
        A.assign_sub(.1 * tape.gradient(loss, A))
    return A * 1.

# ---- control flow ----------------------------------------------------------------------------------------------------

@case(ONE)
def branches(x): return tf.cond(x > 0, lambda: x * 2., lambda: x - 1.)

@case(ONE)
def branch_that_gives_its_input(x): return tf.cond(x > 0., lambda: x, lambda: -x)

@case(X)
def autograph_branches(x):
    if tf.reduce_sum(x) > 0: y = x + 1.
    elif x[0] > 5.: y = x * 3.
    else: y = -x
    return y

@case(ONE, TWO)
def branches_of_several(x, y):
    p, q = tf.cond(x > y, lambda: (x, y), lambda: (y, x))
    return p - q

@case(X)
def returns_early(x):
    if x[0] > 1.: return x
    return x * 2.

@case(tf.constant(1), X)
def switched(k, x): return tf.switch_case(k, [lambda: V * x, lambda: x - V, lambda: x])

@case(X)
def chosen_by_case(x): return tf.case([(x[0] > 2., lambda: x + 1.), (x[1] < 0., lambda: x * 2.)], default=lambda: x)

@case(FIVE)
def factorial(n):
    product = 1
    while n > 1:
        product *= n
        n -= 1
    return product

@case(FIVE)
def fibonacci(n):
    p, q = 0, 1
    for _ in tf.range(n): p, q = q, p + q
    return p

@case(tf.constant(7))
def collatz(n):
    steps, most = 0, n
    while n > 1:
        if n % 2 == 0: n = n // 2
        else: n = 3 * n + 1
        steps += 1
        most = tf.maximum(most, n)
    return steps, most

@case(FIVE)
def broken_off(n):
    total = 0
    for k in tf.range(n):
        if k == 1: continue
        if k > 3: break
        total += k
    return total

@case(tf.constant(3))
def loops_in_loops(n):
    total = 0
    for i in tf.range(n):
        for j in tf.range(i): total += i * j + j
    return total

@case(ONE)
def while_loop_of_two(x): return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, 2. * y - x), (tf.constant(0), x))

@case(ONE)
def while_loop_of_its_second(x): return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, 2. * y), (tf.constant(0), x))[1]

@case(ONE)
def while_loop_of_dictionaries(x):
    return tf.while_loop(lambda s: s["k"] < 3, lambda s: [{"k": s["k"] + 1, "v": 2. * s["v"]}], [{"k": tf.constant(0), "v": x}])

@case(ONE)
def while_loop_at_most(x): return tf.while_loop(lambda y: y < 100., lambda y: (2. * y,), (x,), maximum_iterations=5)

@case(ONE, FIVE)
def while_loop_at_most_a_number(x, n): return tf.while_loop(lambda y: y < 100., lambda y: (2. * y,), (x,), maximum_iterations=n)

@made(ONE, TWO, lazy=True)
def loop_put_together_by_hand():
    test = tf.function(lambda a, b: a < 10.).get_concrete_function(ONE, ONE)
    turn = tf.function(lambda a, b: (a + b, b)).get_concrete_function(ONE, ONE)
    return lambda x, y: tf.raw_ops.While(input=[x, y], cond=test, body=turn)

@case(X)
def loop_that_grows(x):
    return tf.while_loop(lambda t: tf.size(t) < 10, lambda t: (tf.concat([t, t], 0),), (x,), shape_invariants=(tf.TensorShape([None]),))

@case(X)
def newtons_method(x):
    guess = tf.ones_like(x)
    for _ in range(3): guess = (guess + tf.abs(x) / guess) / 2.
    return guess

@case(WIDE)
def over_the_rows(x):
    best = -1.
    for row in x:
        if tf.reduce_sum(row) > best: best = tf.reduce_sum(row)
    return best

@case(X)
def mapped(x): return tf.map_fn(lambda t: t * t + 1., x)

@case(X, Y)
def mapped_over_two(x, y): return tf.map_fn(lambda pair: pair[0] - pair[1], (x, y), fn_output_signature=tf.float32)

@case(X)
def scanned(x): return tf.scan(lambda s, t: s * .5 + t, x)

@case(X, Y)
def scanned_with_two(x, y): return tf.scan(lambda s, t: (s[0] + t[0], s[1] * t[1]), (x, y), (0., 1.))

@case(X)
def folded(x): return tf.foldl(lambda s, t: s - t, x), tf.foldr(lambda s, t: s - t, x)

@case(WIDE)
def vectorized(x): return tf.vectorized_map(lambda row: row / tf.reduce_sum(row), x)

@case(X)
def array_filled(x):
    array = tf.TensorArray(tf.float32, 3)
    for i in tf.range(3): array = array.write(i, x[i] ** 2)
    return array.stack()

@case(X)
def array_of_any_size(x):
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True, clear_after_read=False)
    array = array.write(0, x[0]).write(1, x[1] * 2.)
    return array.read(1) - array.read(0), array.stack()

@case(X)
def array_unstacked(x):
    array = tf.TensorArray(tf.float32, 3).unstack(x)
    return array.gather([2, 0]), array.size()

@case(WIDE)
def arrays_of_rows(x):
    rows = tf.TensorArray(tf.float32, 2, element_shape=(3,))
    for k in tf.range(2): rows = rows.write(k, x[1 - k])
    return rows.concat()

@case(X)
def asserted(x):
    tf.debugging.assert_less(x, 10.)
    with tf.control_dependencies([tf.debugging.assert_rank(x, 1)]): return tf.identity(x) * 2.

@case(X)
def printed(x):
    tf.print("now", x)
    return x + 1.

@case(X)
def ordered_by_hand(x):
    with tf.control_dependencies([A.assign(5.)]): y = x * 2.
    return y * A

# ---- functions in functions, modules, saved models -------------------------------------------------------------------

@case(X)
def calls_another(x): return _inner(x) + _inner(2. * x)

@tf.function
def _both(x, y): return x + y, x - y

@case(X, Y)
def uses_the_second_result(x, y): return _both(y, x)[1] * 2.

@case(X, Y)
def uses_both_results(x, y):
    p, q = _both(x, y)
    return q / p

@tf.function
def _deeper(x): return _inner(x * 2.) - x

@case(X)
def calls_in_calls(x): return _deeper(x) * 3.

@case(FIVE, X)
def calls_in_a_loop(n, x):
    for _ in tf.range(n): x = _inner(x)
    return x

@tf.function(jit_compile=True)
def _compiled(x): return tf.reduce_sum(x * x)

@case(X)
def compiled_inside(x): return _compiled(x) + 1.

@made(X)
def python_with_defaults():
    def scaled(x, factor=3, *, shift=ONE): return x * factor - shift
    return scaled

@made(X)
def recursive_in_python():
    def power(x, n=4): return x if n == 1 else x * power(x, n - 1)
    return power

class _Dense(tf.Module):
    def __init__(self, size, name=None):
        super().__init__(name=name)
        self.w, self.b = tf.Variable(tf.ones((3, size)), name="w"), tf.Variable(tf.zeros(size), name="b")
    @tf.Module.with_name_scope
    def __call__(self, x): return tf.nn.relu(x @ self.w + self.b)

class _Perceptron(tf.Module):
    def __init__(self):
        super().__init__(name="perceptron")
        self.first, self.second = _Dense(3, "first"), _Dense(3, "second")
    @tf.Module.with_name_scope
    def __call__(self, x): return self.second(self.first(x))

@made(WIDE)
def module_of_modules(): return _Perceptron()

@made(WIDE)
def module_with_a_method():
    module = _Perceptron()
    module.call = tf.function(module.__call__)
    return module.call

@made(X)
def loaded_model():
    import tempfile
    module = tf.Module()
    module.w = tf.Variable([2., 3., 4.], name="w")
    module.serve = tf.function(lambda x: {"times": module.w * x, "plus": x + module.w}, input_signature=[tf.TensorSpec([None])])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve.get_concrete_function()})
        loaded = tf.saved_model.load(folder)
    def call(x): return loaded.serve(x)["times"] - loaded.serve(x)["plus"]
    call.kept = loaded
    return call

@made(X)
def partial_of_a_function(): return functools.partial(lambda a, b, c: a - b * c, b=Y, c=TWO)

# ---- networks of Keras -----------------------------------------------------------------------------------------------

layers = keras.layers

def _net(*parts): return keras.Sequential(list(parts))

@made(WIDE)
def dense_layers(): return _net(keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2, activation="softmax"))

@made(IMAGES)
def convolution_network(): return _net(keras.Input((4, 4, 3)), layers.Conv2D(2, 2), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(2))

@made(IMAGES)
def kinds_of_convolutions():
    return _net(keras.Input((4, 4, 3)), layers.SeparableConv2D(2, 2), layers.DepthwiseConv2D(2), layers.Conv2DTranspose(2, 2), layers.GlobalAveragePooling2D())

@made(WIDE)
def normalizing_layers(): return _net(keras.Input((3,)), layers.BatchNormalization(), layers.LayerNormalization(), layers.UnitNormalization())

@made(WIDE)
def normalizing_in_training():
    net = _net(keras.Input((3,)), layers.BatchNormalization())
    return lambda x: net(x, training=True)

@made(WIDE, random=True)
def dropout_in_training():
    net = _net(keras.Input((3,)), layers.Dropout(.5))
    return lambda x: net(x, training=True)

@made(SERIES)
def simple_recurrent(): return _net(keras.Input((3, 2)), layers.SimpleRNN(2))

@made(SERIES)
def lstm(): return _net(keras.Input((3, 2)), layers.LSTM(2, return_sequences=True))

@made(SERIES)
def gru(): return _net(keras.Input((3, 2)), layers.GRU(2))

@made(SERIES)
def both_directions(): return _net(keras.Input((3, 2)), layers.Bidirectional(layers.GRU(2, unroll=True)))

@made(SERIES[:, 0], [GRID, OTHER])
def one_lstm_cell():
    cell = layers.LSTMCell(2)
    cell.build((2, 2))
    return lambda x, state: cell(x, state)

@made(SERIES)
def recurrent_states():
    layer = layers.GRU(2, return_state=True, return_sequences=True)
    layer.build((2, 3, 2))
    return lambda x: layer(x)

@made(SERIES)
def masked_series(): return _net(keras.Input((3, 2)), layers.Masking(), layers.LSTM(2))

@made(SERIES)
def attention_of_keras():
    layer = layers.MultiHeadAttention(2, 2)
    layer.build((2, 3, 2), (2, 3, 2))
    return lambda x: layer(x, x)

@made(tf.constant([[1, 3, 0]]))
def embedded_words(): return _net(keras.Input((3,), dtype="int32"), layers.Embedding(5, 2, mask_zero=False), layers.GlobalAveragePooling1D(), layers.Dense(1))

@made(WIDE, WIDE)
def two_inputs():
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([layers.Dense(2)(left), right])
    net = keras.Model([left, right], [layers.Dense(1)(joined), layers.Add()([left, right])])
    return lambda a, b: net([a, b])

class _Residual(layers.Layer):
    def __init__(self):
        super().__init__(name="residual")
        self.inner = layers.Dense(3)
    def build(self, shape): self.inner.build(shape)
    def call(self, x):
        self.add_loss(tf.reduce_sum(x ** 2))
        return x + self.inner(x)

@made(WIDE)
def layer_of_ones_own():
    layer = _Residual()
    layer.build((2, 3))
    return layer

def _step(net, optimizer, loss_of=None):
    "A training step of a network."
    loss_of = loss_of or (lambda y, t: tf.reduce_mean((y - t) ** 2))
    optimizer.build(net.trainable_variables)
    def step(x, t):
        with tf.GradientTape() as tape: loss = loss_of(net(x, training=True), t)
        optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
        return loss
    return step

def _small(): return _net(keras.Input((3,)), layers.Dense(2, activation="tanh"), layers.Dense(1))

TARGETS = tf.constant([[1.], [0.]])

@made(WIDE, TARGETS)
def step_of_sgd(): return _step(_small(), keras.optimizers.SGD(.1))

@made(WIDE, TARGETS)
def step_of_momentum(): return _step(_small(), keras.optimizers.SGD(.1, momentum=.9, nesterov=True))

@made(WIDE, TARGETS)
def step_of_adam(): return _step(_small(), keras.optimizers.Adam(.01))

@made(WIDE, TARGETS)
def step_of_adamw(): return _step(_small(), keras.optimizers.AdamW(.01, weight_decay=.1))

@made(WIDE, TARGETS)
def step_of_rmsprop(): return _step(_small(), keras.optimizers.RMSprop(.01))

@made(WIDE, TARGETS)
def step_of_adagrad(): return _step(_small(), keras.optimizers.Adagrad(.01, clipnorm=1.))

@made(WIDE, TARGETS)
def step_with_a_schedule(): return _step(_small(), keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(.1, 10, .5)))

@made(WIDE, TARGETS)
def step_with_a_moving_average(): return _step(_net(keras.Input((3,)), layers.Dense(1)), keras.optimizers.SGD(.1, use_ema=True))

@made(IMAGES, tf.constant([1]))
def step_of_a_convolution_network():
    convolution = layers.Conv2D(2, 2, activation="relu", use_bias=False)  # a bias that is normalised away has rounding for its slope
    net = _net(keras.Input((4, 4, 3)), convolution, layers.BatchNormalization(), layers.Flatten(), layers.Dense(2))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _step(net, keras.optimizers.Adam(), lambda y, t: loss(t, y))

@made(SERIES, TARGETS)
def step_of_an_lstm(): return _step(_net(keras.Input((3, 2)), layers.LSTM(2), layers.Dense(1)), keras.optimizers.SGD(.1))

@made(WIDE, TARGETS)
def step_with_metrics():
    net, optimizer, loss_of = _small(), keras.optimizers.SGD(.1), keras.losses.MeanSquaredError()
    optimizer.build(net.trainable_variables)
    mean, accuracy = keras.metrics.Mean(name="mean"), keras.metrics.BinaryAccuracy(name="accuracy")
    def step(x, t):
        with tf.GradientTape() as tape:
            y = net(x, training=True)
            loss = loss_of(t, y)
        optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
        mean.update_state(loss)
        accuracy.update_state(t, y)
        return mean.result(), accuracy.result()
    return step

@made(WIDE, tf.ones((2, 2)), random=True)
def step_of_two_rivals():
    maker, judge = _net(keras.Input((2,)), layers.Dense(3)), _net(keras.Input((3,)), layers.Dense(1))
    for_maker, for_judge = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    for_maker.build(maker.trainable_variables)
    for_judge.build(judge.trainable_variables)
    def step(real, like):
        noise = tf.random.normal(tf.shape(like))
        with tf.GradientTape() as first, tf.GradientTape() as second:
            fake = maker(noise, training=True)
            on_real, on_fake = judge(real, training=True), judge(fake, training=True)
            maker_loss = entropy(tf.ones_like(on_fake), on_fake)
            judge_loss = entropy(tf.ones_like(on_real), on_real) + entropy(tf.zeros_like(on_fake), on_fake)
        for_maker.apply_gradients(zip(first.gradient(maker_loss, maker.trainable_variables), maker.trainable_variables))
        for_judge.apply_gradients(zip(second.gradient(judge_loss, judge.trainable_variables), judge.trainable_variables))
        return maker_loss, judge_loss
    return step

@made(WIDE, TARGETS)
def step_of_a_frozen_network():
    net = _small()
    net.layers[0].trainable = False
    return _step(net, keras.optimizers.SGD(.1))

@made(WIDE, random=True)
def step_of_an_autoencoder_of_variations():
    encode, decode = _net(keras.Input((3,)), layers.Dense(4)), _net(keras.Input((2,)), layers.Dense(3))
    def loss(x):
        mean, spread = tf.split(encode(x), 2, axis=1)
        z = mean + tf.exp(spread / 2.) * tf.random.normal((2, 2))
        return tf.reduce_sum((decode(z) - x) ** 2) - .5 * tf.reduce_sum(1. + spread - mean ** 2 - tf.exp(spread))
    return loss

@made(tf.zeros((1, 32, 32, 3)))
def mobile_net(): return keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=3, alpha=.35)

# ---- attention by hand -----------------------------------------------------------------------------------------------

@case(SERIES, SERIES, SERIES)
def scaled_attention(q, k, v):
    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(tf.shape(k)[-1], tf.float32))
    return tf.matmul(tf.nn.softmax(scores), v)

@case(SERIES)
def masked_attention(x):
    n = tf.shape(x)[1]
    mask = 1. - tf.linalg.band_part(tf.ones((n, n)), -1, 0)
    scores = tf.matmul(x, x, transpose_b=True) - 1e9 * mask
    return tf.nn.softmax(scores, axis=-1) @ x

@case(tf.reshape(tf.linspace(0., 1., 24), (2, 3, 4)))
def attention_with_heads(x):
    def split(t): return tf.transpose(tf.reshape(t, (2, 3, 2, 2)), (0, 2, 1, 3))
    q = split(x)
    weights = tf.nn.softmax(tf.einsum("bhqd,bhkd->bhqk", q, q))
    return tf.reshape(tf.transpose(weights @ q, (0, 2, 1, 3)), (2, 3, 4))

@case(tf.constant(4))
def encoded_positions(n):
    places = tf.cast(tf.range(n)[:, None], tf.float32) / 10000. ** (tf.range(4.) / 4.)
    return tf.concat([tf.sin(places[:, 0::2]), tf.cos(places[:, 1::2])], -1)

# ---- strings, tables, words ------------------------------------------------------------------------------------------

@case(WORDS)
def letters(s): return tf.strings.upper(s), tf.strings.length(s), tf.strings.substr(s, 0, 3), tf.strings.join([s, "!"])

@case(WORDS)
def words_split(s): return tf.strings.split(s).to_tensor("-")

@case(WORDS)
def replaced(s): return tf.strings.regex_replace(s, "[aeiou]", "*"), tf.strings.regex_full_match(s, ".*e.*"), tf.strings.strip(s)

@case(tf.constant(["1.5", "2"]))
def numbers_read(s): return tf.strings.to_number(s) * 2., tf.strings.as_string(tf.strings.to_number(s), precision=1)

@case(WORDS)
def hashed(s): return tf.strings.to_hash_bucket_fast(s, 7), tf.strings.unicode_decode(s, "UTF-8").to_tensor()

@case(WORDS)
def pairs_of_words(s): return tf.strings.ngrams(tf.strings.split(s), 2).flat_values

@case(tf.constant(["1,2,3", "4,5,6"]))
def tables_of_text(s): return tf.io.decode_csv(s, [[0.], [0], [""]])

@case(tf.constant([1., 2.]))
def to_bytes_and_back(x): return tf.io.decode_raw(tf.io.encode_base64(tf.strings.as_string(x)), tf.uint8), tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.float32)

_TABLE = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["red", "blue"], [1, 2]), -1)
_MUTABLE = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)

@case(tf.constant(["red", "green"]))
def table_looked_up(s): return _TABLE.lookup(s) + 1, _TABLE.size()

@case(tf.constant(["red"]), effects="fills a table")
def table_filled(s):
    _MUTABLE.insert(s, tf.constant([5], tf.int64))
    return _MUTABLE.lookup(s)

@made(WORDS)
def words_to_numbers(): return layers.TextVectorization(vocabulary=["red", "blue", "fish"], output_sequence_length=3)

@made(tf.constant(["red", "green"]))
def word_to_number(): return layers.StringLookup(vocabulary=["red", "blue"])

@made(WORDS)
def network_of_words():
    texts = layers.TextVectorization(vocabulary=["red", "blue", "fish"], output_sequence_length=3)
    rest = _net(keras.Input((3,), dtype="int64"), layers.Embedding(6, 2), layers.Flatten(), layers.Dense(1))
    return lambda s: rest(texts(s))

@made(X)
def features_made_ready():
    normal, steps = layers.Normalization(mean=1., variance=4.), layers.Discretization(bin_boundaries=[0., 2.])
    normal.build((None, 1))
    return lambda x: (normal(x[:, None]), steps(x))

@made(NUMBERS)
def categories(): return layers.CategoryEncoding(num_tokens=8, output_mode="multi_hot")

# ---- data sets, ragged and sparse tensors ----------------------------------------------------------------------------

_RANGE = tf.data.Dataset.range(4)

@case(ONE)
def over_a_data_set(x):
    for n in _RANGE: x += tf.cast(n, tf.float32)
    return x

@case(ONE)
def data_set_mapped(x):
    total = 0.
    for n in _RANGE.map(lambda n: n * n).batch(2): total += tf.cast(tf.reduce_sum(n), tf.float32)
    return total * x

@case(tf.data.Dataset.from_tensor_slices([1., 2., 5.]))
def data_set_reduced(ds): return ds.filter(lambda v: v > 1.).reduce(0., lambda s, v: s + v)

@made(effects="takes from an iterator")
def next_of_an_iterator():
    iterator = iter(_RANGE)
    return lambda: next(iterator) - next(iterator)

@case(X)
def data_set_made_inside(x):
    total = tf.constant(0.)
    for a, b in tf.data.Dataset.from_tensor_slices((x, 2. * x)).take(2): total += a * b
    return total

_RAGGED = tf.ragged.constant([[1., 2.], [], [3.]])

@case(_RAGGED)
def ragged_sums(r): return tf.reduce_sum(r, axis=1), r.row_lengths(), (r * 2.).to_tensor()

@case(_RAGGED, _RAGGED)
def ragged_joined(r, s): return tf.concat([r, s], 1), r[2], tf.ragged.boolean_mask(s, s > 1.)

@case(_RAGGED)
def ragged_mapped(r): return tf.map_fn(tf.reduce_sum, r, fn_output_signature=tf.float32)

@case(WIDE)
def ragged_made(x): return tf.RaggedTensor.from_tensor(x, lengths=[1, 3]).flat_values

_SPARSE = tf.sparse.from_dense([[0., 5.], [7., 0.]])

@case(_SPARSE, GRID)
def sparse_product(s, d): return tf.sparse.sparse_dense_matmul(s, d), tf.sparse.reduce_sum(s, 1)

@case(_SPARSE)
def sparse_ways(s): return tf.sparse.to_dense(tf.sparse.transpose(s)), (s * 2.).values, tf.sparse.reorder(s)

@case(WIDE)
def sparse_made(x): return tf.sparse.from_dense(x - 3.)

@case(X)
def gradient_of_rows(x):
    with tf.GradientTape() as tape: y = tf.reduce_sum(tf.nn.embedding_lookup(W, [1, 1]) * x[0])
    W.scatter_sub(tape.gradient(y, W))
    return y

# ---- random numbers, stores, the rest --------------------------------------------------------------------------------

_GENERATOR = tf.random.Generator.from_seed(3)

@case(X, random=True)
def noise(x): return x + tf.random.normal((3,)), tf.random.shuffle(x), tf.random.uniform((2,), maxval=5, dtype=tf.int32)

@case(X, random=True)
def noise_of_other_shapes(x):
    tf.random.truncated_normal((5,))
    return x + tf.random.truncated_normal((3,)), tf.random.gamma((2,), 1.), tf.random.poisson((2,), 3.)

@case(X)
def noise_without_a_state(x): return x * tf.random.stateless_uniform((3,), (1, 2)), tf.random.stateless_normal((2,), [3, 4])

@case(X, random=True)
def noise_of_a_generator(x): return x + _GENERATOR.normal((3,)), _GENERATOR.uniform(())

@case(tf.constant([[1., 2.]]), random=True)
def drawn_from_logits(x): return tf.random.categorical(x, 3), tf.nn.dropout(x, .5)

@case(tf.constant([[.1, .9], [.6, .4]]), random=True)
def monte_carlo(p):
    points = tf.random.uniform((8, 2))
    return 4. * tf.reduce_mean(tf.cast(tf.reduce_sum(points ** 2, 1) < 1., tf.float32)) + p

@case(X, effects="calls Python")
def python_called(x): return tf.py_function(lambda t: t * 2., [x], tf.float32) + 1.

@case(X, effects="calls Python")
def numpy_called(x): return tf.numpy_function(np.sort, [x], tf.float32)

_QUEUE = tf.queue.FIFOQueue(3, [tf.float32], [()])

@case(ONE, effects="runs QueueEnqueueV2")
def queued(x):
    _QUEUE.enqueue(x)
    return x * 2.

@case(X)
def quantized(x):
    return tf.quantization.fake_quant_with_min_max_args(x, -2., 2.), tf.quantization.quantize_and_dequantize_v2(x, -2., 2.)

@case(X)
def names_of_scopes(x):
    with tf.name_scope("outer"):
        with tf.name_scope("inner"): y = tf.sin(x, name="wave")
        return tf.identity(y * 2., name="result")

class _Masked(tf.experimental.ExtensionType):
    values: tf.Tensor
    mask: tf.Tensor

@case(_Masked(X, X > 0.))
def types_of_ones_own(m): return _Masked(m.values * 2., tf.logical_not(m.mask))

_Point = collections.namedtuple("Point", "x y")

@case([_Point(ONE, TWO)])
def tuples_with_names(points): return _Point(points[0].y, points[0].x * 2.)

@case(tf.constant([0., 1., 2.]))
def differentiated_before(x):
    return _inner(x) * 3.

@case(tf.constant([0., 1., 2.]))
def euler_steps(y):
    for _ in tf.range(4): y = y + .1 * tf.stack([y[1], -y[0], 0.])
    return y

@case(GRID)
def power_iteration(a):
    v = tf.ones((2, 1))
    for _ in tf.range(4):
        v = a @ v
        v /= tf.norm(v)
    return v, tf.transpose(v) @ a @ v

@case(tf.constant([[0, 1, 0], [0, 1, 0], [0, 1, 0]]))
def game_of_life(board):
    padded = tf.pad(board, [[1, 1], [1, 1]])
    around = tf.add_n([tf.roll(padded, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j])[1:-1, 1:-1]
    return tf.cast((around == 3) | ((around == 2) & (board == 1)), tf.int32)

@case(tf.constant([-.5, .3]))
def mandelbrot(c):
    z = tf.zeros_like(c)
    steps = tf.zeros_like(c)
    for _ in tf.range(5):
        z = z * z + c
        steps += tf.cast(tf.abs(z) < 2., tf.float32)
    return steps
