"""Your own fingerprint in a browser: what it shows is what NumPy and TensorFlow have, and units can be switched off."""
import os, re
from pathlib import Path
import numpy as np
import pytest
from browser import address, axe_findings, page_file, still_text, visit
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.digit_pad import DigitPad, grouped, telling_samples, unit_groups
from mnist_graph_tutorial.fingerprints import belongs_to, fingerprints, group_ends, nearest, running_sums, unit_order
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.page_fingerprint import OwnFingerprint
from mnist_graph_tutorial.pretrained import trained

MNIST = os.environ.get("MNIST_GRAPH_DATA") or "digits"
needs_mnist = pytest.mark.skipif(not Path(MNIST).is_dir(), reason="MNIST_GRAPH_DATA is not a directory with real MNIST")

@pytest.fixture(scope="module")
def small():
    "The embedded digits, a small network that reads them, and its mean fingerprints."
    data, net = load_mnist("digits"), MnistNet(hidden=40, seed=0)
    train(net, data, epochs=15)
    return data, net, fingerprints(net, data.train).means

@pytest.fixture(scope="module")
def url(small, tmp_path_factory):
    "A page with the figure alone."
    data, net, means = small
    return page_file(tmp_path_factory.mktemp("fingerprint"), OwnFingerprint(net, means, data.test)._repr_html_())

FIGURE = ".mgt-fingerprint"

def opened(page):
    "The figure, once its first 7 lies there."
    figure = page.locator(FIGURE)
    figure.scroll_into_view_if_needed()
    expect(page, "The network reads")
    return figure

def expect(page, text, k=0):
    "Wait until the caption (0) or the words about the unit (1) hold a text; returns them."
    page.wait_for_function("([k, text]) => document.querySelectorAll('.mgt-fingerprint .mgt-says')[k].textContent.includes(text)", arg=[k, text])
    return page.locator(f"{FIGURE} .mgt-says").nth(k).inner_text()

def lay(page, digit):
    "Lay a test image of a digit."
    page.locator(FIGURE).get_by_role("button", name=re.compile(f"Test image of an? {digit}")).click()
    page.wait_for_function("(digit) => new RegExp(`of an? ${digit}$`).test(document.querySelector('.mgt-draw canvas').ariaLabel)", arg=digit)

def hash_of(page) -> dict:
    "The figure's settings in the page's address."
    text = re.search(r"fingerprint=([^&]*)", address(page))[1]
    return dict(part.split(":") for part in text.split(","))

ASK = """([image, off]) => { const {answerTo, distances, sums, order} = document.querySelector(".mgt-fingerprint").fingerprint;
  const {hidden, logits} = answerTo(Float32Array.from(image), off);
  return {hidden: [...hidden], logits: [...logits], distances: distances(hidden), sums: sums(hidden), order}; }"""

def test_means_have_to_fit(small):
    data, net, means = small
    with pytest.raises(ValueError, match=r"means of shape \(10, 39\), not \(10, 40\)"): OwnFingerprint(net, means[:, :39], data.test)

def test_groups_are_the_chapters(small):
    data, net, means = small
    groups = grouped(means)
    assert np.concatenate(groups).tolist() == unit_order(means).tolist()
    assert np.cumsum([len(group) for group in groups]).tolist() == group_ends(means).tolist()
    assert grouped(fingerprints(net, data.test).means) == unit_groups(net, data.test)

@pytest.mark.parametrize("off", [[], [3, 17, 20, 39]], ids=["all on", "four off"])
def test_numbers_are_those_of_the_chapter(chromium, url, small, off):
    data, net, means = small
    order, images = unit_order(means), data.test.images[:30]
    with visit(chromium, url) as page:
        found = [page.evaluate(ASK, [image.tolist(), off]) for image in images]
    vectors = net.hidden(images).numpy()
    vectors[:, off] = 0
    sums = np.stack([running_sums(net.weights, vector, order) for vector in vectors])
    distances = np.linalg.norm(means[None] - vectors[:, None], axis=2)
    assert found[0]["order"] == order.tolist()
    np.testing.assert_allclose([each["hidden"] for each in found], vectors, atol=.1)                       # 8 bits
    np.testing.assert_allclose([each["logits"] for each in found], sums[:, -1], atol=.4)
    np.testing.assert_allclose(np.transpose([each["sums"] for each in found], (0, 2, 1)), sums, atol=.4)
    np.testing.assert_allclose([each["distances"] for each in found], distances, atol=.1)
    close = np.sort(distances, axis=1)
    clear = close[:, 1] - close[:, 0] > .2
    assert clear.sum() > 20
    assert np.array_equal(np.argmin([each["distances"] for each in found], axis=1)[clear], nearest(vectors, means).numpy()[clear])

def test_first_seven_lies_there_once_it_is_seen(chromium, url, small):
    data, net, means = small
    first = data.test.images[data.test.labels == 7][0]
    with visit(chromium, url) as page:
        figure = opened(page)
        said = expect(page, "The network reads")
        shown = [float(text) for text in figure.locator(".mgt-panels li:not(.mgt-own) > span:last-child").all_inner_texts()]
    vector = net.hidden(first[None]).numpy()[0]
    distances = np.linalg.norm(means - vector, axis=1)
    np.testing.assert_allclose(shown, distances, atol=.16)
    assert f"reads {net(first[None]).numpy().argmax()}, with" in said and f"is that of the {distances.argmin()}, at" in said

def test_out_of_sight_nothing_lies_there(chromium, small, tmp_path):
    data, net, means = small
    below = page_file(tmp_path, '<div style="height: 5000px"></div>', OwnFingerprint(net, means, data.test)._repr_html_())
    with visit(chromium, below) as page:
        page.wait_for_function("() => document.querySelector('.mgt-fingerprint .mgt-draw canvas').ariaLabel.startsWith('Empty')")
        opened(page)

def test_a_stroke_is_read_while_it_is_drawn_and_clear_takes_it_away(chromium, url):
    with visit(chromium, url) as page:
        figure = opened(page)
        figure.get_by_role("button", name="Clear").click()
        expect(page, "Nothing is written")
        box = figure.locator(".mgt-draw canvas").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 95, box["y"] + 160, steps=6)
        expect(page, "The network reads")                                   # the pen is still down
        page.mouse.up()
        assert hash_of(page)["sample"] == ""                                # a drawing stays out of the address
        figure.get_by_role("button", name="Clear").click()
        expect(page, "Nothing is written")

def test_a_unit_by_mouse(chromium, url, small):
    order = unit_order(small[2])
    with visit(chromium, url) as page:
        marks = opened(page).locator(".mgt-marks")
        box = marks.bounding_box()
        marks.click(position=dict(x=10.5 / 40 * box["width"], y=40))
        expect(page, f"Unit {order[10]} ", 1)
        assert hash_of(page)["unit"] == str(order[10])
        page.keyboard.press("ArrowRight")                                   # the slider has the focus now
        expect(page, f"Unit {order[11]} ", 1)

def test_a_unit_by_touch(chromium, url, small):
    order = unit_order(small[2])
    with visit(chromium, url, width=360, height=800, has_touch=True, is_mobile=True) as page:
        marks = opened(page).locator(".mgt-marks")
        marks.scroll_into_view_if_needed()
        box = marks.bounding_box()
        marks.tap(position=dict(x=20.5 / 40 * box["width"], y=40))
        expect(page, f"Unit {order[20]} ", 1)
        one = page.locator(FIGURE).get_by_role("button", name="Switch it off")
        one.tap()
        expect(page, "1 of 40 units is off")
        page.locator(FIGURE).get_by_role("button", name="All on").tap()
        page.wait_for_function("() => !document.querySelector('.mgt-says').textContent.includes('off')")

def test_units_by_keyboard(chromium, url, small):
    _, net, means = small
    order = unit_order(means)
    with visit(chromium, url) as page:
        figure = opened(page)
        figure.get_by_role("slider", name="unit").focus()
        for key, at in (("Home", 0), ("ArrowRight", 1), ("End", 39), ("ArrowLeft", 38)):
            page.keyboard.press(key)
            said = expect(page, f"Unit {order[at]} ", 1)
            owner = belongs_to(means)[order[at]]
            assert ("belongs to no digit" if owner == 10 else f"belongs to the {owner}") in said
        figure.get_by_role("button", name="Next unit").press("Enter")
        expect(page, f"Unit {order[39]} ", 1)
        figure.get_by_role("button", name="Switch it off").press("Enter")
        expect(page, f"Unit {order[39]} ", 1)
        assert hash_of(page)["units"] == str(order[39]) or hash_of(page)["groups"]
        figure.get_by_role("button", name="Switch it on").press("Enter")
        expect(page, "The network reads")
        group = figure.get_by_role("group", name="Groups of units that are on").get_by_label("0", exact=True)
        group.press("Space")
        expect(page, f"{len(grouped(means)[0])} of 40 units are off")
        assert not group.is_checked() and hash_of(page)["groups"] == "0"

def test_the_answer_stands_beside_the_ticks_that_change_it(chromium, url):
    with visit(chromium, url, width=360) as page:
        figure = opened(page)
        ticks = figure.get_by_role("group", name="Groups of units that are on")
        def read(): return re.search(r"The network reads (\d, with .+?%)", expect(page, "The network reads"))[1]
        seen = set()
        for digit in range(10):
            ticks.get_by_label(str(digit), exact=True).uncheck()
            assert ticks.locator("strong").inner_text() == f"reads {read()}"
            seen.add(read())
        assert len(seen) > 1
        figure.get_by_role("button", name="Clear").click()
        expect(page, "Nothing is written")
        assert ticks.locator("strong").text_content() == ""

def test_votes_of_the_strongest_unit(chromium, url, small):
    data, net, means = small
    image = data.test.images[data.test.labels == 3][:1]
    vector, w2 = net.hidden(image).numpy()[0], net.w2.numpy()
    votes = vector[:, None] * w2
    strongest = votes[:, net(image).numpy().argmax()].argmax()
    with visit(chromium, url) as page:
        figure = opened(page)
        lay(page, 3)
        figure.get_by_role("button", name="Strongest unit").click()
        said = expect(page, f"Unit {strongest} ", 1)
        shown = [float(text.replace("\u2212", "-")) for text in figure.locator(".mgt-ballot li > span:last-child").all_inner_texts()]
        np.testing.assert_allclose(shown, votes[strongest], atol=.15)
        assert f"adds most to the {votes[strongest].argmax()}" in said
        figure.get_by_role("button", name="Switch it off").click()
        expect(page, "it is switched off", 1)
        assert figure.locator(".mgt-ballot li > span:last-child").all_inner_texts() == ["0.00"] * 10

def test_weights_lie_in_red_and_blue_over_the_ink(chromium, url, small):
    data, net, _ = small
    with visit(chromium, url) as page:
        figure = opened(page)
        unit = int(re.match(r"Unit (\d+) ", expect(page, "Unit ", 1))[1])
        pixels = np.reshape(figure.locator(".mgt-unit canvas").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]"), (784, 4))
    weights, ink = net.w1.numpy()[:, unit], data.test.images[data.test.labels == 7][0]
    strong = np.abs(weights) > .3 * np.abs(weights).max()
    assert (pixels[strong & (weights > 0)][:, 0] > pixels[strong & (weights > 0)][:, 2]).all()     # red raises
    assert (pixels[strong & (weights < 0)][:, 2] > pixels[strong & (weights < 0)][:, 0]).all()
    faint = np.abs(weights) < .05 * np.abs(weights).max()
    assert pixels[faint & (ink > .8), 3].min() > pixels[faint & (ink == 0), 3].max()

def test_the_address_is_left_alone_until_the_reader_does_something(chromium, url):
    with visit(chromium, url + "#a-heading") as page:
        figure = opened(page)
        expect(page, "The network reads")
        assert address(page).endswith("#a-heading")
        lay(page, 8)
        assert hash_of(page)["sample"] == "8.0"
        assert figure.locator(".mgt-draw canvas").get_attribute("aria-label") == "test image 1 of 4 of an 8"
        figure.get_by_role("button", name="Clear").click()
        expect(page, "Nothing is written")
        page.wait_for_function("() => location.hash.includes('sample:,')")

def test_state_goes_into_the_address_and_comes_back(chromium, url, small):
    groups = grouped(small[2])
    single = next(unit for k in range(10) if k != 4 for unit in groups[k] if len(groups[k]) > 1)
    with visit(chromium, f"{url}#fingerprint=sample:3.1,unit:{single},groups:4,units:{single}&other=1") as page:
        figure = opened(page)
        said = expect(page, f"{len(groups[4]) + 1} of 40 units are off")
        expect(page, f"Unit {single} ", 1)
        assert figure.locator(".mgt-draw canvas").get_attribute("aria-label") == "test image 2 of 4 of a 3"
        assert hash_of(page) == dict(sample="3.1", unit=str(single), groups="4", units=str(single)) and "other=1" in page.url
        page.reload()
        opened(page)
        assert expect(page, "units are off") == said
        page.locator(FIGURE).get_by_role("button", name="Reset").click()
        page.wait_for_function("() => document.querySelector('.mgt-draw canvas').ariaLabel === 'test image 1 of 4 of a 7'")
        page.wait_for_function("() => location.hash.includes('sample:7.0')")
        assert hash_of(page) == dict(sample="7.0", unit=str(unit_order(small[2])[0]), groups="", units="")
        assert "off" not in expect(page, "The network reads")

@pytest.mark.parametrize("text", ["sample:9.9,unit:4000,groups:77.x.3e3,units:-1.9999", "sample:%00,unit:NaN,groups:__proto__,units:1e1", "x", ",:,:"])
def test_a_broken_address_is_harmless(chromium, url, text):
    with visit(chromium, f"{url}#fingerprint={text}") as page:
        opened(page)
        assert "off" not in expect(page, "The network reads")

def test_a_drawing_is_copied_from_the_pad(chromium, small, tmp_path):
    data, net, means = small
    both = page_file(tmp_path, DigitPad(net, data.test)._repr_html_(), OwnFingerprint(net, means, data.test)._repr_html_())
    with visit(chromium, both) as page:
        figure, pad = opened(page), page.locator(".mgt-pad")
        copy = figure.get_by_role("button", name="Copy what was last written")
        assert copy.count() == 0                                            # the 7 that lies there by itself does not count
        pad.get_by_role("button", name="Test image of a 5").click()
        copy.click()
        page.wait_for_function("() => document.querySelector('.mgt-fingerprint .mgt-draw canvas').ariaLabel === 'test image 1 of 4 of a 5'")
        pad.get_by_role("button", name="Clear").click()
        page.wait_for_function("() => document.querySelector('.mgt-pad .mgt-draw canvas').ariaLabel.startsWith('Empty')")
        assert copy.count() == 0
        pad.locator(".mgt-draw canvas").click()
        copy.click()
        page.wait_for_function("() => document.querySelector('.mgt-fingerprint .mgt-draw canvas').ariaLabel === 'What you wrote'")
        back = pad.get_by_role("button", name="Copy what was last written")
        assert back.count() == 1

def test_network_and_test_images_are_packed_once_a_page(small):
    data, net, means = small
    blocks = [set(re.findall(r'<script type="application/json" data-once="(\w+-\w+)"', figure._repr_html_()))
              for figure in (DigitPad(net, data.test), OwnFingerprint(net, means, data.test))]
    assert blocks[0] == blocks[1] and len(blocks[0]) == 2

@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_is_accessible(chromium, url, axe, dark, width):
    with visit(chromium, url, dark=dark, width=width, reduced_motion="reduce") as page:
        figure = opened(page)
        figure.get_by_role("button", name="Strongest unit").click()
        figure.get_by_role("button", name="Switch it off").click()
        expect(page, "1 of 40 units is off")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_samples_of_every_digit_are_needed(small):
    data, net, means = small
    rows = np.flatnonzero(data.test.labels != 4)
    few = Split(data.test.images[rows], data.test.labels[rows])
    with pytest.raises(ValueError, match="three samples"): OwnFingerprint(net, means, few)

def test_without_script_it_is_a_picture(chromium, url):
    assert "the nearest mean fingerprint is that of the" in still_text(chromium, url, FIGURE).replace("\n", " ")

@needs_mnist
def test_switching_off_the_units_of_a_digit_takes_a_0_and_leaves_a_9(chromium, tmp_path):
    "As in Python, image by image; the 40 test images of the page, each without the units of its own digit."
    data = load_mnist(MNIST)
    net = trained(data)
    means = fingerprints(net, data.train).means
    images, owners = telling_samples(net, data.test), belongs_to(means)
    with visit(chromium, page_file(tmp_path, OwnFingerprint(net, means, data.test)._repr_html_())) as page:
        figure = opened(page)
        changed = np.zeros((10, 4), bool)
        for digit in range(10):
            figure.get_by_role("button", name="All on").click()
            figure.get_by_role("group", name="Groups of units that are on").get_by_label(str(digit), exact=True).uncheck()
            for k in range(4):
                lay(page, digit)
                said = expect(page, "units are off")
                page.wait_for_function(f"() => document.querySelector('.mgt-draw canvas').ariaLabel.replace('an 8', 'a 8') === 'test image {k + 1} of 4 of a {digit}'")
                changed[digit, k] = "with all on it reads the same" not in expect(page, "units are off")
                assert re.search(rf"{(owners == digit).sum()} of 300 units are off", said)
    vectors = net.hidden(images.reshape(-1, 784)).numpy()
    kept = vectors * (np.repeat(np.arange(10), 4)[:, None] != owners)
    logits = [each @ net.w2.numpy() + net.b2.numpy() for each in (vectors, kept)]
    expected = (logits[0].argmax(axis=1) != logits[1].argmax(axis=1)).reshape(10, 4)
    assert (changed == expected).mean() >= .95                              # 8 bits
    assert changed[0].sum() >= 3 and changed[9].sum() == 0 and 10 <= changed.sum() <= 25
