"""Fingerprints against plain NumPy, on odd networks and odd input, and the three slips of the 2018 figure."""
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from mnist_graph_tutorial import fingerprints as chapter
from mnist_graph_tutorial.data import Split
from mnist_graph_tutorial.fingerprint_panels import draw_as_in_2018, draw_panels, draw_units, purity, tsne_map
from mnist_graph_tutorial.fingerprints import (belongs_to, columns, contributions, draw_decision, fingerprints, group_ends, margins,
                                               running_sums, unit_order)
from mnist_graph_tutorial.mnist_net import MnistNet
from sklearn.metrics.pairwise import cosine_similarity as similarity

def split_of(labels, seed=0):
    "Random images with the given labels."
    return Split(np.random.default_rng(seed).random((len(labels), 784), np.float32), np.array(labels, np.int32))

SPLIT = split_of(np.random.default_rng(1).permutation(np.repeat(np.arange(10), range(1, 11))))  # one 0, two 1s ... ten 9s

def hidden_in_numpy(net, images):
    w1, b1 = net.w1.numpy().astype(float), net.b1.numpy().astype(float)
    return np.maximum(images.astype(float) @ w1 + b1, 0)

@pytest.fixture(autouse=True)
def no_figure_left():
    yield
    plt.close("all")

@pytest.mark.parametrize("hidden", [1, 7, 300])
def test_vectors_and_means_are_those_of_numpy_in_the_order_of_the_split(hidden):
    net = MnistNet(hidden=hidden, seed=3)
    prints, vectors = fingerprints(net, SPLIT), hidden_in_numpy(net, SPLIT.images)
    assert len(prints.digits) == 10 and prints.means.shape == (10, hidden)
    for digit, (found, mean) in enumerate(zip(prints.digits, prints.means)):
        np.testing.assert_allclose(found, vectors[SPLIT.labels == digit], atol=1e-4)
        np.testing.assert_allclose(mean, vectors[SPLIT.labels == digit].mean(axis=0), atol=1e-4)

def test_other_number_types_give_the_same():
    net = MnistNet(hidden=20)
    plain = fingerprints(net, SPLIT)
    other = fingerprints(net, (SPLIT.images.astype(np.float64), SPLIT.labels.astype(np.uint8)))
    assert np.array_equal(plain.means, other.means)

def test_fingerprints_outlive_further_training():
    net = MnistNet(hidden=20)
    prints = fingerprints(net, SPLIT)
    before = prints.classify(SPLIT.images)
    net.w1.assign(-net.w1)
    assert np.array_equal(prints.classify(SPLIT.images), before)

def test_another_network_of_the_same_size_needs_no_new_trace():
    fingerprints(MnistNet(hidden=11, seed=0), SPLIT)
    count = chapter.traces(chapter.vectors_and_means)
    fingerprints(MnistNet(hidden=11, seed=1), SPLIT)
    assert chapter.traces(chapter.vectors_and_means) == count

@pytest.mark.parametrize("seed", range(5))
def test_classify_is_the_nearest_mean(seed):
    prints = fingerprints(MnistNet(hidden=30, seed=seed), SPLIT)
    images = split_of(np.zeros(200), seed).images
    vectors = hidden_in_numpy(MnistNet(hidden=30, seed=seed), images)
    distances = np.linalg.norm(vectors[:, None] - prints.means, axis=2)
    found = prints.classify(images)
    np.testing.assert_allclose(distances[np.arange(200), found], distances.min(axis=1), rtol=1e-4)
    assert found.dtype == np.int32 and len(set(found.tolist())) > 1

def test_reading_any_number_of_images_needs_one_trace():
    prints = fingerprints(MnistNet(hidden=10, seed=1), SPLIT)
    prints.classify(SPLIT.images[:1])
    count = chapter.traces(chapter.nearest)
    for n in (1, 2, 3, 55): assert prints.classify(SPLIT.images[:n]).tolist() == prints.classify(SPLIT.images)[:n].tolist()
    fingerprints(MnistNet(hidden=12, seed=1), SPLIT).classify(SPLIT.images[:4])
    assert chapter.traces(chapter.nearest) == count == 1

WRONG = [(np.zeros((2, 783)), "784"), (np.zeros((2, 28, 28)), "784"), (np.zeros(784), "784"), (np.zeros((0, 784)), "784"),
         (0.5, "784"), (np.full((1, 784), 255.), "range"), (np.full((1, 784), -0.1), "range"), (np.full((1, 784), np.nan), "range")]

@pytest.mark.parametrize("images, message", WRONG)
def test_what_are_no_images_is_refused_in_one_line(images, message):
    net = MnistNet(hidden=5)
    prints = fingerprints(net, SPLIT)
    for call in (prints.classify, lambda images: contributions(net, images)):
        with pytest.raises(ValueError, match=message) as refusal: call(images)
        assert "\n" not in str(refusal.value)

@pytest.mark.parametrize("split, message", [
    (Split(SPLIT.images * 255, SPLIT.labels), "range"), (Split(SPLIT.images[:, :-1], SPLIT.labels), "784"),
    (Split(SPLIT.images[:-1], SPLIT.labels), "labels of shape"), (Split(SPLIT.images, SPLIT.labels + 1), "digits"),
    (split_of([0, 1, 2, 4, 5, 6, 8, 9]), "no image of 3, 7;"), (split_of([]), "784")])
def test_what_is_no_split_is_refused(split, message):
    with pytest.raises(ValueError, match=message): fingerprints(MnistNet(hidden=5), split)

@pytest.mark.parametrize("hidden", [1, 7, 300])
def test_contributions_sum_with_the_bias_to_the_logits(hidden):
    net = MnistNet(hidden=hidden, seed=2)
    parts = contributions(net, SPLIT.images)
    assert parts.shape == (len(SPLIT.labels), hidden, 10)
    np.testing.assert_allclose(parts.sum(axis=1) + net.b2.numpy(), net(SPLIT.images), atol=1e-3)
    assert not parts[hidden_in_numpy(net, SPLIT.images) == 0].any()

def test_running_sums_go_from_biases_to_logits_in_any_order():
    net = MnistNet(hidden=40, seed=5)
    vector = hidden_in_numpy(net, SPLIT.images[:1])[0]
    for seed in range(3):
        sums = running_sums(net.weights, vector, np.random.default_rng(seed).permutation(40))
        np.testing.assert_allclose(sums[0], net.b2.numpy(), atol=1e-6)
        np.testing.assert_allclose(sums[-1], net(SPLIT.images[:1])[0], atol=1e-3)

def test_order_of_units_on_random_means():
    rng = np.random.default_rng(0)
    for units in rng.integers(1, 60, 40):
        means = rng.random((10, units)) * (rng.random(units) > 0.3)
        order, ends, likes = unit_order(means), group_ends(means), belongs_to(means)
        assert sorted(order) == list(range(units)) and (np.diff(likes[order]) >= 0).all() and ends[-1] == units
        for digit, group in enumerate(np.split(order, ends)[:11]):
            assert (likes[group] == digit).all()
            assert (np.diff((means.max(axis=0) - means.mean(axis=0))[group]) <= 0).all()
        assert np.array_equal(likes == 10, ~means.any(axis=0))

def test_shuffled_units_are_the_same_network_and_the_same_order_on_the_page():
    net, shuffled = MnistNet(hidden=25, seed=1), MnistNet(hidden=25)
    places = np.random.default_rng(0).permutation(25)
    w1, b1, w2, b2 = (w.numpy() for w in net.weights)
    shuffled.assign((w1[:, places], b1[places], w2[places], b2))
    one, other = fingerprints(net, SPLIT), fingerprints(shuffled, SPLIT)
    np.testing.assert_allclose(shuffled(SPLIT.images), net(SPLIT.images), atol=1e-4)
    np.testing.assert_allclose(similarity(other.means), similarity(one.means), atol=1e-5)
    np.testing.assert_allclose(other.means[:, unit_order(other.means)], one.means[:, unit_order(one.means)], atol=1e-4)

def test_margins_by_hand_and_by_argmax():
    assert margins([[0, 3, 1, *[0] * 7], [5, 2, 0, *[0] * 7]], [1, 2]).tolist() == [2, -5]
    logits, labels = np.random.default_rng(0).normal(size=(500, 10)), np.random.default_rng(1).integers(0, 10, 500)
    assert np.array_equal(margins(logits, labels) > 0, logits.argmax(axis=1) == labels)

def test_similarity_is_a_cosine_and_survives_a_silent_digit():
    means = np.random.default_rng(0).random((10, 30))
    means[4] = 0
    cosine = similarity(means)
    assert np.allclose(cosine, cosine.T) and np.allclose(np.diag(cosine), np.arange(10) != 4)
    assert not cosine[4].any() and np.isclose(cosine[1, 2], means[1] @ means[2] / np.sqrt((means[1] @ means[1]) * (means[2] @ means[2])))

def test_the_figure_has_ten_digits_each_under_its_own_name_on_one_scale():
    prints = fingerprints(MnistNet(hidden=30, seed=1), SPLIT)
    for grouped in (True, False):
        figure = prints.plot(grouped=grouped)
        panels = [ax for ax in figure.axes if ax.get_title()]
        assert [ax.get_title() for ax in panels] == [str(digit) for digit in range(10)]
        assert len({ax.get_images()[0].get_clim() for ax in panels}) == 1
        order = unit_order(prints.means) if grouped else np.arange(30)
        for ax, mean, vectors in zip(panels, prints.means, prints.digits):  # few enough images for a column each
            shown = ax.get_images()[0].get_array()
            assert shown.shape == (30, len(vectors))
            np.testing.assert_allclose(shown.mean(axis=1), mean[order], atol=1e-4)

def test_another_splits_means_may_give_the_order():
    net = MnistNet(hidden=30, seed=1)
    prints, other = fingerprints(net, SPLIT), fingerprints(net, split_of(np.repeat(np.arange(10), 7), seed=5))
    panels = [ax for ax in prints.plot(means=other.means).axes if ax.get_title()]
    for ax, mean in zip(panels, prints.means):
        np.testing.assert_allclose(ax.get_images()[0].get_array().mean(axis=1), mean[unit_order(other.means)], atol=1e-4)

def test_the_figure_of_2018_has_its_three_slips():
    blocks = [np.full((3, 4), float(digit + 1)) * np.arange(4) for digit in range(10)]
    panels = draw_as_in_2018(blocks).axes
    assert [ax.get_title() for ax in panels] == [str(digit) for digit in range(1, 10)]
    assert [ax.get_images()[0].get_array().max() for ax in panels] == [3. * (digit + 1) for digit in range(9)]
    assert len({ax.get_images()[0].get_clim() for ax in panels}) == 9

def test_panels_name_the_groups_that_are_there():
    groups = np.array([0, 0, 3, 3, 3, 9, 10, 10])
    axis = draw_panels([np.ones((2, 8))] * 10, 1., groups).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["0", "3", "9", "none"]
    assert np.allclose(axis.get_yticks(), [0.5, 3, 5, 6.5])

def test_a_unit_is_drawn_with_its_weights_and_its_activation_for_each_digit():
    rng = np.random.default_rng(0)
    weights, stripes = rng.normal(size=(2, 784)), rng.random((2, 10, 5))
    axes = np.reshape(draw_units(weights, stripes, ["a", "b"], 1.).axes, (2, 2))
    assert len({tuple(ax.images[0].get_clim()) for ax in axes[:, 0]}) == len({tuple(ax.images[0].get_clim()) for ax in axes[:, 1]}) == 1
    for (left, right), image, stripe in zip(axes, weights, stripes):
        assert np.array_equal(left.images[0].get_array(), image.reshape(28, 28))
        shown = np.ma.filled(right.images[0].get_array(), np.nan).ravel()
        assert np.array_equal(shown[~np.isnan(shown)], stripe.ravel())

def test_surest_images_come_first():
    net = MnistNet(hidden=30, seed=1)
    prints = fingerprints(net, SPLIT)
    first = chapter.surest_first(prints.digits[9], 9, prints.weights)
    sure = margins(first @ net.w2.numpy() + net.b2.numpy(), np.full(10, 9))
    assert (np.diff(sure) <= 0).all() and sure[0] > sure[-1]

def test_a_network_that_is_dead_altogether_can_be_drawn_and_classifies():
    net = MnistNet(hidden=6)
    net.b1.assign(np.full(6, -100, np.float32))
    prints = fingerprints(net, SPLIT)
    assert not prints.means.any() and (belongs_to(prints.means) == 10).all()
    prints.plot().canvas.draw()
    assert set(prints.classify(SPLIT.images).tolist()) <= set(range(10)) and not similarity(prints.means).any()
    with pytest.raises(ValueError, match="no hidden unit"): draw_decision(prints, SPLIT.images[0])

@pytest.mark.parametrize("hidden", [1, 50])
def test_a_decision_is_drawn_up_to_the_logits(hidden):
    net = MnistNet(hidden=hidden, seed=1)
    if hidden == 1: net.b1.assign([1.])
    figure = draw_decision(fingerprints(net, SPLIT), SPLIT.images[5])
    figure.canvas.draw()
    chart = figure.axes[-1]
    ends = sorted(line.get_ydata()[-1] for line in chart.get_lines())
    logits = net(SPLIT.images[5:6])[0].numpy()
    np.testing.assert_allclose(ends, np.sort(logits), atol=1e-3)
    assert [text.get_text() for text in chart.texts] == [str(digit) for digit in np.argsort(logits)[[-1, -2]]]

def test_every_part_of_a_decision_shows_what_it_says():
    net, image = MnistNet(hidden=50, seed=1), SPLIT.images[5]
    prints, vector = fingerprints(net, SPLIT), net.hidden(SPLIT.images[5:6])[0].numpy()
    order = unit_order(prints.means)
    order = order[(prints.means.max(axis=0) + vector)[order] > 0]
    figure = draw_decision(prints, image)
    figure.canvas.draw()
    picture, strip, table, beside, chart = figure.axes
    assert np.array_equal(picture.images[0].get_array(), image.reshape(28, 28))
    assert np.array_equal(strip.images[0].get_array()[0], vector[order])
    assert np.array_equal(table.images[0].get_array(), prints.means[:, order]) and table.images[0].origin == "upper"
    bars = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in beside.patches}
    np.testing.assert_allclose([bars[digit] for digit in range(10)], np.linalg.norm(prints.means - vector, axis=1), rtol=1e-5)
    assert beside.get_ylim() == table.get_ylim()
    sums, middle = running_sums(net.weights, vector, order), len(order) // 2
    np.testing.assert_allclose(sorted(line.get_ydata()[middle] for line in chart.get_lines()), np.sort(sums[middle]), rtol=1e-5)
    names = {text.get_text(): tick for text, tick in zip(chart.get_xticklabels(), chart.get_xticks())}
    own = {str(digit): np.flatnonzero(belongs_to(prints.means)[order] == digit).mean() for digit in range(10) if str(digit) in names}
    assert len(own) > 5 and all(abs(names[digit] - place) < 3 for digit, place in own.items())

def test_columns_are_means_of_neighbours():
    assert columns(np.arange(60.)[:, None])[:, 0].tolist() == [2 * k + .5 for k in range(30)]
    assert np.array_equal(columns(np.arange(6.).reshape(3, 2)), np.arange(6.).reshape(3, 2))

def test_a_decision_is_drawn_against_any_rival():
    net, image = MnistNet(hidden=50, seed=1), SPLIT.images[5]
    prints, logits = fingerprints(net, SPLIT), net(SPLIT.images[5:6])[0].numpy()
    won, second = np.argsort(logits)[[-1, -2]]
    for rival in range(10):
        chart, drawn = draw_decision(prints, image, rival).axes[-1], second if rival == won else rival
        assert [text.get_text() for text in chart.texts] == [str(won), str(drawn)]
        [dashed] = [line for line in chart.get_lines() if line.get_linestyle() == "--"]
        assert np.isclose(dashed.get_ydata()[-1], logits[drawn], atol=1e-3)

def test_a_decision_counts_units_that_no_image_of_the_split_woke():
    net = MnistNet(hidden=2)
    net.assign((np.stack([np.ones(784), -np.ones(784)], axis=1).astype(np.float32), np.array([0, 1], np.float32),
                np.arange(20, dtype=np.float32).reshape(2, 10), np.zeros(10, np.float32)))
    prints, blank = fingerprints(net, SPLIT), np.zeros(784)
    assert belongs_to(prints.means)[1] == 10
    chart = draw_decision(prints, blank).axes[-1]
    assert sorted(line.get_ydata()[-1] for line in chart.get_lines()) == list(range(10, 20))

def test_a_decision_wants_an_image_and_a_digit():
    prints = fingerprints(MnistNet(hidden=9, seed=1), SPLIT)
    with pytest.raises(ValueError, match="784"): draw_decision(prints, np.zeros((28, 28)))
    with pytest.raises(ValueError, match="rival is 10"): draw_decision(prints, SPLIT.images[0], rival=10)
    assert plt.get_fignums() == []

def test_purity_against_one_vector_at_a_time():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    for k in (1, 5, 59):
        found = purity(vectors, labels, k)
        for i in range(60):
            near = np.argsort(np.linalg.norm(vectors - vectors[i], axis=1), kind="stable")[1:k + 1]
            assert np.isclose(found[i], (labels[near] == labels[i]).mean())
    for k in (0, -1, 60):
        with pytest.raises(ValueError, match=f"k is {k}"): purity(vectors, labels, k)

def test_a_map_is_the_same_on_each_run_and_keeps_clusters_together():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 50)
    vectors = (rng.normal(size=(150, 8)) + 12 * np.eye(8)[labels]).astype(np.float32)
    one, other = tsne_map(vectors), tsne_map(vectors)
    assert one.shape == (150, 2) and one.tobytes() == other.tobytes()
    assert purity(one, labels).mean() > 0.95

@pytest.mark.parametrize("vectors", [np.zeros((99, 5)), np.zeros(200), np.full((200, 5), np.nan), np.zeros((200, 1))])
def test_a_map_needs_enough_finite_rows(vectors):
    with pytest.raises(ValueError, match="at least 100 rows"): tsne_map(vectors)

def test_equal_rows_have_no_map():
    with pytest.raises(ValueError, match="nothing to map"): tsne_map(np.ones((200, 5)))
