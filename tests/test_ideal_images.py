"The ideal images: against NumPy, and what is refused."
import numpy as np
import pytest
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.device import traces
import mnist_graph_tutorial.ideal_images as chapter
from mnist_graph_tutorial.ideal_images import correlation, descend, first_images, ideal_images
from mnist_graph_tutorial.ideal_images import mean_images, score_images, total_variation
from mnist_graph_tutorial.mnist_net import MnistNet, train
import tensorflow as tf


@pytest.fixture(scope="module")
def data(): return load_mnist("digits")

@pytest.fixture(scope="module")
def net(data):
    net = MnistNet(seed=0)
    train(net, data, epochs=8)
    return net


def numpy_post_gradient(x, weights):
    "Derivative of the loss of 2018 with respect to the pixels, by hand, in float64."
    w1, b1, w2, b2 = weights
    before = x @ w1 + b1
    z = np.maximum(before, 0) @ w2 + b2
    y = np.exp(z - z.max(1, keepdims=True))
    y /= y.sum(1, keepdims=True)
    t, inside = np.eye(10), (y > 1e-10) & (y < .9999999)
    by_y = np.where(inside, -t / y + (1 - t) / (1 - y), 0)
    by_z = y * (by_y - (by_y * y).sum(1, keepdims=True))
    return ((by_z @ w2.T) * (before > 0)) @ w1.T

def numpy_variation(image):
    "Total variation of one image, pixel by pixel."
    paper = np.pad(image.reshape(28, 28), 1)
    total = 0
    for i in range(29):
        for j in range(29):
            down, right = paper[i + 1, j] - paper[i, j], paper[i, j + 1] - paper[i, j]
            total += (down ** 2 + right ** 2 + .01) ** .5 - .1
    return total


def test_steps_agree_with_numpy(net):
    weights = [w.numpy().astype(np.float64) for w in (net.w1, net.b1, net.w2, net.b2)]
    x = first_images("uniform", 3).astype(np.float64)
    for _ in range(30): x = x - .1 * (numpy_post_gradient(x, weights) + .02 * np.sign(x) + 2 * .3 * x)
    found = ideal_images(net, l1=.02, l2=.3, steps=30, seed=3)
    np.testing.assert_allclose(found.images, x, atol=1e-4)

def test_losses_are_those_of_the_images(net):
    found = ideal_images(net, l1=.01, l2=.02, tv=.03, steps=20)
    x = found.images.astype(np.float64)
    y = np.clip(tf.nn.softmax(net(tf.constant(found.images))).numpy().astype(np.float64), 1e-10, .9999999)
    t = np.eye(10)
    own = -(t * np.log(y) + (1 - t) * np.log(1 - y)).sum(1)
    size = .01 * np.abs(x).sum(1) + .02 * (x ** 2).sum(1) + .03 * np.array([numpy_variation(image) for image in x])
    np.testing.assert_allclose(found.losses, own + size, rtol=1e-4)

def test_linear_network_has_a_known_answer():
    w = np.random.default_rng(0).normal(0, .1, (784, 10)).astype(np.float32)
    linear = lambda images: images @ tf.constant(w)
    found = ideal_images(linear, l2=.5, objective="logit", steps=300)
    np.testing.assert_allclose(found.images, w.T / (2 * .5), atol=1e-5)
    boxed = ideal_images(linear, l2=0, objective="logit", box=True, start="zeros", steps=200)
    np.testing.assert_allclose(boxed.images, np.clip(200 * .1 * w.T, 0, 1), atol=1e-4)

def test_variation_agrees_with_numpy():
    images = np.random.default_rng(1).normal(0, 1, (3, 784)).astype(np.float32)
    by_hand = [numpy_variation(image) for image in images]
    np.testing.assert_allclose(total_variation(tf.constant(images)), by_hand, rtol=1e-5)
    assert total_variation(tf.zeros((2, 784))).numpy().tolist() == [0, 0]

def test_digits_do_not_meet(net):
    start = first_images("uniform", 0)
    other = start.copy()
    other[3] = 0
    a, b = (ideal_images(net, start=first, steps=50).images for first in (start, other))
    rest = np.arange(10) != 3
    np.testing.assert_allclose(a[rest], b[rest], atol=1e-5)
    assert np.abs(a[3] - b[3]).max() > .01

def test_no_setting_needs_a_new_trace(net):
    ideal_images(net, steps=1)
    before = traces(chapter.descend)
    ideal_images(net, l1=1, l2=np.float64(.2), tv=.5, steps=np.int64(2), learning_rate=1e-3, seed=9, box=True)
    ideal_images(net, l1=0, steps=3.0, start=np.ones((10, 784)))
    assert traces(chapter.descend) == before
    ideal_images(net, steps=1, objective="logit")
    assert traces(chapter.descend) == before + 1

def test_new_weights_are_seen(data):
    net = MnistNet(seed=5)
    a = ideal_images(net, steps=20).images
    before = traces(chapter.descend)
    net.w2.assign(-net.w2)
    assert np.abs(ideal_images(net, steps=20).images - a).max() > 1e-3
    assert traces(chapter.descend) == before

def test_box_holds_whatever_the_start(net):
    wild = np.random.default_rng(0).normal(0, 50, (10, 784))
    for objective in ("post", "logit"):
        images = ideal_images(net, start=wild, box=True, objective=objective, steps=1, l2=0).images
        assert images.min() >= 0 and images.max() <= 1

def test_starts():
    assert np.array_equal(first_images("uniform", 7), first_images("uniform", 7))
    assert not np.array_equal(first_images("uniform", 7), first_images("uniform", 8))
    uniform = first_images("uniform")
    assert uniform.min() >= 0 and uniform.max() < 1 and uniform.std() > .25
    assert not first_images("zeros", 3).any()
    assert first_images(np.ones((10, 784), int)).dtype == np.float32

def test_same_call_same_images(net):
    a, b = (ideal_images(net, steps=100, tv=.1) for _ in range(2))
    assert np.array_equal(a.images, b.images) and np.array_equal(a.losses, b.losses)


NAN, INF = float("nan"), float("inf")

@pytest.mark.parametrize("name, value", [
    ("l1", -.1), ("l1", NAN), ("l2", -1), ("tv", -1e-9), ("tv", INF), ("steps", 0), ("steps", -5), ("steps", 1.5),
    ("steps", NAN), ("steps", INF), ("learning_rate", 0), ("learning_rate", -.1), ("learning_rate", NAN),
    ("learning_rate", INF), ("objective", "softmax"), ("start", "noise"), ("start", np.zeros((784, 10))),
    ("start", np.full((10, 784), np.nan)), ("seed", -1)])
def test_refuses(net, name, value):
    with pytest.raises(ValueError) as refusal: ideal_images(net, **{name: value})
    said = str(refusal.value)
    assert "\n" not in said and (name in said or name == "seed")

def test_says_that_a_search_diverged(net):
    with pytest.raises(ValueError, match="diverged"): ideal_images(net, l2=30, steps=500)

def test_mean_images(data):
    means = mean_images(data.test)
    assert means.shape == (10, 784)
    np.testing.assert_allclose(means[4], data.test.images[data.test.labels == 4].mean(0))
    keep = (data.test.labels != 2) & (data.test.labels != 7)
    some = Split(data.test.images[keep], data.test.labels[keep])
    with pytest.raises(ValueError, match="no image of 2, 7"): mean_images(some)
    with pytest.raises(ValueError): mean_images(Split(data.test.images[:5], data.test.labels[:4]))

def test_correlation():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(10, 784)), rng.normal(size=(10, 784))
    np.testing.assert_allclose(correlation(a, b), [np.corrcoef(p, q)[0, 1] for p, q in zip(a, b)], atol=1e-12)
    with np.errstate(all="raise"): assert correlation(np.ones((2, 784)), a[:2]).tolist() == [0, 0]

def test_scores(net, data):
    images = np.zeros((10, 784), np.float32)
    images[0, :78], images[1, 0] = -.5, 1.5
    scores = score_images(net, images)
    assert np.isnan(scores.second).all() and np.isnan(scores.correlation).all()
    np.testing.assert_allclose(scores.out_of_range[:3], [78 / 784, 1 / 784, 0])
    np.testing.assert_allclose(scores.probability, np.diag(tf.nn.softmax(net(tf.constant(images)))))
    images, means, second = np.random.default_rng(0).random((10, 784), np.float32), mean_images(data.test), MnistNet(seed=9)
    full = score_images(net, images, second=second, means=means)
    np.testing.assert_allclose(full.second, np.diag(tf.nn.softmax(second(tf.constant(images)))))
    np.testing.assert_allclose(full.correlation, [np.corrcoef(*pair)[0, 1] for pair in zip(images, means)], atol=1e-5)

class Halved(MnistNet):
    def __call__(self, images): return super().__call__(images) / 2

def test_a_network_with_a_call_of_its_own_is_asked_itself():
    net = Halved(hidden=20)
    found = [ideal_images(f, steps=20) for f in (net, lambda images: net(images), MnistNet(hidden=20))]
    np.testing.assert_allclose(found[0].images, found[1].images, atol=1e-6)
    assert np.abs(found[0].images - found[2].images).max() > 1e-4

def test_networks_of_one_size_share_a_trace():
    ideal_images(MnistNet(hidden=21), steps=2)
    before = traces(descend)
    for seed in (1, 2): ideal_images(MnistNet(hidden=21, seed=seed), steps=2)
    assert traces(descend) == before
