"""Moved digits in a browser: pictures as NumPy, SciPy and Pillow move them, the lines against the shift, centring."""
import os, re
from pathlib import Path
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from browser import address, axe_findings, page_file, still_text, visit
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.draw_a_digit import normalise_drawing
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.page_shift import MovedDigit
from mnist_graph_tutorial.pretrained import trained

MNIST = os.environ.get("MNIST_GRAPH_DATA") or "digits"
needs_mnist = pytest.mark.skipif(not Path(MNIST).is_dir(), reason="MNIST_GRAPH_DATA is not a directory with real MNIST")
FIGURE = ".mgt-shift"
REST = dict(sideways=0, down=0, turn=0, thickness=0, size=1)

@pytest.fixture(scope="module")
def small():
    "The embedded digits and a small network that reads them."
    data, net = load_mnist("digits"), MnistNet(hidden=40, seed=0)
    train(net, data, epochs=15)
    return data, net

@pytest.fixture(scope="module")
def url(small, tmp_path_factory):
    data, net = small
    return page_file(tmp_path_factory.mktemp("shift"), MovedDigit(net, data.test)._repr_html_())

def opened(page):
    "The figure, once its first 7 and its lines are there."
    page.locator(FIGURE).scroll_into_view_if_needed()
    answers(page)
    return page.locator(FIGURE)

READY = """(count) => { const words = [...document.querySelectorAll(".mgt-shift .mgt-says")].map((node) => node.textContent);
  return words.every(Boolean) && document.querySelectorAll(".mgt-shift .mgt-readings:not(.mgt-scale) span").length === count; }"""

def answers(page, count=17) -> list[str]:
    "What is read along the slider, once there are so many answers and all is quiet."
    page.wait_for_function(READY, arg=count)
    page.wait_for_function("() => [...document.querySelectorAll('.mgt-shift .mgt-says')].every((node) => node.ariaBusy === 'false')")
    return page.locator(f"{FIGURE} .mgt-readings:not(.mgt-scale) span").all_inner_texts()

def said(page) -> list[str]: return page.locator(f"{FIGURE} .mgt-says").all_inner_texts()

def hash_of(page) -> dict:
    return dict(part.split(":") for part in re.search(r"shift=([^&]*)", address(page))[1].split(","))

def shifted(image, right, down):
    room = np.pad(image.reshape(28, 28), 8)
    return room[8 - down:36 - down, 8 - right:36 - right]

def expected(image, sideways, down, turn, thickness, size):
    "The same with NumPy, SciPy and Pillow."
    picture, cross = image.reshape(28, 28).astype(np.float32), ndimage.generate_binary_structure(2, 1)
    left = abs(thickness)
    while left > 0:
        change = ndimage.grey_dilation if thickness > 0 else ndimage.grey_erosion
        part = min(left, 1)
        picture = (1 - part) * picture + part * change(picture, footprint=cross, mode="nearest")
        left -= 1
    if turn or size != 1:
        cos, sin = np.cos(np.radians(turn)) / size, np.sin(np.radians(turn)) / size
        matrix = (cos, sin, 14.5 - 14.5 * (cos + sin), -sin, cos, 14.5 - 14.5 * (cos - sin))
        picture = np.array(Image.fromarray(picture).transform((28, 28), Image.AFFINE, matrix, Image.BILINEAR))
    return shifted(picture, sideways, down).ravel()

@pytest.mark.parametrize("moves", [dict(sideways=3), dict(sideways=-8, down=5), dict(turn=15), dict(turn=-90), dict(size=.7), dict(size=1.3, turn=45),
                                   dict(thickness=1), dict(thickness=1.75), dict(thickness=-.5),
                                   dict(thickness=.5, turn=-30, size=.9, sideways=2, down=-3)], ids=str)
def test_pictures_move_as_in_python(chromium, url, small, moves):
    images = small[0].test.images[:20]
    settings = REST | moves
    code = """([images, settings]) => { const {moved, prepared} = document.querySelector(".mgt-shift").shift;
      return images.map((image) => { const made = moved(Float32Array.from(image), settings);
        return [[...made], [...prepared(made, true)]]; }); }"""
    with visit(chromium, url) as page: found = np.array(page.evaluate(code, [images.tolist(), settings]))
    wanted = np.stack([expected(image, **settings) for image in images])
    np.testing.assert_allclose(found[:, 0], wanted, atol=2e-5)
    centred = [normalise_drawing(np.clip(picture, 0, 1).reshape(28, 28)) for picture in found[:, 0]]
    np.testing.assert_allclose(found[:, 1], centred, atol=1e-5)

def test_turning_to_the_left_is_the_chapters(small):
    "The chapter turns with Pillow's `rotate`, against the clock."
    image = small[0].test.images[0]
    turned = np.array(Image.fromarray(image.reshape(28, 28)).rotate(30, Image.BILINEAR, center=(14.5, 14.5)))
    np.testing.assert_allclose(expected(image, **REST | dict(turn=-30)).reshape(28, 28), turned, atol=1e-4)

def test_what_is_read_along_the_slider(chromium, url, small):
    data, net = small
    image = data.test.images[data.test.labels == 7][0]
    pictures = np.stack([shifted(image, k, 0).ravel() for k in range(-8, 9)])
    logits = np.sort(net(pictures).numpy(), axis=1)
    clear = logits[:, -1] - logits[:, -2] > .5                              # 8 bits
    with visit(chromium, url) as page:
        opened(page)
        found = answers(page)
        label = page.locator(f"{FIGURE} .mgt-readings[role=img]").get_attribute("aria-label")
    read = net(pictures).numpy().argmax(axis=1)
    assert np.array_equal(np.array(found, int)[clear], read[clear]) and clear.sum() > 8
    assert label == "Read from 8\u00a0px left to 8\u00a0px right: " + ", ".join(found)

def test_sliders_by_keyboard(chromium, url):
    with visit(chromium, url) as page:
        figure = opened(page)
        for name, key, count, label in (("up or down", "ArrowRight", 17, "1\u00a0px down"), ("turn", "ArrowLeft", 25, "15\u00b0 left"),
                                        ("thickness", "End", 13, "2\u00a0px thicker"), ("size", "Home", 10, "50\u00a0%")):
            figure.get_by_role("slider", name=name, exact=True).press(key)
            answers(page, count)
            assert figure.get_by_role("slider", name=name, exact=True).get_attribute("aria-valuetext") == label
        assert [hash_of(page)[name] for name in ("down", "turn", "thickness", "size", "along")] == ["1", "-15", "2", "0.5", "size"]
        figure.get_by_role("button", name="Back in place").press("Enter")
        answers(page, 10)
        assert [hash_of(page)[name] for name in REST] == ["0", "0", "0", "0", "1"]

def test_a_slider_by_mouse_and_its_buttons(chromium, url):
    with visit(chromium, url) as page:
        figure = opened(page)
        slider = figure.get_by_role("slider", name="turn", exact=True)
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        page.mouse.click(box["x"] + box["width"] - 6, box["y"] + box["height"] / 2)
        answers(page, 25)
        assert hash_of(page)["turn"] == "180"
        figure.get_by_role("button", name="Previous turn").click()
        page.wait_for_function("() => location.hash.includes('turn:165')")

def test_by_touch_on_a_phone(chromium, url):
    with visit(chromium, url, width=360, height=800, has_touch=True, is_mobile=True) as page:
        figure = opened(page)
        for _ in range(3): figure.get_by_role("button", name="Next sideways").tap()
        figure.get_by_label("centre it again").tap()
        page.wait_for_function("() => location.hash.includes('centre:1')")
        answers(page)
        assert hash_of(page)["sideways"] == "3" and "moved and centred again" in said(page)[0]
        figure.get_by_role("button", name="Test image of a 4").tap()
        page.wait_for_function("() => location.hash.includes('sample:4.0')")

def test_centring_makes_shift_harmless(chromium, url, small):
    data, net = small
    with visit(chromium, url) as page:
        figure = opened(page)
        usual = answers(page)[8]
        assert len(set(answers(page))) > 1
        figure.get_by_label("centre it again").check()
        page.wait_for_function("([k, usual]) => document.querySelectorAll('.mgt-shift .mgt-readings:not(.mgt-scale) span')[k].textContent === usual",
                               arg=[12, usual])
        answers(page)
        assert set(answers(page)[4:13]) == {usual}                          # no ink has left the picture there

def test_probabilities_in_place_of_logits(chromium, url):
    with visit(chromium, url) as page:
        figure = opened(page)
        figure.get_by_label("lines").select_option("probabilities")
        page.wait_for_function("() => document.querySelector('.mgt-shift .mgt-ticks').textContent === '1000'")      # 100 above 0
        assert figure.locator("svg").get_attribute("aria-label").startswith("Ten probabilities against pixels sideways, the ")
        assert "Ten probabilities, in per cent" in figure.inner_text() and hash_of(page)["lines"] == "probabilities"

def test_nothing_to_read(chromium, url):
    with visit(chromium, url) as page:
        figure = opened(page)
        figure.get_by_role("slider", name="size", exact=True).press("Home")
        figure.get_by_role("button", name="Clear").click()
        page.wait_for_function("() => document.querySelector('.mgt-shift .mgt-says').textContent.startsWith('Nothing is written')")
        assert not figure.locator("svg").is_visible()
        figure.locator(".mgt-draw canvas").click(position=dict(x=100, y=100))
        page.wait_for_function("() => document.querySelector('.mgt-shift .mgt-says').textContent.startsWith('The drawing')")
        answers(page, 10)
        assert figure.locator("svg").is_visible()

def test_ink_that_is_gone(chromium, url):
    code = """() => { const {moved, prepared} = document.querySelector(".mgt-shift").shift, image = new Float32Array(784);
      image[0] = 1;
      const away = moved(image, {sideways: -1, down: 0, turn: 0, thickness: 0, size: 1});
      return [prepared(away, false), prepared(away, true), prepared(image, true) !== null]; }"""
    with visit(chromium, url) as page: assert page.evaluate(code) == [None, None, True]

def test_the_address_is_left_alone_until_the_reader_does_something(chromium, url):
    with visit(chromium, url + "#a-heading") as page:
        page.locator(FIGURE).scroll_into_view_if_needed()
        answers(page, 17)
        assert page.url.endswith("#a-heading")

def test_state_goes_into_the_address_and_comes_back(chromium, url):
    text = "sample:4.2,sideways:-3,down:2,turn:30,thickness:0.5,size:0.8,centre:1,lines:probabilities,along:turn"
    state = dict(part.split(":") for part in text.split(","))
    with visit(chromium, f"{url}#other=1&shift={text}") as page:
        page.locator(FIGURE).scroll_into_view_if_needed()
        answers(page, 25)
        assert hash_of(page) == state and page.url.count("other=1") == 1
        before = said(page)
        page.reload()
        page.locator(FIGURE).scroll_into_view_if_needed()
        answers(page, 25)
        assert said(page) == before and hash_of(page) == state
        page.locator(FIGURE).get_by_role("button", name="Reset").click()
        page.wait_for_function("() => location.hash.includes('sample:7.0')")
        answers(page, 17)
        assert hash_of(page) == dict(sample="7.0", sideways="0", down="0", turn="0", thickness="0", size="1", centre="0", lines="logits", along="sideways")

@pytest.mark.parametrize("text", ["sample:7.9,sideways:99,down:NaN,turn:7,thickness:x,size:0,centre:yes,lines:none,along:toString", "x", ",:,:", "along:__proto__"])
def test_a_broken_address_is_harmless(chromium, url, text):
    with visit(chromium, f"{url}#shift={text}") as page:
        opened(page)
        assert said(page)[0].startswith("The drawing, as moved, is read as")

def test_the_sweep_goes_in_slices(chromium, url):
    "One unit of work is one place of the slider: a handful of them together stay far below the time of a frame."
    code = """() => { const {moved, prepared, logits} = document.querySelector(".mgt-shift").shift, image = new Float32Array(784).fill(.5);
      const times = Array.from({length: 30}, () => { const start = performance.now();
        logits(prepared(moved(image, {sideways: 2, down: 1, turn: 30, thickness: 2, size: 1.2}), true)); return performance.now() - start; });
      const calm = () => { const start = performance.now(); let sum = 0;
        for (let k = 0; k < 3e7; k++) sum += k % 7; return [performance.now() - start, sum][0]; };
      return [Math.min(...times), calm()]; }"""
    with visit(chromium, url) as page:
        unit, calm = page.evaluate(code)
    assert unit < max(10, calm / 3)        # thirty million additions take some 50 ms where a unit takes one

@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_is_accessible(chromium, url, axe, dark, width):
    with visit(chromium, url, dark=dark, width=width, reduced_motion="reduce") as page:
        figure = opened(page)
        figure.get_by_role("slider", name="turn", exact=True).press("ArrowRight")
        answers(page, 25)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_samples_of_every_digit_are_needed(small):
    data, net = small
    rows = np.flatnonzero(data.test.labels != 4)
    few = Split(data.test.images[rows], data.test.labels[rows])
    with pytest.raises(ValueError, match="three samples"): MovedDigit(net, few)

def test_without_script_it_is_a_picture(chromium, url):
    assert "ten logits against the shift" in still_text(chromium, url, FIGURE)

@needs_mnist
def test_a_shift_ruins_answers_and_centring_mends_them(chromium, tmp_path):
    "A thousand test images in the page: as in Python, three pixels cost a third of the answers, four more than half."
    data = load_mnist(MNIST)
    net = trained(data)
    images, labels = data.test.images[:1000], data.test.labels[:1000]
    code = """([images, sideways, centre]) => { const {moved, prepared, logits} = document.querySelector(".mgt-shift").shift;
      const rest = {down: 0, turn: 0, thickness: 0, size: 1};
      return images.map((image) => { const found = logits(prepared(moved(Float32Array.from(image), {...rest, sideways}), centre));
        return found.indexOf(Math.max(...found)); }); }"""
    found = {}
    with visit(chromium, page_file(tmp_path, MovedDigit(net, data.test)._repr_html_())) as page:
        page.set_default_timeout(120_000)
        opened(page)
        for right in (0, 1, 3, 4): found[right] = np.array(page.evaluate(code, [images.tolist(), right, False]))
        centred = np.array(page.evaluate(code, [images[:200].tolist(), 4, True]))
    for right, read in found.items():
        python = net(np.stack([shifted(image, right, 0).ravel() for image in images])).numpy().argmax(axis=1)
        assert (read == python).mean() >= .99                               # 8 bits
    share = {right: (read == labels).mean() for right, read in found.items()}
    assert share[0] > .96 and share[1] > .93 and share[3] < .7 and share[4] < .5
    assert (centred == found[0][:200]).mean() > .97
