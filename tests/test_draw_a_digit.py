"""Drawings made into MNIST's kind of picture, weights in 8 bits, and what a DigitPad refuses."""
import base64, json, re, subprocess, sys
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.draw_a_digit import DigitPad, crop, normalise_drawing, quantise, shares
from mnist_graph_tutorial.fingerprints import unit_order
from mnist_graph_tutorial.mnist_net import MnistNet
from mnist_graph_tutorial.digit_pad import contributions_to, doubt_limits, doubted, pad_scales, pen_width, telling_samples, unit_groups
from mnist_graph_tutorial.page_engine import packed, packed_images, packed_layer

@pytest.fixture(scope="module")
def data(): return load_mnist("digits")

@pytest.fixture(scope="module")
def net(): return MnistNet(hidden=20)

def scrawl(seed, height=90, width=110):
    "Ink in a random walk."
    rng = np.random.default_rng(seed)
    sheet = np.zeros((height, width))
    y, x = np.clip(np.cumsum(rng.normal(0, 2, (2, 300)), axis=1) + [[height / 2], [width / 2]], 3, [[height - 4], [width - 4]]).astype(int)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1): sheet[y + dy, x + dx] = rng.uniform(.5, 1, 300)
    return sheet

@pytest.mark.parametrize("seed", range(20))
def test_longer_side_fills_the_square_and_mass_lies_in_the_middle(seed):
    image = normalise_drawing(scrawl(seed)).reshape(28, 28)
    assert max(crop(image).shape) == 20 and 0 < image.max() <= 1
    centre = [image.sum(axis=axis) @ np.arange(28) / image.sum() for axis in (0, 1)]
    assert np.abs(np.array(centre) - 14).max() <= .5 + 1e-6

@pytest.mark.parametrize("seed", range(5))
def test_place_and_size_of_the_sheet_do_not_matter(seed):
    drawing = scrawl(seed)
    image = normalise_drawing(drawing)
    np.testing.assert_allclose(normalise_drawing(np.pad(drawing, ((7, 40), (31, 2)))), image, atol=1e-6)
    np.testing.assert_allclose(normalise_drawing(np.kron(drawing, np.ones((3, 3)))), image, atol=1e-6)

def json_of(pad) -> list:
    "What a pad's page holds as JSON: the layers of its network and the test images, which others may share, and its own data."
    return [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', pad._repr_html_(), re.S)]

def test_the_page_gets_the_network_the_samples_and_the_ideal_images(net, data):
    ideals = np.random.default_rng(0).random((10, 784))
    layers, samples, page = json_of(DigitPad(net, data.test, ideals))
    numbers = lambda text, kind: np.frombuffer(base64.b64decode(text), kind)
    np.testing.assert_allclose(numbers(page["ideals"], np.uint8) / 255, ideals.ravel(), atol=1 / 255)
    np.testing.assert_allclose(numbers(samples, np.uint8) / 255, telling_samples(net, data.test).ravel(), atol=1 / 255)
    for layer, weights, biases in zip(layers, (net.w1, net.w2), (net.b1, net.b2)):
        whole = numbers(layer["weights"], np.int8).reshape(weights.shape) * numbers(layer["scales"], "<f4")
        np.testing.assert_allclose(whole, weights, atol=np.abs(weights).max() / 127)
        assert np.array_equal(numbers(layer["biases"], "<f4"), biases)
    longest = np.abs(contributions_to(net, data.test.images, np.argmax(net(data.test.images), axis=1))).max(axis=1)
    assert page["reach"] == pytest.approx(np.quantile(longest, .5), abs=1e-3)
    assert page["span"] == pytest.approx(np.quantile(np.abs(net(data.test.images)), .999), abs=1e-3)
    assert page["units"] == unit_groups(net, data.test)

def test_a_second_time_changes_nothing():
    image = normalise_drawing(scrawl(1))
    np.testing.assert_allclose(normalise_drawing(image.reshape(28, 28)), image, atol=1e-6)

@pytest.mark.parametrize("shape, size", [((1, 1), (20, 20)), ((100, 1), (20, 1)), ((2, 100), (1, 20)), ((5, 100), (1, 20)), ((30, 40), (15, 20))])
def test_small_and_thin_ink(shape, size):
    drawing = np.zeros((120, 120))
    drawing[10:10 + shape[0], 4:4 + shape[1]] = 1
    assert crop(normalise_drawing(drawing).reshape(28, 28)).shape == size

def test_ink_heavy_at_one_end_stays_inside_the_picture():
    drawing = np.zeros((100, 100))
    drawing[:, 50], drawing[95:, 10:90] = .02, 1
    image = normalise_drawing(drawing).reshape(28, 28)
    assert crop(image).shape[0] == 20 and image[0].any()

@pytest.mark.parametrize("length, count", [(5, 2), (2, 5), (140, 20), (7, 7), (1, 20), (93, 13)])
def test_shares_keep_the_mean(length, count):
    line = np.random.default_rng(0).random(length)
    table = shares(length, count)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert np.isclose((table @ line).mean(), line.mean())

@pytest.mark.parametrize("drawing, complaint", [
    (np.zeros((28, 28)), "the drawing is blank"), (np.zeros((0, 5)), "shape"), (np.ones(784), r"shape \(784,\)"),
    (np.full((5, 5), 1.5), "range 0 to 1"), (-np.eye(5), "range 0 to 1"), (np.full((5, 5), np.nan), "range 0 to 1"),
])
def test_what_is_no_drawing_is_refused(drawing, complaint):
    with pytest.raises(ValueError, match=complaint): normalise_drawing(drawing)

def test_rounding_errs_by_half_a_step_at_most():
    weights = np.random.default_rng(0).normal(0, [.01, 1, 100], (500, 3))
    weights[:, 1] = 0
    whole, scales = quantise(weights)
    assert whole.dtype == np.int8 and np.abs(whole).max(axis=0).tolist() == [127, 0, 127]
    assert (np.abs(whole * scales - weights) <= scales * (.5 + 1e-4)).all()

def test_samples_are_of_the_digit_they_stand_for(net, data):
    images = telling_samples(net, data.test)
    for digit in range(10):
        own = data.test.images[data.test.labels == digit]
        assert all((own == image).all(axis=1).any() for image in images[digit])

def test_samples_are_the_first_three_and_at_last_the_hardest(net, data):
    images, labels = data.test
    logits = net(images).numpy().astype(float)
    belief = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for digit, samples in enumerate(telling_samples(net, data.test)):
        own = np.flatnonzero(labels == digit)
        assert np.array_equal(samples, images[[*own[:3], min(own, key=lambda i: belief[i, digit])]])

def test_pad_is_the_same_on_every_run_and_leaves_no_figure(net, data):
    pad = DigitPad(net, data.test, np.zeros((10, 784)))
    assert pad._repr_html_() == pad._repr_html_() and not plt.get_fignums()
    assert repr(pad) == "DigitPad of 784-20-10"
    assert re.search(r'<img [^>]*alt="A test image[^"]* probability 0\.\d{3}\."', pad._repr_html_())

def test_pad_refuses_what_it_cannot_show(net, data):
    with pytest.raises(ValueError, match=r"ideals of shape \(784,\)"): DigitPad(net, data.test, np.zeros(784))
    fours = np.flatnonzero(data.test.labels == 4)
    for left_out in (slice(3, None), fours, fours[2:]):
        few = data.test._replace(**{name: np.delete(part, left_out, axis=0) for name, part in data.test._asdict().items()})
        with pytest.raises(ValueError, match="every digit"): DigitPad(net, few)
    with pytest.raises(ValueError, match="range 0 to 1"): DigitPad(net, data.test._replace(images=data.test.images * 255))

def test_every_unit_is_in_the_group_of_the_digit_it_belongs_to(net, data):
    "The digit with the highest mean activation; a unit that no image activates belongs to none. First those that stand out."
    hidden = net.hidden(data.test.images).numpy()
    means = np.stack([hidden[data.test.labels == digit].mean(axis=0) for digit in range(10)])
    groups = unit_groups(net, data.test)
    assert sorted(unit for units in groups for unit in units) == list(range(20))
    assert all(means[:, unit].argmax() == digit and hidden[:, unit].any() for digit in range(10) for unit in groups[digit])
    assert not hidden[:, groups[10]].any()
    assert [unit for units in groups for unit in units] == unit_order(means).tolist()     # as in chapter 4
    for units in groups[:10]:
        stands_out = (means.max(axis=0) - means.mean(axis=0))[units]
        assert (np.diff(stands_out) <= 1e-6).all()

def test_a_dead_unit_belongs_to_none(data):
    net = MnistNet(hidden=4)
    net.b1.assign([-1e3, 1, 1, 1])
    assert unit_groups(net, data.test)[10] == [0]

def test_contributions_and_bias_are_the_logit(net, data):
    images, digits = data.test.images[:50], np.arange(50) % 10
    sums = contributions_to(net, images, digits).sum(axis=1) + net.b2.numpy()[digits]
    np.testing.assert_allclose(sums, net(images).numpy()[np.arange(50), digits], atol=1e-4)

class NumpyNet:
    "A network without TensorFlow."
    def __init__(self, net): self.w1, self.b1, self.w2, self.b2 = (w.numpy() for w in (net.w1, net.b1, net.w2, net.b2))
    def hidden(self, images): return np.maximum(images @ self.w1 + self.b1, 0)
    def __call__(self, images): return self.hidden(images) @ self.w2 + self.b2

def test_the_engine_takes_any_network(net, data):
    plain = NumpyNet(net)
    (*ours_shared, ours), (*theirs_shared, theirs) = (json_of(DigitPad(each, data.test)) for each in (net, plain))
    assert ours_shared == theirs_shared and ours["units"] == theirs["units"]
    assert pad_scales(plain, data.test) == pytest.approx(pad_scales(net, data.test), abs=2e-3)

def test_the_engine_needs_no_tensorflow():
    code = "import mnist_graph_tutorial.digit_pad, sys; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

def test_numbers_come_back_from_their_text():
    rng = np.random.default_rng(0)
    array, images = rng.normal(size=(3, 4)).astype("<f4"), rng.uniform(-.5, 1.5, (2, 784))
    numbers = lambda text, kind: np.frombuffer(base64.b64decode(text), kind)
    assert np.array_equal(numbers(packed(array.T), "<f4").reshape(4, 3), array.T)     # row by row, transposed or not
    np.testing.assert_allclose(numbers(packed_images(images), np.uint8) / 255, np.clip(images, 0, 1).ravel(), atol=.5 / 255 + 1e-6)
    layer = packed_layer(array, array[0])
    assert layer.keys() == {"weights", "scales", "biases"} and np.array_equal(numbers(layer["biases"], "<f4"), array[0])

def test_the_pen_is_as_wide_as_a_stroke_of_a_one(data):
    "A one that is a bar of 20 by 3 pixels is drawn with a pen of 3 twentieths of three quarters of the pad."
    bar = np.zeros((28, 28), np.float32)
    bar[4:24, 12:15] = 1
    ones = data.test._replace(images=np.stack([bar.ravel()] * 10), labels=np.full(10, 1, np.int32))
    assert pen_width(ones) == pytest.approx(3 / 20 * .75 * 140, abs=.06)

@pytest.mark.parametrize("share", [.02, .1])
def test_a_share_of_the_images_of_each_digit_falls_below_the_limits(net, data, share):
    images = data.test.images
    limits, digits = doubt_limits(net, data.test, share), np.argmax(net(images), axis=1)
    assert len(limits["logits"]) == 10 and limits["rows"] >= 1
    by_logit = doubted(limits | dict(rows=0), net, images)
    for digit in set(digits): assert by_logit[digits == digit].mean() == pytest.approx(share, abs=.02 + 1.5 / (digits == digit).sum())   # rounded limits
    assert doubted(limits | dict(logits=[-1e9] * 10), net, images).mean() <= share / 10

def test_a_digit_that_is_never_read_has_a_limit_all_the_same(net, data):
    only = data.test._replace(images=data.test.images[:1], labels=data.test.labels[:1])
    assert doubt_limits(net, only)["logits"].count(0) == 9
