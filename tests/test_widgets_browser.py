"""The widgets in a browser: explore's player, the drawing pad, and explore's live face in JupyterLab itself."""
import json, os, re, subprocess, sys, time
from pathlib import Path
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from browser import axe_findings, page_file, picture, visit
from figures import FIGURES, SETUP, answered
from mnist_graph_tutorial.explore import page as player_of
from mnist_graph_tutorial.strokes import DIGITS as STROKES
from mnist_graph_tutorial.strokes import MARKS, fitted, resized
from mnist_graph_tutorial.strokes import inked as ink_of

THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [390, 1200])

# ---- explore's player ------------------------------------------------------------------------------------------------

def draw(n, learning_rate=1, kind="bars"):
    fig, ax = plt.subplots(figsize=(5, 2))
    (ax.bar if kind == "bars" else ax.plot)(range(n), [learning_rate] * n)
    return f"{n} {kind} of height {learning_rate}."

@pytest.fixture(scope="module")
def players(tmp_path_factory):
    "A page with two players."
    first = player_of(draw, {"n": [2, 4, 6], "learning_rate": [.1, 1], "kind": ["bars", "lines"]},
                      {"n": 4, "learning_rate": 1, "kind": "bars"})
    return page_file(tmp_path_factory.mktemp("players"), first, player_of(draw, {"n": [3, 5, 7]}, {"n": 3}))

FIRST, SECOND = ".mgt-explore >> nth=0", ".mgt-explore >> nth=1"

def expect_text(page, selector, text):
    page.wait_for_function("([selector, text]) => document.querySelectorAll('.mgt-explore')[selector].querySelector('img').alt === text",
                           arg=[0 if selector == FIRST else 1, text])
    assert page.locator(f"{selector} >> figcaption").inner_text() == text

def test_player_starts_where_it_was_told_to(chromium, players):
    with visit(chromium, players) as page:
        expect_text(page, FIRST, "4 bars of height 1.")
        assert page.locator(FIRST).get_by_role("slider", name="n", exact=True).input_value() == "1"
        assert page.locator(f"{FIRST} >> output").all_inner_texts() == ["4", "1"]
        assert page.locator(FIRST).get_by_role("combobox", name="kind").input_value() == "bars"

def test_keyboard_changes_picture_and_text(chromium, players):
    with visit(chromium, players) as page:
        before = picture(page, f"{FIRST} >> img")
        page.locator(FIRST).get_by_role("slider", name="n", exact=True).focus()
        page.keyboard.press("ArrowRight")
        expect_text(page, FIRST, "6 bars of height 1.")
        assert picture(page, f"{FIRST} >> img")[0] != before[0]
        page.keyboard.press("Home")
        expect_text(page, FIRST, "2 bars of height 1.")
        page.keyboard.press("Tab")                          # to "Previous"
        assert page.evaluate("document.activeElement.ariaLabel") == "Previous n"

def test_sliders_say_their_values(chromium, players):
    with visit(chromium, players) as page:
        slider = page.locator(FIRST).get_by_role("slider", name="learning rate")
        assert slider.get_attribute("aria-valuetext") == "1"
        slider.press("ArrowLeft")
        assert slider.get_attribute("aria-valuetext") == "0.1"
        assert slider.get_attribute("data-lm-suppress-shortcuts") == "true"

def test_mouse_drags_the_slider(chromium, players):
    with visit(chromium, players) as page:
        box = page.locator(FIRST).get_by_role("slider", name="n", exact=True).bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 2, middle, steps=5)
        page.mouse.up()
        expect_text(page, FIRST, "2 bars of height 1.")

def test_buttons_step_and_stop_at_the_ends(chromium, players):
    with visit(chromium, players) as page:
        for _ in range(3): page.locator(FIRST).get_by_role("button", name="Next n").click()
        expect_text(page, FIRST, "6 bars of height 1.")
        for _ in range(3): page.locator(FIRST).get_by_role("button", name="Previous n").click()
        expect_text(page, FIRST, "2 bars of height 1.")

def test_menu_changes_the_picture_and_players_are_apart(chromium, players):
    with visit(chromium, players) as page:
        page.locator(FIRST).get_by_label("kind").select_option("lines")
        expect_text(page, FIRST, "4 lines of height 1.")
        expect_text(page, SECOND, "3 bars of height 1.")
        page.locator(SECOND).get_by_role("slider").press("End")
        expect_text(page, SECOND, "7 bars of height 1.")
        expect_text(page, FIRST, "4 lines of height 1.")

def stop_the_clock(page):
    "From now on a page's timers run on when the test says so, `page.clock.run_for`, and not on their own."
    page.clock.install(time=0)
    page.clock.pause_at(1_000)

def test_play_runs_to_the_end_and_starts_over(chromium, players):
    with visit(chromium, players) as page:
        stop_the_clock(page)
        play, pause = (page.locator(SECOND).get_by_role("button", name=name) for name in ("Play n", "Pause n"))
        play.click()
        assert pause.count() == 1
        for said in ("5 bars of height 1.", "7 bars of height 1."):
            page.clock.run_for(700)
            expect_text(page, SECOND, said)
        assert play.inner_text() == "Play"
        play.click()
        page.clock.run_for(700)
        expect_text(page, SECOND, "5 bars of height 1.")
        pause.click()
        page.clock.run_for(1_500)
        expect_text(page, SECOND, "5 bars of height 1.")

def test_captions_are_not_read_out_while_they_change(chromium, players):
    with visit(chromium, players) as page:
        stop_the_clock(page)
        caption = page.locator(f"{SECOND} >> figcaption")
        assert caption.get_attribute("aria-live") == "polite"
        page.locator(SECOND).get_by_role("slider").press("End")
        assert caption.get_attribute("aria-busy") == "true"
        page.clock.run_for(600)
        assert caption.get_attribute("aria-busy") == "false"

def test_less_motion_means_no_play(chromium, players):
    with visit(chromium, players, reduced_motion="reduce") as page:
        assert page.get_by_role("button", name="Play").count() == 0 and page.get_by_role("button", name="Next").count() == 3

def test_without_script_there_is_a_still_and_a_word(chromium, players):
    with visit(chromium, players, java_script_enabled=False) as page:
        assert page.locator(f"{FIRST} >> img").get_attribute("alt") == "4 bars of height 1."
        assert "allow JavaScript" in page.locator(FIRST).inner_text() and not page.locator("input").count()

@THEMES
@WIDTHS
def test_player_fits_and_is_accessible(chromium, players, axe, dark, width):
    with visit(chromium, players, dark=dark, width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_white_paper_gives_way_in_a_dark_page(chromium, players):
    brightness = {}
    for dark in (False, True):
        with visit(chromium, players, dark=dark) as page:
            brightness[dark] = page.locator(f"{FIRST} >> .mgt-paper").evaluate(
                "paper => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = getComputedStyle(paper).backgroundColor;"
                " c.fillRect(0, 0, 1, 1); return c.getImageData(0, 0, 1, 1).data[0] }")
    assert brightness[False] == 255 and 200 < brightness[True] < 240

# ---- the drawing pad -------------------------------------------------------------------------------------------------

MNIST = os.environ.get("MNIST_GRAPH_DATA") or "digits"
needs_mnist = pytest.mark.skipif(not Path(MNIST).is_dir(), reason="MNIST_GRAPH_DATA is not a directory with real MNIST")

@pytest.fixture(scope="module")
def reader():
    "Data and the network of chapter 3, trained on it: real MNIST where it is found."
    from mnist_graph_tutorial.data import load_mnist
    from mnist_graph_tutorial.pretrained import trained
    data = load_mnist(MNIST if Path(MNIST).is_dir() else "digits")
    return data, trained(data)

@pytest.fixture(scope="module")
def pad(reader, tmp_path_factory):
    "A page with a pad whose ideal images are the mean images, and a second pad without any."
    from mnist_graph_tutorial.digit_pad import DigitPad
    data, net = reader
    means = np.stack([data.train.images[data.train.labels == k].mean(axis=0) for k in range(10)])
    return page_file(tmp_path_factory.mktemp("pad"), DigitPad(net, data.test, means)._repr_html_(),
                     DigitPad(net, data.test)._repr_html_())

PAD = ".mgt-pad >> nth=0"

def write(page, strokes):
    "Draw with the mouse."
    box = page.locator(f"{PAD} >> .mgt-draw canvas").bounding_box()
    for points in strokes:
        (x, y), *others = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in points]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in others: page.mouse.move(x, y)
        page.mouse.up()

def verdict(page) -> str:
    "What the pad says, after the next frame."
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return " ".join(page.locator(f"{PAD} >> .mgt-verdict").inner_text().split())

def lit(page) -> int:
    "How many units, biases not counted, have a bar in the strip of the winner or of the runner-up."
    return page.locator(f"{PAD} >> .mgt-group:not(:last-child) >> b").evaluate_all(
        "bars => bars.filter((bar) => Math.abs(new DOMMatrix(bar.style.transform).d) > 0).length")

def ink(page, selector) -> int:
    return page.locator(f"{PAD} >> {selector}").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.reduce((sum, value) => sum + value, 0)")

NOTHING = "Nothing is written yet. Write a digit with finger, pen or mouse, or take a test image."

def test_blank_pad_says_so(chromium, pad):
    with visit(chromium, pad) as page:
        assert verdict(page) == NOTHING and lit(page) == 0 and page.locator(PAD).get_by_text("Write a digit here").is_visible()
        assert page.locator(f"{PAD} >> li").count() == 10 and page.locator(f"{PAD} >> .mgt-cells b").count() == 2 * (300 + 1)  # two strips of units and bias

@needs_mnist
@pytest.mark.parametrize("size", [.15, .25, .5, .8, .95])
def test_written_digits_are_read_whatever_their_size(chromium, pad, size):
    "The pen is as broad on the sheet whether one writes small or large; the network sees lines of one breadth."
    with visit(chromium, pad) as page:
        read = {}
        for digit, strokes in STROKES.items():
            page.locator(PAD).get_by_role("button", name="Clear").click()
            write(page, resized(strokes, size))
            read[digit] = verdict(page)
        assert {digit: text[0] for digit, text in read.items()} == {digit: str(digit) for digit in range(10)}

def inked_box(page, selector) -> list[float]:
    "Left, top, right and bottom of what is inked on a canvas, in shares of its side."
    return page.locator(f"{PAD} >> {selector}").evaluate("""c => {
      const {data} = c.getContext("2d").getImageData(0, 0, c.width, c.height), at = [...Array(c.width * c.height).keys()]
        .filter((k) => data[4 * k + 3] > 127), across = at.map((k) => k % c.width), down = at.map((k) => Math.floor(k / c.width));
      const least = (all) => all.reduce((a, b) => Math.min(a, b)), most = (all) => all.reduce((a, b) => Math.max(a, b)) + 1;
      return [least(across), least(down), most(across), most(down)].map((value) => value / c.width); }""")

def test_small_writing_stays_small_on_the_sheet_and_fills_what_the_network_sees(chromium, pad):
    small = [[(.6, .1), (.6, .3)]]
    with visit(chromium, pad) as page:
        write(page, small)
        verdict(page)
        left, top, right, bottom = inked_box(page, ".mgt-draw canvas")
        assert left > .5 and bottom < .4 and bottom - top < .35
        left, top, right, bottom = inked_box(page, ".mgt-view >> nth=0 >> canvas")
        assert bottom - top > 18 / 28 and right - left <= 5 / 28          # a thin line; enlarged as it is on the sheet, it is 8 wide

def test_the_pen_stays_on_the_sheet(chromium, pad):
    "What one does not see is not read: a pointer that leaves the sheet writes along its edge."
    with visit(chromium, pad) as page:
        boxes = []
        for foot in (.9999, 1.6):                               # where the pointer went, such a 7 is much narrower
            page.locator(PAD).get_by_role("button", name="Clear").click()
            write(page, [[(.3, .3), (.7, .3), (.5, foot)]])
            verdict(page)
            boxes.append(inked_box(page, ".mgt-view >> nth=0 >> canvas"))
        np.testing.assert_allclose(*boxes, atol=1.1 / 28)

def test_strokes_are_fitted_as_in_python(chromium, pad):
    side, pen = 140, 15.2
    sets = [*STROKES.values(), [[(.5, .5)]], [[(.1, .1), (.12, .1)]], [[(.1, .8), (.9, .8)]], [*STROKES[4], *STROKES[1]]]
    with visit(chromium, pad) as page:
        made = page.evaluate("([sets, pen]) => sets.map((strokes) => document.querySelector('.mgt-pad').pad.fitted(strokes, pen))",
                             [[[[[x * side, y * side] for x, y in points] for points in strokes] for strokes in sets], pen])
    for ours, strokes in zip(made, sets):
        for points, expected in zip(ours, fitted(strokes, pen / side)): np.testing.assert_allclose(points, expected * side, atol=1e-6)

@needs_mnist
@pytest.mark.parametrize("name, reason", [("dash", "hardly any digit is so low"), ("spiral", "a small logit for so much ink")])
def test_what_is_no_digit_is_doubted_in_words_and_in_colour(chromium, pad, name, reason):
    "In the text that a screen reader is told, too; and the doubt goes with what raised it."
    with visit(chromium, pad) as page:
        write(page, MARKS[name])
        assert verdict(page).endswith(f" Doubtful: {reason}.")
        status = page.locator(PAD).get_by_role("status")
        assert reason in status.inner_text() and status.locator(".mgt-doubt").is_visible()
        assert "wavy" in status.locator("strong").evaluate("digit => getComputedStyle(digit).textDecoration")
        page.locator(PAD).get_by_role("button", name="Clear").click()
        assert verdict(page) == NOTHING and not status.locator(".mgt-doubt").is_visible()
        write(page, STROKES[3])
        assert "Doubtful" not in verdict(page)
        assert "wavy" not in status.locator("strong").evaluate("digit => getComputedStyle(digit).textDecoration")

DOUBTS = """text => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), {reasonToDoubt} = document.querySelector(".mgt-pad").pad;
  return Array.from({length: bytes.length / 784}, (_, k) =>
    reasonToDoubt(Float32Array.from(bytes.subarray(784 * k, 784 * (k + 1)), (value) => value / 255)) !== "");
}"""

def test_the_page_doubts_what_python_doubts(chromium, pad, reader):
    "Test images, about one in twenty, and marks that are no digit."
    import base64
    from mnist_graph_tutorial.digit_pad import DOUBTED, doubt_limits, doubted
    from mnist_graph_tutorial.draw_a_digit import normalise_drawing
    data, net = reader
    marks = [normalise_drawing(ink_of(fitted(strokes, .11), .11)) for strokes in MARKS.values()]
    pixels = np.rint(np.concatenate([data.test.images[:2_000], marks]) * 255).astype(np.uint8)
    expected = doubted(doubt_limits(net, data.test), net, (pixels / 255).astype(np.float32))
    with visit(chromium, pad) as page: found = np.array(page.evaluate(DOUBTS, base64.b64encode(pixels.tobytes()).decode()))
    assert (found == expected).mean() >= .99                                     # 8 bits
    assert DOUBTED / 3 < found[:-len(marks)].mean() < DOUBTED * 2 < found[-len(marks):].mean()

def test_writing_clearing_and_undoing(chromium, pad):
    with visit(chromium, pad) as page:
        write(page, STROKES[4])
        both = verdict(page)
        assert re.match(r"\d is what the network reads, with >?\d+\.\d", both)
        assert lit(page) > 5 and all(ink(page, f".mgt-view >> nth={k} >> canvas") for k in (0, 1))
        assert not page.locator(PAD).get_by_text("Write a digit here").is_visible()
        two_strokes = ink(page, ".mgt-draw canvas")
        page.locator(PAD).get_by_role("button", name="Undo").click()
        verdict(page)
        assert 0 < ink(page, ".mgt-draw canvas") < two_strokes
        page.locator(PAD).get_by_role("button", name="Clear").click()
        assert verdict(page) == NOTHING and lit(page) == 0 and ink(page, ".mgt-draw canvas") == ink(page, ".mgt-view canvas >> nth=0") == 0

def test_undo_goes_back_over_all_that_changed_the_pad(chromium, pad):
    with visit(chromium, pad) as page:
        press = lambda name: page.locator(PAD).get_by_role("button", name=name).click()
        seen = [verdict(page)]
        for change in (lambda: write(page, STROKES[7]), lambda: press("Test image of a 3"), lambda: press("Test image of a 3"),
                       lambda: press("Clear"), lambda: press("Clear")):
            change()
            seen.append(verdict(page))
        assert seen[-1] == seen[-2] == NOTHING and len(set(seen)) == 4
        for before in reversed(seen[:-2]):     # the second Clear changed nothing
            press("Undo")
            assert verdict(page) == before
        press("Undo")                          # nothing left to undo
        assert verdict(page) == NOTHING

@pytest.mark.parametrize("name", ["Clear", "Undo", "Test image of a 3"])
def test_a_button_pressed_while_the_pen_is_down_ends_the_stroke(chromium, pad, name):
    with visit(chromium, pad) as page:
        write(page, [[(.2, .2), (.2, .8)]])
        page.mouse.down()
        page.locator(PAD).get_by_role("button", name=name).press("Enter")
        verdict(page)
        left = ink(page, ".mgt-draw canvas")
        page.mouse.move(700, 500)
        verdict(page)
        assert ink(page, ".mgt-draw canvas") == left
        page.mouse.up()
        write(page, [[(.7, .1), (.7, .9)]])      # the next one is taken
        verdict(page)
        assert ink(page, ".mgt-draw canvas") not in (0, left)

def test_a_dot_is_ink(chromium, pad):
    with visit(chromium, pad) as page:
        page.locator(f"{PAD} >> .mgt-draw canvas").click()
        assert verdict(page) != NOTHING

def test_finger_writes_and_does_not_scroll(chromium, pad):
    with visit(chromium, pad, width=390, height=500, has_touch=True, is_mobile=True) as page:
        box = page.locator(f"{PAD} >> .mgt-draw canvas").bounding_box()
        session, at = page.context.new_cdp_session(page), lambda k: [dict(x=box["x"] + 100, y=box["y"] + 60 + 10 * k)]
        before = page.evaluate("scrollY")
        session.send("Input.dispatchTouchEvent", dict(type="touchStart", touchPoints=at(0)))
        for k in range(1, 12): session.send("Input.dispatchTouchEvent", dict(type="touchMove", touchPoints=at(k)))
        session.send("Input.dispatchTouchEvent", dict(type="touchEnd", touchPoints=[]))
        assert verdict(page) != NOTHING and page.evaluate("scrollY") == before

# Pointer events of any kind on the pad: [type, place in shares of the side, pointer, kind, more], after which the events are
# fired one by one; says for each whether its default was prevented.
FIRE = """([selector, events]) => {
  const canvas = document.querySelector(selector), {left, top, width} = canvas.getBoundingClientRect();
  canvas.setPointerCapture = () => {};      // no such pointer exists
  return events.map(([type, [x, y], pointerId, pointerType, more]) => {
    const Kind = type === "contextmenu" ? MouseEvent : PointerEvent;
    const place = {clientX: left + x * width, clientY: top + y * width};
    const event = new Kind(type, {bubbles: true, cancelable: true, pointerId, pointerType, button: 0, buttons: 1, ...place, ...more});
    event.getCoalescedEvents = () => (more?.none ? [] : [event]);
    return !canvas.dispatchEvent(event);
  });
}"""

def fire(page, *events) -> list[bool]:
    "Fire pointer events on the first pad; whether each was prevented from its default."
    events = [[kind, at, pointer, device, (more or [{}])[0]] for kind, at, pointer, device, *more in events]
    return page.evaluate(FIRE, [".mgt-pad .mgt-draw canvas", events])

def bar(pointer, device, x=.5, **more):
    "The events of a stroke from top to bottom, lifted at the end."
    return [(kind, (x, y), pointer, device, more) for kind, y in (("pointerdown", .2), ("pointermove", .5), ("pointermove", .8), ("pointerup", .8))]

def inked(page) -> int:
    "The ink on the first pad, after the next frame."
    verdict(page)
    return ink(page, ".mgt-draw canvas")

def test_a_stroke_whose_events_come_without_a_list_is_kept(chromium, pad):
    with visit(chromium, pad) as page:
        fire(page, *bar(1, "touch"))
        whole = inked(page)
        page.locator(PAD).get_by_role("button", name="Clear").click()
        fire(page, *bar(1, "touch", none=True))
        assert inked(page) == whole > 0

def test_a_second_pointer_draws_nothing_while_the_first_is_down(chromium, pad):
    with visit(chromium, pad) as page:
        fire(page, *bar(1, "pen"))
        alone = inked(page)
        page.locator(PAD).get_by_role("button", name="Clear").click()
        down, *others = bar(1, "pen")
        fire(page, down, *bar(2, "touch", x=.8), *others)
        assert inked(page) == alone

def test_a_pen_takes_the_pad_from_a_resting_hand(chromium, pad):
    "The hand's mark goes; when it moves on or is lifted, nothing comes of it."
    with visit(chromium, pad) as page:
        fire(page, *bar(1, "pen"))
        alone = inked(page)
        page.locator(PAD).get_by_role("button", name="Clear").click()
        down, move, *_, lift = bar(2, "touch", x=.8)
        fire(page, down, move, *bar(1, "pen"), move, lift)
        assert inked(page) == alone
        page.locator(PAD).get_by_role("button", name="Undo").click()
        assert inked(page) == 0
        down, *others = bar(2, "touch", x=.8)
        fire(page, down, *bar(3, "touch"), *others)                 # one finger takes it not from another
        assert inked(page) == alone
        page.locator(PAD).get_by_role("button", name="Undo").click()
        assert inked(page) == 0

def test_the_right_button_draws_nothing_and_opens_no_menu_in_mid_stroke(chromium, pad):
    with visit(chromium, pad) as page:
        assert fire(page, ("contextmenu", (.5, .5), 0, "")) == [False]      # the menu of a picture that nobody draws on
        fire(page, *bar(1, "mouse", button=2, buttons=2))
        assert inked(page) == 0
        down, move, *_ = bar(1, "mouse")
        assert fire(page, down, move, ("contextmenu", (.5, .5), 0, ""))[2]
        half = inked(page)
        right = [("pointermove", (.9, y), 1, "mouse", dict(buttons=2)) for y in (.5, .8)]     # the left one is up
        fire(page, *right, ("pointerup", (.9, .8), 1, "mouse", dict(buttons=0)))
        assert inked(page) == half > 0

@pytest.mark.parametrize("keys", ["Control+z", "Meta+z"])
def test_ctrl_z_is_undo_where_the_pad_has_the_focus(chromium, pad, keys):
    with visit(chromium, pad) as page:
        write(page, STROKES[4])
        two = inked(page)
        page.keyboard.press(keys)                                   # writing has given it the focus
        one = inked(page)
        assert 0 < one < two
        page.keyboard.press(keys.replace("+z", "+Shift+z"))         # would be Redo
        assert inked(page) == one
        page.locator(".mgt-pad >> nth=1").get_by_role("button", name="Clear").focus()
        page.keyboard.press(keys)
        assert inked(page) == one
        page.locator(PAD).get_by_role("button", name="Clear").focus()
        page.keyboard.press(keys)
        assert inked(page) == 0

def test_test_images_by_keyboard(chromium, pad, reader):
    data, net = reader
    with visit(chromium, pad) as page:
        button = page.locator(PAD).get_by_role("button", name="Test image of a 7")
        button.focus()
        said = []
        for _ in range(5):
            page.keyboard.press("Enter")
            said.append(verdict(page))
        assert [re.search(r"test image (\d) of 4 of a 7", text)[1] for text in said] == list("12341") and said[0] == said[4]
        first = data.test.images[data.test.labels == 7][:1]
        digit = int(np.argmax(net(first)))
        assert said[0][0] == str(digit) and ("Right:" if digit == 7 else "Wrong:") in said[0]
        assert page.evaluate("document.activeElement.ariaLabel") == "Test image of a 7"     # still there for the next press
        write(page, STROKES[1])
        assert "test image" not in verdict(page)

def test_probabilities_are_those_of_the_network(chromium, pad, reader):
    data, net = reader
    with visit(chromium, pad) as page:
        page.locator(PAD).get_by_role("button", name="Test image of a 3").click()
        verdict(page)
        shown = [float(re.search(r"[\d.]+", text)[0]) for text in page.locator(f"{PAD} >> .mgt-percent").all_inner_texts()]
    logits = net(data.test.images[data.test.labels == 3][:1]).numpy()[0].astype(float)
    expected = 100 * np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(shown, expected, atol=3)     # 8 bits, one decimal

def test_logits_are_those_of_the_network(chromium, pad, reader):
    data, net = reader
    with visit(chromium, pad) as page:
        page.locator(PAD).get_by_role("button", name="Test image of a 3").click()
        verdict(page)
        shown = [number(text) for text in page.locator(f"{PAD} >> .mgt-logit").all_inner_texts()]
    np.testing.assert_allclose(shown, net(data.test.images[data.test.labels == 3][:1])[0], atol=.5)     # 8 bits, one decimal

def number(text) -> float: return float(text.replace("\u2212", "-"))

@pytest.mark.parametrize("digit", range(10))
def test_the_strips_say_where_the_two_largest_logits_come_from(chromium, pad, reader, digit):
    "Bar by bar, group by group, as Python has it; the sums in words make the logit that is shown."
    from mnist_graph_tutorial.digit_pad import contributions_to, pad_scales, unit_groups
    data, net = reader
    image, groups = data.test.images[data.test.labels == digit][:1], unit_groups(net, data.test)
    with visit(chromium, pad) as page:
        page.locator(PAD).get_by_role("button", name=re.compile(f"Test image of an? {digit}")).click()
        read = int(verdict(page)[0])
        logits = [number(text) for text in page.locator(f"{PAD} >> .mgt-logit").all_inner_texts()]
        strips = page.locator(f"{PAD} >> [role=img].mgt-strip")
        labels = strips.evaluate_all("strips => strips.map((strip) => strip.ariaLabel)")
        bars = strips.evaluate_all("strips => strips.map((strip) => "
                                   "[...strip.querySelectorAll('b')].map((bar) => new DOMMatrix(bar.style.transform).d))")
    named = [int(re.match(r"What adds to the logit of the (\d), ", label)[1]) for label in labels]
    assert read == named[0] and [logits[of] for of in named] == sorted(logits)[:-3:-1]
    for label, heights, of in zip(labels, bars, named):
        *sums, total = [number(text) for text in re.findall(r"[+\u2212]?\d+\.\d", label)]
        assert len(sums) == 12 and abs(sum(sums) - total) < .7 and abs(total - logits[of]) < .06     # twelve roundings
        added = contributions_to(net, image, [of])[0]
        expected = [*(added[units].sum() for units in groups), net.b2[of]]
        np.testing.assert_allclose(sums, expected, atol=.3)     # 8 bits
        parts = np.r_[added[np.concatenate(groups).astype(int)], net.b2[of]]
        np.testing.assert_allclose(heights, np.clip(parts / pad_scales(net, data.test)["reach"], -1, 1), atol=.1)

def test_winner_and_runner_up_are_the_two_largest_logits_of_a_drawing(chromium, pad):
    with visit(chromium, pad) as page:
        write(page, STROKES[3])
        read = verdict(page)[0]
        logits = [number(text) for text in page.locator(f"{PAD} >> .mgt-logit").all_inner_texts()]
        said = page.locator(f"{PAD} >> .mgt-origins p").all_inner_texts()[1:]
    names, digits, told = zip(*(re.match(r"(\S+), the (\d): logit (\S+)", text).groups() for text in said))
    assert names == ("Winner", "Runner-up") and digits[0] == read
    assert [logits[int(digit)] for digit in digits] == [number(text) for text in told] == sorted(logits)[:-3:-1]

def test_screen_readers_wait_for_the_pen(chromium, pad):
    with visit(chromium, pad) as page:
        box = page.locator(f"{PAD} >> .mgt-draw canvas").bounding_box()
        status = page.locator(f"{PAD} >> .mgt-verdict")
        page.mouse.move(box["x"] + 50, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 150)
        verdict(page)
        assert (status.get_attribute("role"), status.get_attribute("aria-busy")) == ("status", "true")
        page.mouse.up()
        verdict(page)
        assert status.get_attribute("aria-busy") == "false"

def test_pads_are_apart_and_one_without_ideals_leaves_their_place_out(chromium, pad):
    with visit(chromium, pad) as page:
        write(page, STROKES[1])
        verdict(page)
        assert "Nothing is written yet" in page.locator(".mgt-pad >> nth=1 >> .mgt-verdict").inner_text()
        assert [page.locator(f".mgt-pad >> nth={k} >> .mgt-view").count() for k in (0, 1)] == [2, 1]

def test_without_script_the_pad_is_a_picture(chromium, pad):
    with visit(chromium, pad, java_script_enabled=False) as page:
        assert "the network reads a" in page.locator(f"{PAD} >> img").get_attribute("alt") and "allow JavaScript" in page.locator(PAD).inner_text()

@THEMES
@WIDTHS
def test_pad_fits_and_is_accessible(chromium, pad, axe, dark, width):
    with visit(chromium, pad, dark=dark, width=width) as page:
        page.locator(PAD).get_by_role("button", name="Test image of a 3").click()      # the other pad stays blank
        verdict(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_python_and_the_page_make_the_same_of_a_drawing(chromium, pad):
    from mnist_graph_tutorial.draw_a_digit import normalise_drawing
    rng = np.random.default_rng(0)
    drawings = []
    for _ in range(40):
        sheet = np.zeros((rng.integers(20, 141), rng.integers(20, 141)))
        y, x = (np.clip(np.cumsum(rng.normal(0, 3, 80)) + size / 2, 2, size - 3).astype(int) for size in sheet.shape)
        for shift in range(-2, 3): sheet[y + shift, x], sheet[y, x + shift] = 1, np.round(rng.random(80), 2)
        drawings.append(sheet)
    drawings += [np.ones((1, 1)), np.ones((7, 7)), np.eye(28), np.pad(np.ones((100, 2)), 20)]
    with visit(chromium, pad) as page:
        made = page.evaluate("drawings => drawings.map((rows) => [...document.querySelector('.mgt-pad').pad.normalise(rows)])",
                             [drawing.tolist() for drawing in drawings])
        assert page.evaluate("() => document.querySelector('.mgt-pad').pad.normalise([[0, 0], [0, 0]])") is None
    np.testing.assert_allclose(made, [normalise_drawing(drawing) for drawing in drawings], atol=1e-6)

READ_ALL = """text => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), {read} = document.querySelector(".mgt-pad").pad;
  return Array.from({length: bytes.length / 784}, (_, k) =>
    [...read(Float32Array.from(bytes.subarray(784 * k, 784 * (k + 1)), (value) => value / 255)).logits]);
}"""

def test_the_page_answers_as_tensorflow_does_on_all_test_images(chromium, pad, reader):
    import base64
    data, net = reader
    with visit(chromium, pad) as page:
        page.set_default_timeout(120_000)
        packed = base64.b64encode(np.rint(data.test.images * 255).astype(np.uint8).tobytes()).decode()
        logits = np.array(page.evaluate(READ_ALL, packed))
    expected = net(data.test.images).numpy()
    assert logits.shape == (len(data.test.labels), 10)
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).mean() >= .999
    assert np.abs(logits - expected).max() < 1

# ---- explore's live face, and the page face, in JupyterLab -----------------------------------------------------------

CELLS = ["""import matplotlib.pyplot as plt
from mnist_graph_tutorial.explore import explore
def draw(n):
    plt.bar(range(n), [n] * n)
    return f"{n} bars of height {n}." """, "explore(draw, n=[2, 4, 6])", """import os
os.environ["MNIST_GRAPH_PAGE"] = "1"
explore(draw, n=[3, 5, 7])"""]

@pytest.fixture
def lab(tmp_path):
    "Starts JupyterLab on loopback with a notebook, on the embedded digits; returns the notebook's URL."
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    import nbformat
    home, work, servers = tmp_path / "home", tmp_path / "work", []
    for directory in (home, work): directory.mkdir()
    env = os.environ | dict(JUPYTER_CONFIG_DIR=str(home), JUPYTER_DATA_DIR=str(home), JUPYTER_RUNTIME_DIR=str(home / "runtime"),
                            IPYTHONDIR=str(home / "ipython"), PYTHONPATH=str(Path(__file__).parents[1]), IN_TEST="1",
                            MNIST_GRAPH_DATA="digits", MNIST_GRAPH_DEVICE="cpu")
    env.pop("MNIST_GRAPH_PAGE", None)
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
               "--IdentityProvider.token=secret", f"--ServerApp.root_dir={work}", "--LabApp.expose_app_in_browser=True",
               "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    def start(nb) -> str:
        nb.metadata["kernelspec"] = dict(name="python3", display_name="Python 3", language="python")
        nbformat.write(nb, work / "chapter.ipynb")
        with open(tmp_path / "log", "w") as log: servers.append(subprocess.Popen(command, env=env, cwd=work, stdout=log, stderr=log))
        return f"{address(servers[0], home / 'runtime', tmp_path / 'log')}lab/tree/chapter.ipynb?token=secret"
    yield start
    for server in servers:
        server.terminate()
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill()

def address(server, runtime: Path, log: Path) -> str:
    "Where a Jupyter server answers, once it does."
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            with_port = json.loads(path.read_text() or "{}")
            if with_port.get("port"): return with_port["url"]
        time.sleep(.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")

def run_all(page):
    "Run the notebook that is open in JupyterLab, once its kernel is there."
    page.set_default_timeout(90_000)
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'")
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

LAB_IS_KNOWN_FOR = ["favicon", "404", "Service Worker"]

def test_jupyterlab_runs_a_chapter_and_its_slider_recomputes(chromium, lab):
    import nbformat
    chapter = nbformat.read(Path(__file__).parents[1] / "nbs/04_fingerprints.ipynb", 4)
    with visit(chromium, lab(chapter), height=1_400, quiet=LAB_IS_KNOWN_FOR) as page:
        run_all(page)
        decision = page.locator(".jp-OutputArea-output .widget-vbox", has=page.locator(".widget-slider"))
        decision.locator("img[alt^='A 4, ']").wait_for()                  # start=dict(digit=4, ...)
        decision.locator("[role=slider]").press("ArrowRight")
        decision.locator("img[alt^='A 5, ']").wait_for()
        assert decision.locator("img[alt^='A 4, ']").count() == 0

def test_jupyterlab_recomputes_the_picture_at_a_slider_move(chromium, lab):
    import nbformat
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    with visit(chromium, lab(cells), height=1_400, quiet=LAB_IS_KNOWN_FOR) as page:
        run_all(page)
        live = page.locator(".jp-OutputArea-output .widget-vbox img")
        live.wait_for()
        first = live.evaluate("image => [image.src, image.alt]")
        assert first[1] == "2 bars of height 2."
        page.locator(".widget-slider [role=slider]").press("ArrowRight")
        page.locator(".widget-vbox img[alt='3 bars of height 3.']").wait_for()   # 3: a value in range that is not listed
        assert live.evaluate("image => image.src") != first[0]

        slider = page.locator(".mgt-explore").get_by_role("slider", name="n")
        slider.press("ArrowRight")
        page.locator(".mgt-explore img[alt='5 bars of height 5.']").wait_for()
        active = page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex")
        page.keyboard.press("ArrowUp")                                          # JupyterLab's key for the cell above
        page.locator(".mgt-explore img[alt='7 bars of height 7.']").wait_for()
        assert page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex") == active

# ---- the figures that compute, in JupyterLab -------------------------------------------------------------------------

# Counts what a page's figures leave with the window and the document, which outlive them.
COUNT = """() => {
  window.listeners = 0;
  for (const [name, one] of [["addEventListener", 1], ["removeEventListener", -1]]) {
    const plain = EventTarget.prototype[name];
    EventTarget.prototype[name] = function (...all) {
      if ((this === window || this === document) && new Error().stack.includes("setUp")) window.listeners += one;
      return plain.apply(this, all);
    };
  }
}"""

def run_cell(page, k):
    "Run a cell of the notebook that is open in JupyterLab, and bring it into view; returns once it has run."
    page.evaluate("""async (k) => { const {content} = jupyterapp.shell.currentWidget, cell = content.widgets[k];
      content.activeCellIndex = k;
      content.deselectAll();
      await content.scrollToItem(k, "start");
      await jupyterapp.commands.execute("notebook:run-cell");
      cell.node.scrollIntoView(); }""", k)

def test_jupyterlab_shows_every_figure_that_computes_and_again(chromium, lab):
    "Each is set up and answers; so does the one that takes its place when its cell is run again, and nothing doubles."
    import nbformat
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *FIGURES.values())])
    with visit(chromium, lab(cells), height=1_400, quiet=LAB_IS_KNOWN_FOR) as page:
        page.set_default_timeout(180_000)
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'")
        page.evaluate(COUNT)
        run_cell(page, 0)
        address = page.url
        for k, name in enumerate(FIGURES, 1):
            run_cell(page, k)
            answered(page, name).evaluate("(figure, name) => { window.first = figure; }", name)
            before = page.evaluate("window.listeners")
            if name == "train": page.locator(".mgt-train").get_by_role("button", name="Play training").click()
            run_cell(page, k)
            page.wait_for_function("() => !window.first.isConnected")
            assert answered(page, name).count() == 1 and page.evaluate("window.listeners") == before, name
            if name == "train": assert page.evaluate(STANDS_STILL), "the first training goes on after its figure has gone"
        assert page.url == address                                  # which is JupyterLab's own
        assert page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex") == len(FIGURES)
        page.locator(".mgt-steps .mgt-drawing:visible .mgt-node").first.focus()
        page.keyboard.press("ArrowDown")                            # in the drawing, not to the next cell
        assert page.evaluate("document.activeElement === [...document.querySelectorAll('.mgt-steps .mgt-node')].filter((node) => "
                             "node.closest('.mgt-drawing').clientWidth)[1]")
        assert page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex") == 1  # whose output it is

STANDS_STILL = """async () => {
  const {run} = window.first.training, at = () => `${run.rows.length} ${run.seen}`, before = at();
  for (let k = 0; k < 20; k++) await new Promise(requestAnimationFrame);
  return at() === before;
}"""
