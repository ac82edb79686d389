"""Names of up to twenty letters in the figures: every text lies within its figure, and none runs into another."""
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from lessons import ROOT, code_cells
from matplotlib.text import Text
from mnist_graph_tutorial import class_names, contact_sheets, decision_figure, fingerprint_panels
from mnist_graph_tutorial.data import Mnist, Split, image_grid
from mnist_graph_tutorial.mnist_net import MnistNet

LONG = ("mountain hare", "fox", "badger & cub", "roe deer", "hedgehog", "common pipistrelle", "owl", "<old> garden shed", "sandcastles", "counterrevolutionary")
SETS = pytest.mark.parametrize("names", [LONG, LONG[-3:]], ids=["ten", "three"])

def crowded(fig) -> list:
    "The texts of a figure that are cut off at its edge, or less than two pixels from another."
    drawn, draw = [], Text.draw
    def noted(self, renderer):
        if self.get_text().strip() and self not in drawn: drawn.append(self)
        draw(self, renderer)
    Text.draw = noted
    try: fig.canvas.draw()
    finally: Text.draw = draw
    renderer, found = fig.canvas.get_renderer(), []
    (width, height), taken = fig.bbox.size, np.zeros(np.asarray(fig.canvas.buffer_rgba()).shape[:2], int)
    for number, text in enumerate(drawn, 1):
        box = text.get_window_extent(renderer)
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -1: found.append(("cut", text.get_text()))
        renderer.clear()
        text.draw(renderer)
        left, right, high = max(0, int(box.x0) - 3), int(box.x1) + 3, len(taken)
        part = slice(max(0, int(high - box.y1) - 3), int(high - box.y0) + 3), slice(left, right)
        ink = np.asarray(renderer.buffer_rgba())[..., 3][part] > 60
        near = ink | np.roll(ink, 2, axis=1) | np.roll(ink, -2, axis=1)
        found += [("over", text.get_text(), drawn[other - 1].get_text()) for other in np.unique(taken[part][near]) if other]
        taken[part][ink] = number
    plt.close(fig)
    return found

def test_a_text_at_the_edge_and_one_over_another_are_found():
    fig = plt.figure(figsize=(3, 2))
    for place, text in ((.5, "one"), (.55, "two"), (.95, "three"), (.1, "four")): fig.text(place, .5, text)
    assert {what[:2] for what in crowded(fig)} == {("over", "two"), ("cut", "three")}

def test_a_name_is_broken_between_words_where_that_will_do():
    assert class_names.in_lines(["common pipistrelle", "3", "counterrevolutionary"]) == ["common\npipistrelle", "3", "counterrevol\nutionary"]
    assert class_names.in_lines(class_names.DIGITS) == list(class_names.DIGITS)

# Functions of the rooms

def uneven(count, units=230):
    "To which class each unit belongs: some classes have hardly any, the last ones among them."
    return np.sort(np.concatenate([np.arange(count), np.random.default_rng(3).integers(0, max(1, count // 2), units - count)]))

@SETS
def test_in_the_panels(names):
    rng, count, groups = np.random.default_rng(0), len(names), uneven(len(names))
    labels, panels = np.repeat(np.arange(count), 30), fingerprint_panels
    near = {name: np.where(rng.random(len(labels)) < part, 0, labels) for name, part in (("mean image", .2), ("mean fingerprint", .1), ("network", .03))}
    places = np.stack([np.cos(labels * 6.3 / count), np.sin(labels * 6.3 / count)], axis=1) * 9 + rng.normal(size=(len(labels), 2))
    figures = [panels.draw_panels([rng.random((9, 230))] * count, 1., groups, names), panels.draw_means(rng.random((count, 230)), groups, names),
               panels.draw_units(rng.normal(size=(count, 784)), rng.random((count, count, 9)), names, 1., names),
               panels.draw_units(rng.normal(size=(1, 784)), rng.random((1, count, 9)), ["17"], 1., names),
               panels.draw_accuracy(near, labels, names), panels.draw_alike(rng.random((count, count)), np.ones((count, count), int), [(1, 0)], names),
               panels.draw_map(places, labels, labels == 1, "a map", names)]
    assert [crowded(fig) for fig in figures] == [[]] * len(figures)

@SETS
@pytest.mark.parametrize("won, rival", [(-1, -2), (5, 0), (0, 1)])
def test_in_the_decision(names, won, rival):
    rng, count, groups = np.random.default_rng(0), len(names), uneven(len(names))
    sums = rng.normal(size=(231, count)).cumsum(axis=0)
    won, rival = won % count, rival % count
    sums[-1, [won, rival]] = sums.max() + np.array([.2, .1])
    fig = decision_figure.draw_reading(rng.random(784), rng.random(230), rng.random((count, 230)), groups, sums, names=names)
    assert {class_names.in_lines(names)[k] for k in (won, rival)} <= {text.get_text() for text in fig.findobj(Text)}
    assert crowded(fig) == []

@SETS
@pytest.mark.parametrize("scale, columns", [(3, 5), (4, 5), (2, 10)])
def test_under_the_pictures(names, scale, columns):
    scores = np.full((4, len(names)), .123)
    notes, images = contact_sheets.notes(scores, names), np.zeros((len(names), 784))
    assert len({note.count("\n") for note in notes}) == 1  # so that the numbers stand side by side
    assert crowded(contact_sheets.sheet([("a row", images, notes)], columns=columns, scale=scale)) == []

@SETS
def test_above_the_pictures(names):
    assert crowded(image_grid(np.zeros((3, len(names), 784)), names)) == []

# Cells of the chapters, run on made-up numbers

def run_cell(notebook, part, **given) -> dict:
    "What a notebook's cell with that part in it makes of the names that it is given; each figure that it shows, its texts."
    [cell] = [cell for cell in code_cells(ROOT / "nbs" / notebook) if part in cell.source]
    shown = []
    known = {name: getattr(class_names, name) for name in class_names.__all__} | dict(np=np, plt=plt, tf=tf, capital=class_names.at_start)
    space = known | dict(show=lambda *told: shown.append(told), explore=lambda *draw, **choices: shown.append((draw, choices)), shown=shown) | given
    exec(cell.source, space)
    return space | dict(told=shown)

@pytest.fixture(scope="module", params=[LONG, LONG[-3:]], ids=["ten", "three"])
def own(request):
    "Names, and what the chapters have of them: images, labels, a network."
    names, rng = request.param, np.random.default_rng(0)
    labels = np.repeat(np.arange(len(names)), 30).astype(np.int32)
    images = rng.random((len(labels), 784), np.float32)
    split = Split(images, labels)
    return dict(names=names, data=Mnist(split, split, split, "own", names), images=images, labels=labels, net=MnistNet(hidden=30, classes=names))

def test_on_the_front_page(own):
    rng, labels = np.random.default_rng(0), own["labels"]
    read = rng.permutation(labels)
    [(fig, alt, below)] = run_cell("index.ipynb", "missed = [", **own, read=read, wrong=np.flatnonzero(read != labels), ahead=rng.random(len(labels)))["told"]
    assert crowded(fig) == [] and "up to seven images" in below
    looks = np.ones((len(own["names"]), 784))
    [(fig, alt, _)] = run_cell("index.ipynb", "rows = [\"mean image\"", **own, kind="class", count="some", mean=looks, as_in_2018=looks, smooth=looks, KNOWN=())["told"]
    assert crowded(fig) == [] and "blurred images" in alt

def test_the_worst_of_each(own):
    count = len(own["names"])
    chances = np.random.default_rng(0).random((len(own["labels"]), count))
    worst = np.stack([np.flatnonzero(own["labels"] == k)[:3] for k in range(count)], axis=1)
    [(fig, alt, _)] = run_cell("03_mnist_net.ipynb", "read_as =", **own, probabilities=chances, worst=worst, image_grid=image_grid)["told"]
    assert crowded(fig) == [] and "misshapen images" in alt

def test_the_network_drawn(own):
    made = run_cell("03_mnist_net.ipynb", "def deciding(", **own)
    drawn = run_cell("03_mnist_net.ipynb", "def show_network(", **own, deciding=made["deciding"])
    drawn["show_network"](own["net"], own["images"][0], "a caption")
    [(fig, alt, _)] = drawn["told"]
    assert crowded(fig) == [] and alt.startswith("An image, the weights of six hidden units")

def test_a_stage_of_the_training(own):
    rng, count = np.random.default_rng(0), len(own["names"])
    tables, pictures, losses = {50: rng.integers(0, 90, (count, count))}, {50: rng.normal(size=(count, 28, 28))}, np.linspace(.1, .01, 50)
    counts = run_cell("03_mnist_net.ipynb", "def draw_confusion(", **own, counts=tables[50], mistakes=tables[50], with_article=str)
    assert crowded(counts["fig"]) == []
    history = type("History", (tuple,), dict(test_loss=losses))((losses, losses, losses))
    stage = run_cell("03_mnist_net.ipynb", "def draw_stage(", **own, tables=tables, pictures=pictures, mistakes=tables[50], history=history,
                     draw_confusion=counts["draw_confusion"])
    stage["draw_stage"](50)
    assert crowded(plt.gcf()) == []

@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 18])
def test_mistakes_are_counted_in_whole_numbers_once_each(most):
    names = LONG[:5]
    counts = np.eye(5, dtype=int) * 30
    counts[0, 1] = most
    split = Split(np.zeros((1, 784)), np.zeros(1))
    fig = run_cell("03_mnist_net.ipynb", "def draw_confusion(", names=names, counts=counts, mistakes=counts - 30 * np.eye(5, dtype=int), data=Mnist(split, split, split, "own", names))["fig"]
    fig.canvas.draw()
    ticks = [text.get_text() for text in fig.axes[1].get_yticklabels() if 0 <= text.get_position()[1] <= most]
    assert ticks == sorted(set(ticks), key=int) and len(ticks) > 1
    plt.close(fig)

def test_the_bands(own):
    given = dict(load_mnist=lambda: own["data"], trained=lambda data: own["net"], at_start=class_names.at_start, timing=None)
    [(fig, alt, _)] = run_cell("04_fingerprints.ipynb", "panels = f", **given)["told"]
    assert crowded(fig) == []

def test_a_stripe_is_dark_for_a_class_that_has_a_name(own):
    given = dict(w1=tf.zeros((784, 30)), unit=3, draw_units=lambda *parts: None)
    shown = [np.ones((20, 30))] * len(own["names"])
    told = run_cell("04_fingerprints.ipynb", "stripe = np.stack", **own, **given, shown=shown, show=lambda fig, *told: shown.append(told))["told"]
    assert told == [] and shown[-1][0].endswith(f"its stripe, dark for {own['names'][0]}.")

def test_the_menus_say_class(own):
    given = dict(prints=None, known=None, own=0, others=0, blocks=np.ones((10, 10)), panels="Panels, one", **{k: v for k, v in own.items() if k == "names"})
    [(_, choices)] = run_cell("04_fingerprints.ipynb", "def fingerprints_by(", **given)["told"]
    assert choices == dict(units=["by class", "as numbered"])
    [((draw,), choices)] = run_cell("04_fingerprints.ipynb", "def decision(", **own, RANK={"surest": 1})["told"]
    assert choices == {"start": {"class": own["names"][min(4, len(own["names"]) - 1)], "sample": "surest"}, "class": list(own["names"]), "sample": ["surest"]}

def test_a_search_has_its_name_beneath(own):
    given = dict(path={0: 0, 1_000: 0}, tf=tf, sheet=contact_sheets.sheet, KNOWN=(), wanted=5 % len(own["names"]))
    given["path"] = {step: np.ones((1, 784), np.float32) for step in (0, 10, 100, 1_000)}
    [(fig, *_)] = run_cell("05_ideal_images.ipynb", "def of_digits(", **own, **given)["told"]
    assert crowded(fig) == []
    given = dict(fading=given["path"], faded=np.ones((4, 784), np.float32), a_three="that", sheet=contact_sheets.sheet, wanted=given["wanted"])
    [(fig, *_)] = run_cell("05_ideal_images.ipynb", "bows =", **own, **given)["told"]
    assert crowded(fig) == []

# Words

def test_the_first_network_has_an_output_for_each_class(own):
    made = run_cell("03_mnist_net.ipynb", "(300, len(data.classes))", load_mnist=lambda: own["data"])
    assert made["w2"].shape == (300, len(own["names"])) and made["network"](own["images"][:2]).shape == (2, len(own["names"]))

def test_the_push_is_on_the_right_class(own):
    curve = np.linspace(0, 1, 9)
    made = run_cell("03_mnist_net.ipynb", "softmax_push, \"--\"", **own, sureness=curve, post_push=curve, softmax_push=curve)
    assert "the right class's logit" in made["told"][0][1] and made["ax"].get_xlabel() == "logit of the wrong class"
    plt.close(made["fig"])

def test_images_are_blurred_and_classes_are_not(own):
    looks, ten = np.ones((len(own["names"]), 784)), class_names.in_words(len(own["names"]))
    given = dict(own, means=looks, sheet=lambda *rows, **form: None, KNOWN=(), at_start=class_names.at_start)
    [(_, alt, _)] = run_cell("05_ideal_images.ipynb", "dark where most images", **given)["told"]
    assert alt.startswith(f"{class_names.at_start(ten)} blurred images")
    found = type("Found", (), dict(images=looks))
    given |= dict(ten=ten, blur=lambda images: images, on_paper=looks, on_real=looks, unboxed=found, drawn=found, from_mean=found)
    [(*_, below)] = run_cell("05_ideal_images.ipynb", "how_many =", **given)["told"]
    assert below.startswith("The three classes. " if ten == "three" else "Five of the ten classes. ")

def test_a_map_of_numbers_is_called_so(own):
    given = dict(own, draw_map=lambda *parts: None, place=own["images"], misread=own["labels"] == 1, every=slice(None))
    [(_, alt, _)] = run_cell("04_fingerprints.ipynb", "marks =", **given)["told"]
    assert "test images as small numbers, those of their classes, on a map" in alt
