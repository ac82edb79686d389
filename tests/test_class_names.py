"""Three classes with names of their own, in every figure: what is drawn, what is said, and what the pages' scripts show."""
import io, json, re
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from browser import page_file, visit
from lessons import code_cells
from mnist_graph_tutorial import contact_sheets, digit_pad, fingerprint_panels, fingerprints, ideal_images, mnist_net, sessions
from mnist_graph_tutorial.class_names import DIGITS, aslant_above, aslant_below, at_start, in_words, noun, nouns, things, with_article
from mnist_graph_tutorial.data import Mnist, Split, image_grid, load_mnist
from mnist_graph_tutorial.digit_pad import DigitPad
from mnist_graph_tutorial.manuscript import bare_name, notebooks
from mnist_graph_tutorial.mnist_net import MnistNet
from mnist_graph_tutorial.page_dream import Dream
from mnist_graph_tutorial.page_engine import NumpyNet
from mnist_graph_tutorial.page_fingerprint import OwnFingerprint
from mnist_graph_tutorial.page_shift import MovedDigit
from mnist_graph_tutorial.page_training import TrainHere

NAMES = "Ring", "Trouser", "Ankle boot"
TEN = ("mountain hare", "roe deer", "hedgehog", "badger & fox", "heart <3", "common pipistrelle", "bumblebee orchid (2)", "owl", "Kilometerschild", "fox")

def of_three(split):
    "Zeros, ones and eights under the labels 0, 1 and 2."
    kept = np.isin(split.labels, (0, 1, 8))
    return Split(split.images[kept], np.searchsorted((0, 1, 8), split.labels[kept]).astype(np.int32))

@pytest.fixture(scope="module")
def three():
    "Three classes of the embedded digits, under other names, and a network of so many outputs that has seen a few of them."
    small = load_mnist("digits")
    data = Mnist(*map(of_three, small[:3]), "three", NAMES)
    net = MnistNet(hidden=20, initial="he", classes=NAMES)
    mnist_net.train(net, data, epochs=15, batch_size=20)
    return data, net

@pytest.fixture(scope="module")
def prints(three): return fingerprints.fingerprints(three[1], three[0].test)

def texts(fig) -> set:
    "All that is written in a figure."
    fig.canvas.draw()
    found = {text.get_text() for text in fig.findobj(plt.Text) if text.get_visible()}
    plt.close(fig)
    return found

def test_names_in_a_sentence_and_in_a_figure():
    assert [with_article(name) for name in ("8", "1", "Ankle boot", "bag")] == ["an 8", "a 1", "an Ankle boot", "a bag"]
    assert (noun(DIGITS), nouns("358"), noun(NAMES), nouns(NAMES)) == ("digit", "digits", "class", "classes")
    assert at_start(in_words(3)) == "Three" and in_words(11) == "11"
    assert aslant_above(DIGITS) == aslant_below(DIGITS) == {} != aslant_above(NAMES)

# The network

def test_a_network_has_an_output_for_each_class(three, tmp_path):
    data, net = three
    assert net(data.test.images).shape == (len(data.test.labels), 3) and mnist_net.evaluate(net, data.test).accuracy > .9
    net.save(tmp_path / "net.npz")
    assert MnistNet.load(tmp_path / "net.npz", NAMES).classes == NAMES
    with pytest.raises(ValueError, match="holds a network of 3 classes, not of 10; name its own"): MnistNet.load(tmp_path / "net.npz")
    assert np.array_equal(MnistNet(hidden=5).w2, MnistNet(hidden=5, classes=DIGITS).w2)

@pytest.mark.parametrize("ask", [mnist_net.evaluate, mnist_net.confusion, fingerprints.fingerprints], ids=lambda ask: ask.__name__)
def test_labels_beyond_the_outputs_are_refused(three, ask):
    with pytest.raises(ValueError, match="labels up to 9, but the network has 3 outputs"): ask(three[1], load_mnist("digits").test)

@pytest.mark.parametrize("train", [mnist_net.train, sessions.train_in_session])
def test_a_network_of_too_few_outputs_is_not_trained(three, train):
    before = three[1].weights
    with pytest.raises(ValueError, match="labels up to 9, but the network has 3 outputs"): train(three[1], load_mnist("digits"), epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, three[1].weights))

def test_confusion_is_of_the_classes_there_are(three):
    data, net = three
    counts = mnist_net.confusion(net, data.test)
    assert counts.shape == (3, 3) and counts.sum() == len(data.test.labels)

# The figures of chapters 3 to 5

def test_fingerprints_of_three(three, prints):
    data, net = three
    assert len(prints.digits) == 3 and prints.means.shape == (3, 20) and prints.classes == NAMES
    assert fingerprints.belongs_to(np.zeros((3, 2))).tolist() == [3, 3] and len(fingerprints.group_ends(prints.means)) == 4
    assert set(NAMES) <= texts(prints.plot()) and (prints.classify(data.test.images) == data.test.labels).mean() > .8
    assert (fingerprints.margins(net(data.test.images), data.test.labels) > 0).mean() > .9

def test_a_decision_between_three(three, prints):
    found = texts(fingerprints.draw_decision(prints, three[0].test.images[0]))
    assert set(NAMES) <= found and "live units, by the class they belong to" in found
    with pytest.raises(ValueError, match="rival is 3, which is not a class"): fingerprints.draw_decision(prints, three[0].test.images[0], 3)

def test_panels_of_three(three, prints):
    labels, means, order = three[0].test.labels, prints.means, fingerprints.unit_order(prints.means)
    groups, blocks = fingerprints.belongs_to(means)[order], [vectors[:9] for vectors in prints.digits]
    panels = fingerprint_panels
    drawn = [panels.draw_panels(blocks, 1., groups, NAMES), panels.draw_means(means[:, order], groups, NAMES),
             panels.draw_accuracy(dict(a=labels, b=labels, c=labels), labels, NAMES),
             panels.draw_alike(np.eye(3), np.zeros((3, 3), int), [(1, 0)], NAMES),
             panels.draw_units(np.random.default_rng(0).normal(size=(2, 784)), np.ones((2, 3, 9)), ["1", "2"], 1., NAMES),
             image_grid(three[0].test.images[:3][None], NAMES)]
    for fig in drawn: assert set(NAMES) <= texts(fig)
    on_map = panels.draw_map(np.random.default_rng(0).random((len(labels), 2)), labels, labels == 1, "a map", NAMES)
    assert {"0 Ring", "1 Trouser", "2 Ankle boot"} <= texts(on_map)  # its points are the numbers
    assert texts(panels.draw_as_in_2018(blocks)) >= {"1", "2"}

@pytest.mark.parametrize("kind", ["x", "y"])
def test_a_class_without_units_has_no_name_beside_the_units(kind):
    fig, ax = plt.subplots()
    fingerprint_panels.name_groups(getattr(ax, f"{kind}axis"), np.array([0, 0, 2, 3]), .1, names=NAMES)
    assert {"Ring", "Ankle boot", "none"} <= texts(fig)

def test_ideal_images_of_three(three):
    data, net = three
    means = ideal_images.mean_images(data.test, 3)
    found = ideal_images.ideal_images(net, second=net, means=means, steps=30)
    assert found.images.shape == means.shape == (3, 784) and found.classes == NAMES and found.scores.probability.min() > .5
    assert any("Ankle boot" in text for text in texts(contact_sheets.pairs("ideal", found, means)))
    by_session = sessions.ideal_images_in_session(net, steps=30, rows=10)
    assert np.abs(by_session - found.images).max() < 1e-4
    with pytest.raises(ValueError, match=r"start has shape \(10, 784\), not \(3, 784\)"): ideal_images.ideal_images(net, start=np.ones((10, 784)))

def test_few_pictures_fill_the_line(three):
    wide, narrow = (contact_sheets.sheet([("a row", three[0].test.images[:count])]) for count in (10, 3))
    assert abs(narrow.get_figwidth() - wide.get_figwidth()) < .6
    for fig in (wide, narrow): plt.close(fig)

# Cells of the book, run on named classes with what they need alone

def run_cells(name, *holding, **names) -> list:
    "What the cells of a notebook that hold these texts `show`: figures, alternative texts and captions."
    shown, (path,) = [], [path for path in notebooks() if bare_name(path) == name]
    names |= dict(np=np, plt=plt, noun=noun, show=lambda *found: shown.append(found), at_start=at_start, in_words=in_words, things=things)
    for text in holding:
        (source,) = [cell.source for cell in code_cells(path) if text in cell.source]
        exec(source, names)
    return shown

def test_titles_of_what_is_no_digit_have_room_for_long_names():
    answers = {"the letter A": (5, .952), "a tiny 7": (6, 1.)}
    needed = dict(data=Mnist(None, None, None, "own", TEN), KNOWN=("mnist", "digits"), seen={name: np.eye(28) for name in answers}, answers=answers)
    ((fig, told, _),) = run_cells("draw_a_digit", "def side_by_side", "titles = [", names=TEN, **needed)
    fig.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in fig.axes]
    plt.close(fig)
    assert boxes[0].x0 >= 0 and boxes[0].x1 < boxes[1].x0 and boxes[1].x1 <= fig.bbox.x1
    assert "the letter A as common pipistrelle, p = 0.952, a tiny 7 as" in told
    ((fig, _, _),) = run_cells("draw_a_digit", "def side_by_side", "titles = [", names=DIGITS, **needed)
    assert "a tiny 7:\n6, p = 1.000" in texts(fig)

def test_what_moving_costs_is_told_in_numbers():
    needed = dict(shifts=np.arange(-8, 9), as_moved=[.26] * 17, recentred=[.7] * 8 + [.94] + [.7] * 8, data=Mnist(None, None, None, "own", NAMES))
    ((fig, told, _),) = run_cells("draw_a_digit", "as_moved, \"o-\"", names=NAMES, KNOWN=("mnist", "digits"), **needed)
    plt.close(fig)
    assert "0.26 at eight, where guessing gets 0.33. Centred again it is 0.94 in place and 0.70 or more up to four pixels" in told

def test_contact_sheets_of_three_say_so_and_compare_none_with_itself(three):
    data, names = three[0], dict(sheet=contact_sheets.sheet, stretched=contact_sheets.stretched)
    sheets = run_cells("contact_sheets", "digits = np.stack", "show(stretched(", load_mnist=lambda: data, **names)
    assert [told for _, told, _ in sheets] == ["Two rows of three pictures: images in black; below, each with another in orange.",
                                               "Three pictures in matplotlib's colours: images in yellow, and others in dark blue, on green."]
    for fig, *_ in sheets: plt.close(fig)
    (fig, *_) = sheets[1]
    assert all(np.ptp(ax.images[0].get_array()) > 0 for ax in fig.axes) and len(fig.axes) == 3

def test_made_digits_measure_nothing_of_other_classes(three, capsys):
    empty = lambda *settings: np.zeros(784)
    needed = dict.fromkeys(("photographed", "inked", "resized", "varied", "normalise_drawing", "ink_of", "thickened", "net"), empty) | dict(DIGITS=range(10))
    for data, told in ((three[0], "No measure for these classes: what is drawn are digits.\n"), (load_mnist("digits"), "")):
        capsys.readouterr()
        run_cells("photo", "thin_read(thickened)\n", data=data, **needed)
        assert capsys.readouterr().out == told

# The figures that compute in the page

def figures(data, net):
    means = np.stack([np.asarray(net.hidden(data.test.images[data.test.labels == k])).mean(axis=0) for k in range(3)])
    return dict(pad=DigitPad(net, data.test, np.zeros((3, 784))), fingerprint=OwnFingerprint(net, means, data.test),
                dream=Dream(net, net, data.test), shift=MovedDigit(net, data.test), train=TrainHere(data))

@pytest.fixture(scope="module")
def pages(three): return {name: figure._repr_html_() for name, figure in figures(*three).items()}

def given(html) -> dict:
    "What the script of a figure is given."
    return json.loads(re.search(r'<script[^>]*class="mgt-data"[^>]*>(.*?)</script>', html, re.S)[1])

@pytest.mark.parametrize("name", ["pad", "fingerprint", "dream", "shift", "train"])
def test_a_figure_of_three_has_their_names(pages, name):
    assert given(pages[name])["classes"] == list(NAMES)
    if name != "train": assert any(called in pages[name].split("<script")[0] for called in NAMES)

def test_a_figure_of_digits_is_as_it_was():
    split = load_mnist("digits").test
    for figure in (DigitPad(NumpyNet(), split), MovedDigit(NumpyNet(), split), Dream(NumpyNet(0), NumpyNet(1), split)):
        assert "classes" not in given(figure._repr_html_())

def test_the_pen_is_no_broader_than_a_quarter_of_the_sheet():
    full = Split(np.ones((3, 784), np.float32), np.arange(3, dtype=np.int32))
    assert digit_pad.pen_width(full) == digit_pad.PAD_SIDE / 4

SAYS = dict(pad="this is test image 2 of 4 of a Trouser", fingerprint="The nearest mean fingerprint is that of the",
            shift="Three logits against pixels sideways; below them the class that is read", dream="A search for an Ankle boot, from noise 0",
            train="The network reads")
PRESSED = dict(pad="Test image of a Trouser", fingerprint="Test image of a Ring", shift="Test image of a Ring", dream="Step", train="Held-out image")

@pytest.mark.parametrize("name", list(SAYS))
def test_a_script_shows_three_names(chromium, pages, tmp_path, name):
    with visit(chromium, page_file(tmp_path, pages[name]), height=2000) as page:
        figure = page.locator(f".mgt-{name}[data-ready]")
        if name == "dream": figure.get_by_text(SAYS[name]).first.wait_for()
        if name == "train": figure.get_by_text("Untrained").first.wait_for()
        for _ in range(2 if name == "pad" else 1): figure.get_by_role("button", name=PRESSED[name], exact=True).click()
        if name != "dream": figure.get_by_text(SAYS[name]).first.wait_for()
        lists = figure.get_by_role("list").all()
        for rows in lists: assert rows.get_by_role("listitem").count() in (3, 4)  # the fingerprint's has the reader's own
        assert name == "shift" or lists
        assert not re.search(r"undefined|NaN|\bdigit\b", figure.inner_text().replace("Write a digit", ""))

LONG = {"Ankle boot": "Kreisförmige Straßenverkehrszeichen (rund)", "Trouser": "четырёхугольник", "Ring": "三角形の道路標識・止まれ・徐行"}
CUT = """figure => [...figure.querySelectorAll('li > span:first-child, .mgt-line > span:first-child, .mgt-verdict *, output, figcaption, .mgt-ends span span')]
    .filter(node => node.clientWidth && node.scrollWidth > node.clientWidth + 1).map(node => node.textContent)"""

@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", list(SAYS))
def test_long_names_are_broken_where_they_do_not_fit_and_leave_room(chromium, pages, tmp_path, name, width):
    html = pages[name]
    for short, long in LONG.items(): html = html.replace(short, long)
    with visit(chromium, page_file(tmp_path, html), width=width, height=2000) as page:
        figure = page.locator(f".mgt-{name}[data-ready]")
        if name == "train": figure.get_by_text("Untrained").first.wait_for()
        pressed = PRESSED[name]
        for short, long in LONG.items(): pressed = pressed.replace(short, long)
        figure.get_by_role("button", name=pressed, exact=True).click()
        page.wait_for_timeout(400)
        assert figure.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        if name == "pad": assert figure.locator(".mgt-verdict > :last-child").bounding_box()["width"] > 180
        if name == "fingerprint": assert figure.get_by_role("slider").first.bounding_box()["width"] > 180

WIDTHS = pytest.mark.parametrize("width", [1280, 390])

@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    "Pages of figures of ten classes, most of them with long names, and one of digits."
    def made(classes):
        data, net = load_mnist("digits")._replace(classes=tuple(classes)), NumpyNet(units=40, classes=classes)
        return data, net, MovedDigit(net, data.test)
    data, net, shift = made(TEN)
    hidden = net.hidden(data.test.images)
    means = np.stack([hidden[data.test.labels == k].mean(axis=0) for k in range(10)])
    figures = dict(pad=DigitPad(net, data.test), fingerprint=OwnFingerprint(net, means, data.test), shift=shift, train=TrainHere(data), digits=made(DIGITS)[2])
    return {name: page_file(tmp_path_factory.mktemp(name), figure._repr_html_()) for name, figure in figures.items()}

def swept(page, count):
    "The shift's figure, once so many readings stand below its lines."
    page.locator(".mgt-shift").scroll_into_view_if_needed()
    page.wait_for_function("count => document.querySelectorAll('.mgt-shift .mgt-readings:not(.mgt-scale) span').length === count", arg=count)
    return page.locator(".mgt-shift")

# How far the first and the last reading, the last tick and the 0 stand from their points of the lines, in pixels.
OFF = """figure => {
    const svg = figure.querySelector("svg"), matrix = svg.getScreenCTM(), at = (x) => matrix.a * x + matrix.e;
    const xs = svg.querySelector("path").getAttribute("d").match(/[ML][^ ]+/g).map((text) => at(Number(text.slice(1))));
    const middle = (node) => { const {left, width} = node.getBoundingClientRect(); return left + width / 2; };
    const [read, scale] = [...figure.querySelectorAll(".mgt-readings")].map((row) => [...row.children].map(middle));
    const here = at(Number(svg.querySelector(".mgt-here").getAttribute("x1")));
    return [read[0] - xs[0], read.at(-1) - xs.at(-1), scale.at(-1) - xs.at(-1), scale[8] - here].map(Math.abs);
}"""

@WIDTHS
@pytest.mark.parametrize("name", ["shift", "digits"])
def test_readings_stand_under_their_points_of_the_lines(chromium, ten, name, width):
    with visit(chromium, ten[name], width=width) as page: assert max(swept(page, 17).evaluate(OFF)) < 1.5

# Of texts in a row: those that are cut, broken or reach beyond the figure, and the neighbours that overlap.
TROUBLED = """(figure, which) => {
    const edge = document.documentElement.clientWidth, nodes = [...figure.querySelectorAll(which)].filter((node) => node.textContent);
    const pieces = (node) => { const range = document.createRange(); range.selectNodeContents(node); return range.getClientRects().length; };
    const boxes = nodes.map((node) => node.getBoundingClientRect());
    return [nodes.length, nodes.filter((node, k) => pieces(node) > 1 || node.scrollHeight > node.clientHeight + 1 || boxes[k].right > edge)
        .concat(nodes.filter((_, k) => k && boxes[k].left < boxes[k - 1].right - 0.5)).map((node) => node.textContent)];
}"""

@WIDTHS
@pytest.mark.parametrize("name, which, least", [("fingerprint", ".mgt-names span", 9), ("pad", ".mgt-strip.mgt-legend span", 12),
                                               ("shift", ".mgt-readings:not(.mgt-scale) span", 25)], ids=["fingerprint", "pad", "shift"])
def test_names_in_narrow_columns_are_whole_and_apart(chromium, ten, name, which, least, width):
    with visit(chromium, ten[name], width=width) as page:
        figure = swept(page, 17) if name == "shift" else page.locator(f".mgt-{name}[data-ready]")
        if name == "shift":
            figure.get_by_role("button", name="Next turn").click()
            swept(page, 25)
        count, troubled = figure.evaluate(TROUBLED, which)
        assert count >= least and troubled == []
        if name == "fingerprint":
            shown = figure.locator(which).all_inner_texts()
            assert set(shown) <= {*TEN, "none"} and "common pipistrelle" in shown
        if name == "shift":
            told = figure.locator(".mgt-readings[role=img]").get_attribute("aria-label")
            assert "common pipistrelle, " in told and ", bumblebee orchid (2)" in told

def test_a_heading_beside_long_names_stays_whole(chromium, ten):
    with visit(chromium, ten["pad"], width=350) as page:
        assert page.locator(".mgt-pad[data-ready]").evaluate(TROUBLED, ".mgt-line.mgt-legend span") == [2, []]

COMMAS = """figure => [...figure.querySelectorAll("figcaption")].filter(({firstChild, textContent}) => {
    const at = textContent.indexOf(","), range = document.createRange();
    if (at < 0) return false;
    const top = (k) => { range.setStart(firstChild, k); range.setEnd(firstChild, k + 1); return range.getClientRects()[0].top; };
    return top(at) !== top(at - 1);
}).map((node) => node.textContent)"""

@WIDTHS
def test_no_line_of_a_caption_begins_with_a_comma(chromium, ten, width):
    with visit(chromium, ten["train"], width=width) as page:
        figure = page.locator(".mgt-train[data-ready]")
        figure.get_by_text("held-out images are read wrongly").wait_for()
        assert figure.locator("figcaption").filter(has_text=", read as ").count() == 20 and figure.evaluate(COMMAS) == []
        assert "Draw a picture for this very network:" in figure.inner_text()

def test_a_photo_without_ink_is_not_called_one_of_a_digit(chromium, ten):
    blank = io.BytesIO()
    Image.new("L", (300, 200), 204).save(blank, "PNG")
    with visit(chromium, ten["pad"]) as page:
        page.locator(".mgt-pad input[type=file]").set_input_files(dict(name="photo.png", mimeType="image/png", buffer=blank.getvalue()))
        page.get_by_text("No picture was found in this photo: let plain paper fill it, with one picture.").wait_for()
