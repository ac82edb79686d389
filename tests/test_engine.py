"""The page's arithmetic against TensorFlow, in a browser, on the same numbers: random ones and the book's digits."""
import numpy as np
import pytest
from browser import page_file, visit
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.explore import static
from mnist_graph_tutorial.page_engine import packed, packed_levels, packed_net
import tensorflow as tf
from mnist_graph_tutorial.ideal_images import OBJECTIVES, ideal_images, penalties, total_variation
from mnist_graph_tutorial.matrix_inverse import METHODS, learn_inverse, newton_schulz, random_matrix
from mnist_graph_tutorial.mnist_net import (MnistNet, Weights, binary_cross_entropy, gradients, descend, output_layer, post_cross_entropy,
                                            softmax_cross_entropy)

LOSSES = {"post": post_cross_entropy, "softmax": softmax_cross_entropy}

# What turns base64 of float32 into numbers, and a network's four parts into what the engine works on.
HELPERS = """<script>
const E = mgtEngine, rows = (text, n) => { const all = E.floats(text);
  return Array.from({length: all.length / n}, (_, k) => all.slice(k * n, (k + 1) * n)); };
const netFrom = (parts) => Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, E.floats(text)]));
const lists = (parts) => Object.fromEntries(Object.entries(parts).map(([name, part]) =>
  [name, typeof part === "number" ? part : [...part]]));
const finish = (generator) => { for (;;) { const {done, value} = generator.next(); if (done) return value; } };
</script>"""

@pytest.fixture(scope="module")
def engine(chromium, tmp_path_factory):
    "Runs a function of JavaScript on arguments, beside the engine and nothing else."
    url = page_file(tmp_path_factory.mktemp("engine"), f"<script>{static('engine.js')}</script>{HELPERS}")
    with visit(chromium, url) as page:
        page.set_default_timeout(180_000)
        yield lambda code, *values: page.evaluate(f"(values) => ({code})(...values)", list(values))

def text_of(array) -> str: return packed(np.asarray(array, "<f4"))

def parts_of(weights) -> dict: return {name: text_of(part) for name, part in zip(Weights._fields, weights)}

def random_net(seed, hidden=20, spread=.3) -> MnistNet:
    rng, net = np.random.default_rng(seed), MnistNet(hidden=hidden)
    net.assign(Weights(*(rng.normal(0, spread, part.shape).astype(np.float32) for part in net.weights)))
    return net

@pytest.fixture(scope="module")
def digits():
    data = load_mnist("digits").train
    return data.images[:200], data.labels[:200]

@pytest.mark.parametrize("seed", range(3))
def test_forward_and_losses(engine, digits, seed):
    images, labels = digits
    net = random_net(seed, spread=(.02, .1, .5)[seed])     # from doubt to certainty, where the post's loss clips
    found = engine("""(parts, images, digits) => rows(images, 784).map((image, k) => {
        const net = netFrom(parts), {hidden, logits, probabilities} = E.read(net, image);
        return {hidden: [...hidden], logits: [...logits], probabilities: [...probabilities],
          losses: Object.fromEntries(Object.entries(E.LOSSES).map(([name, loss]) => {
            const {loss: cost, slope} = loss(logits, digits[k]);
            return [name, [cost, ...slope]];
          }))};
      })""", parts_of(net.weights), text_of(images), labels.tolist())
    logits = net(images)
    np.testing.assert_allclose([each["hidden"] for each in found], net.hidden(images), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose([each["logits"] for each in found], logits, rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose([each["probabilities"] for each in found], tf.nn.softmax(logits), atol=1e-4)
    targets = tf.one_hot(labels, 10)
    ours = {"post": lambda z: binary_cross_entropy(z, targets), "logit": lambda z: -tf.reduce_sum(z * targets, 1),
            "softmax": lambda z: tf.nn.softmax_cross_entropy_with_logits(targets, z)}
    for name, loss in ours.items():
        with tf.GradientTape() as tape:
            tape.watch(logits)
            cost = loss(logits)
        expected = np.c_[cost, tape.gradient(cost, logits)]
        clipped = np.abs(tf.nn.softmax(logits).numpy() - .9999999).min(axis=1) < 2e-7      # a last digit decides there
        np.testing.assert_allclose(np.array([each["losses"][name] for each in found])[~clipped], expected[~clipped], rtol=2e-3, atol=2e-3)

@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("start", ["post", "he"])
def test_gradients_by_weights(engine, digits, loss, start):
    images, labels = digits
    net = MnistNet(hidden=30, initial=start, seed=1)
    found = engine("(parts, images, digits, loss) => lists(E.gradient(netFrom(parts), rows(images, 784), digits, E.LOSSES[loss]))",
                   parts_of(net.weights), text_of(images), labels.tolist(), loss)
    cost, expected = gradients(net.weights, tf.constant(images), tf.constant(labels), LOSSES[loss])
    assert found["cost"] == pytest.approx(float(cost), rel=1e-4)
    for name, part in expected._asdict().items():
        np.testing.assert_allclose(found[name], np.ravel(part), rtol=1e-3, atol=1e-5, err_msg=name)

TRAIN = """(parts, images, digits, {loss, rate, batch, steps}) => {
  const net = netFrom(parts), all = rows(images, 784), data = {count: all.length, image: (k) => all[k], digits};
  const order = Uint32Array.from({length: batch * steps}, (_, k) => k % all.length);
  const cost = finish(E.epoch(net, data, order, {loss: E.LOSSES[loss], rate, batch}));
  return {cost, finite: E.isFinite(net), ...lists(net)};
}"""

@pytest.mark.parametrize("steps", [1, 100])
@pytest.mark.parametrize("loss", LOSSES)
def test_steps_of_training(engine, digits, loss, steps):
    images, labels = digits
    net, rate, batch = MnistNet(hidden=30, seed=2), .1, 20
    found = engine(TRAIN, parts_of(net.weights), text_of(images), labels.tolist(), dict(loss=loss, rate=rate, batch=batch, steps=steps))
    weights, costs = net.weights, []
    for k in range(steps):
        rows = np.arange(k * batch, (k + 1) * batch) % len(images)
        weights, cost = descend(weights, tf.constant(images[rows]), tf.constant(labels[rows]), rate, LOSSES[loss])
        costs.append(float(cost))
    assert found["finite"] and found["cost"] == pytest.approx(np.mean(costs), rel=1e-3)
    for name, part in weights._asdict().items():
        np.testing.assert_allclose(found[name], np.ravel(part), atol=2e-3, err_msg=name)

def test_divergence_is_seen(engine, digits):
    images, labels = digits
    net = MnistNet(hidden=30, initial="he", seed=2)
    found = engine(TRAIN.replace("return {cost,", "return {cost: String(cost),").replace("...lists(net)", ""), parts_of(net.weights),
                   text_of(images), labels.tolist(), dict(loss="softmax", rate=1e30, batch=20, steps=10))
    assert not found["finite"]

def test_an_incomplete_batch_is_left_out(engine, digits):
    images, labels = digits
    net = MnistNet(hidden=10, seed=2)
    code = TRAIN.replace("batch * steps", "batch * steps + 7")
    settings = dict(loss="softmax", rate=.1, batch=20, steps=3)
    run = lambda code: engine(code, parts_of(net.weights), text_of(images), labels.tolist(), settings)
    assert run(code) == run(TRAIN)

def test_evaluation(engine, digits):
    images, labels = digits
    net = random_net(4, spread=.1)
    found = engine("""(parts, images, digits) => { const all = rows(images, 784);
        const found = finish(E.evaluate(netFrom(parts), {count: all.length, image: (k) => all[k], digits}, E.LOSSES.softmax));
        return {...found, answers: [...found.answers]}; }""", parts_of(net.weights), text_of(images), labels.tolist())
    logits = net(images).numpy()
    assert found["answers"] == logits.argmax(1).tolist() and found["accuracy"] == pytest.approx((logits.argmax(1) == labels).mean())
    assert found["loss"] == pytest.approx(float(softmax_cross_entropy(logits, labels)), rel=1e-4)

def test_starts_are_spread_as_in_the_book_and_come_from_the_seed(engine):
    code = "(start, seed) => lists(E.newNet(300, start, E.random(seed)))"
    for start in ("post", "he"):
        found, again, other = engine(code, start, 1), engine(code, start, 1), engine(code, start, 2)
        assert found == again and found["w1"] != other["w1"]
        for name, part in MnistNet(hidden=300, initial=start).weights._asdict().items():
            assert len(found[name]) == np.size(part) and np.std(found[name]) == pytest.approx(np.std(part), rel=.1 if len(found[name]) > 99 else 1), name
            assert abs(np.mean(found[name])) <= 4 * np.std(part) / np.size(part) ** .5

def test_a_shuffle_holds_each_once(engine):
    order = engine("(seed) => [...E.shuffled(500, E.random(seed))]", 3)
    assert sorted(order) == list(range(500)) and order != sorted(order)
    assert order == engine("(seed) => [...E.shuffled(500, E.random(seed))]", 3)

@pytest.mark.parametrize("levels", [1, 257, 0, -8, 8.0, True])
def test_other_levels_of_grey_are_refused(levels):
    with pytest.raises(ValueError, match=f"levels is {levels}"): packed_levels(np.zeros((1, 784)), [0], levels)
    for fits in (2, 256): assert packed_levels(np.ones((1, 784)), [0], fits)["levels"] == fits

def test_weights_and_images_arrive(engine, digits):
    images, labels = digits
    net = random_net(0)
    found = engine("(layers) => lists(E.netOf(layers))", packed_net(net))
    for name, part in net.weights._asdict().items():
        np.testing.assert_allclose(found[name], np.ravel(part), atol=np.abs(part).max() / 127 if name[0] == "w" else 0)
    packs = packed_levels(images, labels, 8)
    found = engine("""async (packs) => { const {count, image, digits} = await E.imagesOf(packs);
        return {count, digits: [...digits], images: Array.from({length: count}, (_, k) => [...image(k)])}; }""", packs)
    assert found["count"] == len(images) and found["digits"] == labels.tolist()
    np.testing.assert_allclose(found["images"], np.rint(images * 7) / 7, atol=1e-6)

# ---- images that descend ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("strengths", [(0, 0, 0), (.03, .25, 0), (0, 0, .2), (.01, .02, .03)])
def test_gradient_by_the_image(engine, digits, objective, strengths):
    images = digits[0][:10] + np.random.default_rng(0).normal(0, .2, (10, 784)).astype(np.float32)
    net = random_net(3, spread=.08)
    l1, l2, tv = strengths
    found = engine("""(parts, images, objective, [l1, l2, tv]) => { const net = netFrom(parts), loss = E.LOSSES[objective];
        return rows(images, 784).map((image, k) => { const found = E.imageGradient(net, image, k, {loss, l1, l2, tv});
          return [found.cost, ...found.slope]; }); }""", parts_of(net.weights), text_of(images), objective, strengths)
    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        cost = OBJECTIVES[objective](output_layer(net.weights, x)) + penalties(x, l1, l2, tv if tv else None)
    np.testing.assert_allclose(found, np.c_[cost, tape.gradient(cost, x)], rtol=1e-3, atol=1e-4)

def test_total_variation(engine, digits):
    found = engine("(images) => rows(images, 784).map((image) => E.totalVariation(image))", text_of(digits[0][:20]))
    np.testing.assert_allclose(found, total_variation(digits[0][:20]), rtol=1e-4)

@pytest.mark.parametrize("settings", [dict(l2=.25), dict(l2=.02, tv=.05, objective="logit"), dict(l1=.01, l2=0., box=True)], ids=str)
def test_a_thousand_steps_of_ideal_images(engine, settings):
    net = random_net(5, spread=.05)
    start = np.random.default_rng(1).random((10, 784), np.float32)
    expected = ideal_images(net, start=start, **settings)
    options = dict(l1=0, l2=.25, tv=0, box=False) | {name: value for name, value in settings.items() if name != "objective"}
    found = engine("""(parts, images, objective, options) => { const net = netFrom(parts), loss = E.LOSSES[objective];
        return rows(images, 784).map((image, k) => {
          for (let step = 0; step < 1000; step++) E.imageStep(net, image, k, {loss, ...options});
          return [...image]; }); }""", parts_of(net.weights), text_of(start), settings.get("objective", "post"), options)
    np.testing.assert_allclose(found, expected.images, atol=2e-2)
    assert np.sqrt(np.mean((np.array(found) - expected.images) ** 2)) < 2e-3

# ---- small matrices --------------------------------------------------------------------------------------------------

INVERT = """(A, n, options, wide) => { const search = E.search(A, n, {...options, Numbers: wide ? Float64Array : Float32Array});
  const losses = [];
  for (let k = 0; k < options.steps; k++) { losses.push(E.l1Error(search.X, A, n)); search.step(); }
  return {X: [...search.X], losses: [...losses, E.l1Error(search.X, A, n)], taken: search.taken}; }"""
RATES = {"post": .01, "decay": .3, "squared": 1e-4}

@pytest.mark.parametrize("n", [2, 5, 10])
@pytest.mark.parametrize("method", METHODS)
def test_ways_to_invert(engine, method, n):
    A, steps = random_matrix(7, n), 500
    found = engine(INVERT, A.ravel().tolist(), n, dict(method=method, rate=RATES[method], steps=steps), True)
    expected = learn_inverse(A, steps=steps, learning_rate=RATES[method], log_every=1, method=method, dtype="float64")
    assert found["taken"] == steps
    np.testing.assert_allclose(found["losses"], expected.losses, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.reshape(found["X"], (n, n)), expected.X, rtol=1e-6, atol=1e-9)

def test_the_posts_way_in_float32_ends_where_the_books_does(engine):
    "Float32 parts the paths after some hundred steps (chapter 2); the losses stay alike."
    A = random_matrix(7)
    found = engine(INVERT, A.ravel().tolist(), 10, dict(method="post", rate=.01, steps=10_000), False)
    expected = learn_inverse(A, steps=10_000, log_every=1)
    np.testing.assert_allclose(found["losses"][:50], expected.losses[:50], rtol=1e-4)
    assert found["losses"][-1] == pytest.approx(expected.losses[-1], rel=.05)

@pytest.mark.parametrize("n", [2, 10])
def test_newton_and_schulz(engine, n):
    A = random_matrix(7, n)
    found = engine(INVERT, A.ravel().tolist(), n, dict(method="schulz", steps=40), True)
    expected = newton_schulz(A)
    np.testing.assert_allclose(found["losses"][:10], expected.losses[:10], rtol=1e-6)
    assert found["losses"][-1] < 1e-9
    np.testing.assert_allclose(np.reshape(found["X"], (n, n)), np.linalg.inv(A), atol=1e-9)

@pytest.mark.parametrize("seed", range(4))
def test_singular_values_condition_and_rank(engine, seed):
    n = (2, 3, 6, 10)[seed]
    A = random_matrix(seed, n).astype(float)
    singular = A.copy()
    singular[0] = singular[1:].sum(axis=0)
    code = "(A, n) => ({values: [...E.singularValues(A, n)], condition: String(E.conditionOf(A, n)), rank: E.rankOf(A, n)})"
    found = engine(code, A.ravel().tolist(), n)
    np.testing.assert_allclose(found["values"], np.linalg.svd(A, compute_uv=False), rtol=1e-9)
    assert float(found["condition"]) == pytest.approx(np.linalg.cond(A), rel=1e-6) and found["rank"] == n
    assert engine(code, singular.ravel().tolist(), n)["rank"] == np.linalg.matrix_rank(singular) == n - 1
