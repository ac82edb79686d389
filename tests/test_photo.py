"""Photos of a digit on paper or board: what is ink, and that the page's script finds the same."""
import base64, io, re
import numpy as np
import pytest
from PIL import Image
from browser import page_file, visit
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.photo import ink_of, local_mean, normalise_photo, photographed, thickened, threshold, without_specks
from mnist_graph_tutorial.strokes import DIGITS, inked, resized, varied

KINDS = [dict(), dict(board=True), dict(noise=.08)]

def thin(digit, seed):
    "A made digit in thin lines."
    return inked(resized(varied(DIGITS[digit], np.random.default_rng(seed)), .75), .03)

def photos(count=5):
    "Photos of MNIST's digits, or of the small ones that come along, and of thin lines."
    images = load_mnist("digits").test.images.reshape(-1, 28, 28)
    for k, kind in enumerate(KINDS):
        rng = np.random.default_rng(k)
        for n in range(count): yield photographed(images[n] if n % 2 else thin(n, n), rng, **kind)

def test_a_photo_of_the_other_kind_or_light_shows_the_same_ink():
    "Turned to its negative, made darker, in colour: the ink stays."
    for photo in photos(2):
        ink = ink_of(photo)
        assert (ink_of(photo / 2) == ink).all()
        assert (ink_of(np.stack([photo] * 3, axis=2)) == ink).mean() > .999
        assert np.corrcoef(normalise_photo(1 - photo), normalise_photo(photo))[0, 1] > .9

def test_the_local_mean_is_that_of_the_square():
    values = np.random.default_rng(0).random((20, 31))
    means = local_mean(values, 4)
    assert means[0, 0] == values[0, 0] and means[1, 9] == pytest.approx(values[:3, 5:14].mean())
    assert means[10, 15] == pytest.approx(values[6:15, 11:20].mean())

def test_the_threshold_divides_two_heaps():
    rng = np.random.default_rng(0)
    low, high = rng.normal(0, .05, 1_000), rng.normal(1, .05, 60)
    least = threshold(np.r_[low, high])
    assert np.mean(low > least) < .005 and (high > least).all()
    assert threshold(np.full(9, .4)) == .4

def test_specks_and_what_touches_the_edge_go():
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:34] = mask[5:7, 60:62] = mask[:, :8] = mask[20:22, 40:50] = True
    kept = without_specks(mask)
    assert kept[30, 31] and kept[21, 45] and not kept[:, :8].any() and not kept[5, 60] and kept.sum() == 100

def test_thin_lines_become_as_broad_as_the_pads_and_broad_ones_stay():
    for breadth in (2, 5, 9):
        bar = np.zeros((100, 60), bool)
        bar[20:80, 30:30 + breadth] = True
        ink = thickened(bar)
        rows, columns = np.ptp(np.argwhere(ink), axis=0) + 1
        assert .1 < columns / rows < .18          # an upright line is taken for a quarter broader than it is
    bar[20:80, 20:40] = True
    assert thickened(bar).sum() == bar.sum()

@pytest.mark.parametrize("photo", [np.full((50, 60), .7), np.zeros((40, 40)), photographed(np.zeros((28, 28)), np.random.default_rng(0)),
                                   photographed(np.zeros((28, 28)), np.random.default_rng(1), board=True)])
def test_where_nothing_is_nothing_is_found(photo):
    with pytest.raises(ValueError, match="no digit found"): normalise_photo(photo)

def test_made_photos_are_read():
    "100 of paper and 100 of boards; the small digits have no network of their own, so MNIST's reads MNIST's."
    data = load_mnist()
    if data.name != "mnist": pytest.skip("real MNIST is not here")
    from mnist_graph_tutorial.pretrained import trained
    net, images = trained(data), data.test.images[1_000:1_200].reshape(-1, 28, 28)
    rng = np.random.default_rng(9)
    seen = np.stack([normalise_photo(photographed(image, rng, board=k % 2 > 0)) for k, image in enumerate(images)])
    assert np.mean(np.argmax(net(seen), axis=1) == data.test.labels[1_000:1_200]) >= .95

# ---- the page's script -----------------------------------------------------------------------------------------------

def png(photo) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.uint8(np.rint(255 * photo))).save(file, "png")
    return file.getvalue()

def as_file(content, name="photo.png", kind="image/png"): return dict(name=name, mimeType=kind, buffer=content)

@pytest.fixture(scope="module")
def pad(tmp_path_factory):
    "A page with a pad whose network is random, and a second pad."
    from mnist_graph_tutorial.digit_pad import DigitPad
    from mnist_graph_tutorial.mnist_net import MnistNet
    net, split = MnistNet(hidden=20), load_mnist("digits").test
    return page_file(tmp_path_factory.mktemp("photo"), *[DigitPad(net, split)._repr_html_()] * 2)

PAD = ".mgt-pad >> nth=0"
INK = """texts => Promise.all(texts.map(async (text) => {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
  const canvas = Object.assign(document.createElement("canvas"), {width: bitmap.width, height: bitmap.height});
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const {data} = context.getImageData(0, 0, bitmap.width, bitmap.height), rows = [];
  for (let y = 0; y < bitmap.height; y++) rows.push(Array.from({length: bitmap.width}, (_, x) => data[4 * (y * bitmap.width + x)] / 255));
  const found = document.querySelector(".mgt-pad").pad.inkOf(rows);
  return found && Array.from(found);
}))"""

def test_the_script_finds_the_ink_that_python_finds(chromium, pad):
    made = [*photos(), photographed(np.zeros((28, 28)), np.random.default_rng(0)), np.full((50, 60), .6)]
    with visit(chromium, pad) as page: found = page.evaluate(INK, [base64.b64encode(png(photo)).decode() for photo in made])
    assert found[-2:] == [None, None]
    for ours, photo in zip(found[:-2], made): np.testing.assert_allclose(ours, normalise_photo(photo), atol=1e-5)

def said(page) -> str:
    page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 50))")
    return " ".join(page.locator(PAD).get_by_role("status").inner_text().split())

def chosen(page, file):
    "What the pad says to a file."
    before = said(page)
    page.locator(PAD).get_by_label("Photo").set_input_files(file)
    page.wait_for_function("([selector, before]) => document.querySelector(selector).innerText.split(/\\s+/).join(' ').trim() !== before",
                           arg=[".mgt-pad [role=status]", before])
    return said(page)

SEEN = "c => Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, k) => k % 4 === 3))"

def test_a_photo_is_laid_on_the_sheet_read_and_undone(chromium, pad):
    photo = next(photos())
    with visit(chromium, pad) as page:
        page.locator(PAD).get_by_role("button", name="Test image of a 3").click()
        drawn = said(page)
        text = chosen(page, as_file(png(photo)))
        assert re.match(r"\d is what the network reads in your photo, with >?\d+\.\d", text) and "Right" not in text and "Wrong" not in text
        seen = page.locator(f"{PAD} >> .mgt-view canvas >> nth=0").evaluate(SEEN)
        np.testing.assert_allclose(np.array(seen) / 255, normalise_photo(photo), atol=.01)
        assert page.locator(f"{PAD} >> .mgt-draw canvas").get_attribute("aria-label") == "your photo"
        page.locator(".mgt-pad >> nth=1").get_by_role("button", name="Copy").click()
        assert page.locator(".mgt-pad >> nth=1 >> .mgt-verdict").inner_text().strip() != ""
        page.locator(PAD).get_by_role("button", name="Undo").click()
        assert said(page) == drawn

@pytest.mark.parametrize("file, complaint", [
    (as_file(b"no image", "a.txt", "text/plain"), "This file is not an image that the browser can open."),
    (as_file(png(np.full((200, 300), .8))), "No digit was found in this photo: let plain paper fill it, with one digit."),
], ids=["text", "blank"])
def test_what_is_no_photo_of_a_digit_is_said_and_the_drawing_kept(chromium, pad, file, complaint):
    with visit(chromium, pad) as page:
        page.locator(PAD).get_by_role("button", name="Test image of a 3").click()
        before = said(page)
        assert chosen(page, file) == f"{before} {complaint} The sheet is as it was before."
        page.locator(PAD).get_by_role("button", name="Test image of a 4").click()
        assert complaint not in said(page)

def test_a_file_that_is_too_large_is_not_opened(chromium, pad):
    with visit(chromium, pad) as page:
        page.evaluate("""() => {
          const data = new DataTransfer();
          data.items.add(Object.defineProperty(new File(["x"], "a.png"), "size", {value: 60e6}));
          const event = new DragEvent("drop", {bubbles: true, cancelable: true});
          Object.defineProperty(event, "dataTransfer", {value: {types: ["Files"], files: [Object.defineProperty(new File(["x"], "a"), "size", {value: 6e7})]}});
          document.querySelector(".mgt-pad canvas").dispatchEvent(event);
        }""")
        assert said(page).endswith("This file is too large: more than 50 MB.")

@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_dropped_and_a_pasted_image_are_read(chromium, pad, kind):
    with visit(chromium, pad) as page:
        prevented = page.evaluate("""([kind, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "a.png", {type: "image/png"}));
          const more = {bubbles: true, cancelable: true}, event = kind === "drop" ? new DragEvent(kind, {...more, dataTransfer: data})
            : new ClipboardEvent(kind, {...more, clipboardData: data});
          return !document.querySelector(".mgt-pad canvas").dispatchEvent(event);
        }""", [kind, base64.b64encode(png(next(photos()))).decode()])
        page.wait_for_function("() => document.querySelector('.mgt-pad [role=status]').innerText.includes('in your photo')")
        assert prevented == (kind == "drop")

def test_the_button_is_the_browsers_own_and_reached_by_keyboard(chromium, pad):
    with visit(chromium, pad) as page:
        box = page.locator(PAD).get_by_label("Photo")
        assert box.get_attribute("type") == "file" and box.get_attribute("accept") == "image/*"
        page.locator(PAD).get_by_role("button", name="Undo").focus()
        page.keyboard.press("Tab")
        assert box.evaluate("input => input === document.activeElement")
        with page.expect_file_chooser() as opened: page.keyboard.press("Space")
        opened.value.set_files([as_file(png(next(photos())))])
        page.wait_for_function("() => document.querySelector('.mgt-pad [role=status]').innerText.includes('in your photo')")

def test_the_button_opens_a_chooser_for_the_mouse(chromium, pad):
    with visit(chromium, pad) as page:
        with page.expect_file_chooser(): page.locator(f"{PAD} >> .mgt-file").click()
