"""The figure of chapter 3 that trains in the page: its controls, its address, its arithmetic, and what it lets one find."""
import os, re
from pathlib import Path
import numpy as np
import pytest
from browser import address, axe_findings, page_file, still_text, visit
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.page_training import TrainHere

MNIST = os.environ.get("MNIST_GRAPH_DATA") or "digits"
needs_mnist = pytest.mark.skipif(not Path(MNIST).is_dir(), reason="MNIST_GRAPH_DATA is not a directory with real MNIST")
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
SMALL = "#train=units:10,batch:20"       # fast
EPOCHS = re.compile(r"(?:Untrained|After (\d+) epochs?)[^:]*: ([\d.]+)\s%.*?Dead: (\d+) of (\d+)|All (\d+) hidden units are dead")

def figure_page(data, directory) -> str: return page_file(directory, TrainHere(data)._repr_html_())

@pytest.fixture(scope="module")
def digits(tmp_path_factory): return figure_page(load_mnist("digits"), tmp_path_factory.mktemp("digits"))

@pytest.fixture(scope="module")
def mnist(tmp_path_factory): return figure_page(load_mnist(MNIST), tmp_path_factory.mktemp("mnist"))

def ready(page, rows=1):
    "The page, once that many rows of history are there: 1 of them before the first epoch."
    page.set_default_timeout(180_000)
    page.wait_for_function("(rows) => document.querySelector('.mgt-train').training?.run?.rows.length >= rows", arg=rows)
    page.wait_for_function("() => !document.querySelector('.mgt-train .mgt-says').textContent.startsWith('Unpacking')")
    return page

def press(page, name): page.get_by_role("button", name=name, exact=True).click()

def says(page) -> str: return page.locator(".mgt-train .mgt-says").first.inner_text()

def train(page, epochs):
    "Trains whole epochs, one press each."
    for _ in range(epochs):
        rows = page.evaluate("() => document.querySelector('.mgt-train').training.run.rows.length")
        press(page, "One epoch")
        ready(page, rows + 1)
        page.get_by_role("button", name="Play training").wait_for()      # it has stopped by itself

def history(page) -> list[dict]:
    return page.evaluate("() => document.querySelector('.mgt-train').training.run.rows.map(({cost, loss, accuracy, dead}) => "
                         "({cost, loss, accuracy, dead: dead.length}))")

def seen(page) -> int: return page.evaluate("() => document.querySelector('.mgt-train').training.run.seen")

def state(page) -> dict:
    "The figure's part of the address."
    text = address(page).partition("#train=")[2]
    return dict(pair.split(":") for pair in text.split(",")) if text else {}

# ---- the buttons -----------------------------------------------------------------------------------------------------

def test_before_it_is_asked_it_has_measured_and_trained_nothing(chromium, digits):
    with visit(chromium, digits + SMALL) as page:
        ready(page)
        assert says(page).startswith("Untrained") and "of 10 hidden units" in says(page)
        assert seen(page) == 0 and page.get_by_role("button", name="Play training").is_visible()

def test_one_epoch_one_step_play_pause_and_reset(chromium, digits):
    with visit(chromium, digits + SMALL) as page:
        ready(page)
        press(page, "One step")
        page.wait_for_function("() => document.querySelector('.mgt-train').training.run.seen === 20")
        page.get_by_role("button", name="Play training").wait_for()
        assert len(history(page)) == 1
        train(page, 1)
        assert says(page).startswith("After 1 epoch:") and seen(page) == 0
        page.get_by_role("button", name="Play training").click()
        ready(page, 4)
        page.get_by_role("button", name="Pause training").click()
        stopped = page.evaluate("() => { const {run} = document.querySelector('.mgt-train').training; return [run.rows.length, run.seen]; }")
        page.evaluate("() => new Promise((done) => { let k = 0; const go = () => (++k < 20 ? requestAnimationFrame(go) : done()); go(); })")
        assert page.evaluate("() => { const {run} = document.querySelector('.mgt-train').training; return [run.rows.length, run.seen]; }") == stopped
        press(page, "Start over")
        page.wait_for_function("() => document.querySelector('.mgt-train .mgt-says').textContent.startsWith('Untrained')")
        assert len(history(page)) == 1 and seen(page) == 0

def test_reset_all_brings_back_the_first_settings(chromium, digits):
    with visit(chromium, digits + "#train=units:10,batch:200,rate:3,start:post,loss:post,seed:4") as page:
        ready(page)
        press(page, "Reset all")
        page.wait_for_function("() => document.querySelector('.mgt-train').training.run.born.units === 100")
        assert state(page) == dict(start="he", units="100", seed="0", loss="softmax", rate="0.1", batch="10")
        assert page.get_by_role("slider", name="Rate").get_attribute("aria-valuetext") == "0.1"
        assert page.get_by_role("combobox", name="Start").evaluate("menu => menu.selectedOptions[0].textContent") == "He's start"

SLOW = """<script>const whole = Response.prototype.arrayBuffer;
Response.prototype.arrayBuffer = function () { return new Promise((done) => { setTimeout(() => done(whole.call(this)), 2000); }); };</script>"""

def test_what_is_pressed_while_images_are_unpacked_is_done_after_that(chromium, tmp_path):
    with visit(chromium, page_file(tmp_path, SLOW + TrainHere(load_mnist("digits"))._repr_html_()) + SMALL) as page:
        page.locator(".mgt-train[data-ready]").wait_for()
        press(page, "One step")
        assert says(page).startswith("Unpacking")
        ready(page)
        page.wait_for_function("() => document.querySelector('.mgt-train').training.run.seen === 20")
        page.get_by_role("button", name="Play training").wait_for()

def test_it_learns_and_says_so(chromium, digits):
    with visit(chromium, digits + "#train=units:30,batch:5") as page:
        ready(page)
        train(page, 3)
        rows = history(page)
        assert rows[0]["accuracy"] < .4 and rows[3]["accuracy"] > .75 and rows[0]["cost"] is None
        assert rows[3]["cost"] < rows[1]["cost"] and rows[3]["loss"] < rows[0]["loss"]
        epochs, share, dead, units, _ = EPOCHS.search(says(page)).groups()
        assert (epochs, units, int(dead)) == ("3", "30", rows[3]["dead"]) and abs(float(share) - 100 * rows[3]["accuracy"]) < .06
        wrong = page.locator(".mgt-mistakes figure:not([hidden]) figcaption").all_inner_texts()
        missed = round((1 - rows[3]["accuracy"]) * len(load_mnist("digits").validation.labels))
        assert len(wrong) == min(missed, 20) and page.get_by_text(f"{missed} of 149 held-out images are read wrongly").is_visible()
        assert all(re.fullmatch(r"an? (\d), read as (?!\1)\d", text) for text in wrong)

def test_the_same_settings_give_the_same_network(chromium, digits):
    found = []
    for settings in (SMALL, SMALL, SMALL + ",seed:1"):
        with visit(chromium, digits + settings) as page:
            ready(page)
            train(page, 2)
            found.append(history(page))
    assert found[0] == found[1] != found[2]

# ---- the controls ----------------------------------------------------------------------------------------------------

def test_rate_batch_and_loss_move_while_it_runs(chromium, digits):
    with visit(chromium, digits + SMALL) as page:
        ready(page)
        page.get_by_role("button", name="Play training").click()
        page.get_by_role("slider", name="Rate").press("ArrowRight")
        page.get_by_role("slider", name="Batch size").press("ArrowRight")
        page.get_by_role("combobox", name="Loss").select_option("the post's loss")
        assert state(page)["rate"] == "0.3" and state(page)["batch"] == "50" and state(page)["loss"] == "post"
        ready(page, page.evaluate("() => document.querySelector('.mgt-train').training.run.rows.length") + 2)
        page.get_by_role("button", name="Pause training").click()
        names = page.evaluate("() => document.querySelector('.mgt-train').training.run.rows.map((row) => row.name)")
        assert names[0] == "softmax" and names[-1] == "post"
        assert page.locator("svg path.mgt-held:not(.mgt-dots)").count() >= 2 and page.locator(".mgt-notice").inner_text() == ""

def test_start_units_and_seed_make_a_new_network(chromium, digits):
    "At once while nothing is trained; at Start over after that, which is said."
    with visit(chromium, digits + SMALL) as page:
        ready(page)
        born = lambda: page.evaluate("() => document.querySelector('.mgt-train').training.run.born")
        page.get_by_role("combobox", name="Start").select_option("the start of 2018")
        assert born() == dict(start="post", units=10, seed=0)
        ready(page)
        page.get_by_role("slider", name="Seed").press("ArrowRight")
        assert born() == dict(start="post", units=10, seed=1)
        ready(page)
        train(page, 1)
        page.get_by_role("slider", name="Hidden units").press("ArrowRight")
        notice = page.locator(".mgt-notice")
        assert born()["units"] == 10 and "Press Start over" in notice.inner_text() and "20 hidden units" in notice.inner_text()
        press(page, "Start over")
        ready(page)
        assert born() == dict(start="post", units=20, seed=1) and notice.inner_text() == ""

def test_the_keyboard_alone_will_do(chromium, digits):
    with visit(chromium, digits + SMALL) as page:
        ready(page)
        page.get_by_role("slider", name="Rate").focus()
        page.keyboard.press("ArrowLeft")
        page.get_by_role("button", name="One epoch").press("Enter")
        ready(page, 2)
        page.get_by_role("button", name="Held-out image").press("Enter")
        page.get_by_text("The network reads a").wait_for()
        assert "in a held-out" in page.locator(".mgt-reading").inner_text() and state(page)["rate"] == "0.03"

def test_a_finger_will_do(chromium, digits):
    with visit(chromium, digits + SMALL, width=360, height=740, has_touch=True, is_mobile=True) as page:
        ready(page)
        page.get_by_role("button", name="Next Batch size").tap()
        page.get_by_role("button", name="One epoch").tap()
        ready(page, 2)
        canvas = page.locator(".mgt-draw canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        session, at = page.context.new_cdp_session(page), lambda k: [dict(x=box["x"] + 90, y=box["y"] + 40 + 10 * k)]
        session.send("Input.dispatchTouchEvent", dict(type="touchStart", touchPoints=at(0)))
        for k in range(1, 12): session.send("Input.dispatchTouchEvent", dict(type="touchMove", touchPoints=at(k)))
        session.send("Input.dispatchTouchEvent", dict(type="touchEnd", touchPoints=[]))
        page.get_by_text("The network reads a").wait_for()
        assert state(page)["batch"] == "50" and page.evaluate("document.documentElement.scrollWidth") <= 360

@THEMES
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_is_accessible_after_use(chromium, digits, axe, dark, width):
    with visit(chromium, digits + SMALL, dark=dark, width=width) as page:
        ready(page)
        train(page, 1)
        press(page, "Held-out image")
        page.get_by_role("slider", name="Seed").press("ArrowRight")          # the notice is there, too
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_less_motion_draws_after_an_epoch(chromium, digits):
    with visit(chromium, digits + SMALL, reduced_motion="reduce") as page:
        ready(page)
        train(page, 1)
        dots = page.evaluate("() => document.querySelector('svg path.mgt-held.mgt-dots').getAttribute('d').split('M').length - 1")
        assert dots == 2 and says(page).startswith("After 1 epoch:")

def test_without_script_it_is_a_picture(chromium, digits):
    assert "in five epochs" in still_text(chromium, digits, ".mgt-train")

# ---- the address -----------------------------------------------------------------------------------------------------

def test_the_address_holds_the_settings(chromium, digits):
    wanted = dict(start="post", units="20", seed="3", loss="post", rate="1", batch="200")
    with visit(chromium, digits + "#train=" + ",".join(f"{name}:{value}" for name, value in wanted.items())) as page:
        ready(page)
        assert page.evaluate("() => document.querySelector('.mgt-train').training.run.born") == dict(start="post", units=20, seed=3)
        assert [page.get_by_role("slider", name=name).get_attribute("aria-valuetext") for name in ("Hidden units", "Seed", "Rate", "Batch size")] \
            == ["20", "3", "1", "200"]
        page.get_by_role("slider", name="Seed").press("ArrowLeft")
        assert state(page) == wanted | dict(seed="2")

@pytest.mark.parametrize("broken", ["train=", "train=units:1e9,rate:-1,batch:0,seed:x,start:toString,loss:__proto__", "train=rate", "train=:::,,,",
                                    "train=units:%3Cimg%3E"])
def test_a_broken_address_is_harmless(chromium, digits, broken):
    with visit(chromium, f"{digits}#{broken}") as page:
        ready(page)
        assert "of 100 hidden units" in says(page)

# ---- the arithmetic --------------------------------------------------------------------------------------------------

def test_dead_units_and_scores_are_those_that_python_finds(chromium, digits):
    "Of a network of the start of 2018, trained for an epoch in the page."
    with visit(chromium, digits + "#train=start:post,units:50,batch:20") as page:
        ready(page)
        train(page, 1)
        parts = page.evaluate("() => Object.fromEntries(Object.entries(document.querySelector('.mgt-train').training.run.net)"
                              ".map(([name, part]) => [name, [...part]]))")
        row, dead = history(page)[-1], page.evaluate("() => document.querySelector('.mgt-train').training.run.rows.at(-1).dead")
        names = page.locator(".mgt-units figcaption").all_inner_texts()
    w1, b1, w2, b2 = (np.reshape(parts[name], shape) for name, shape in (("w1", (784, 50)), ("b1", 50), ("w2", (50, 10)), ("b2", 10)))
    figure = TrainHere(load_mnist("digits"))
    assert dead == np.flatnonzero((figure.train.images @ w1 + b1 <= 0).all(axis=0)).tolist() and len(dead) > 3
    assert [name.endswith("dead") for name in names] == [unit in dead for unit in range(10)]
    logits = np.maximum(figure.held.images @ w1 + b1, 0) @ w2 + b2
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(logits))
    assert row["accuracy"] == pytest.approx((logits.argmax(axis=1) == figure.held.labels).mean())
    assert row["loss"] == pytest.approx(-np.log(shares[rows, figure.held.labels]).mean(), rel=1e-4)

def test_a_divergence_is_said_and_the_last_whole_epoch_kept(chromium, digits):
    with visit(chromium, digits + "#train=units:100,batch:20") as page:
        ready(page)
        train(page, 1)
        before = page.evaluate("() => [...document.querySelector('.mgt-train').training.run.net.b2]")
        page.get_by_role("slider", name="Rate").press("End")
        page.get_by_role("button", name="Play training").click()
        page.get_by_text("Epoch 2 diverged: the loss is no longer finite. Take a rate of 10 or less.").wait_for()
        page.get_by_role("button", name="Play training").wait_for()
        assert page.evaluate("() => [...document.querySelector('.mgt-train').training.run.net.b2]") == before and len(history(page)) == 2
        assert "After 1 epoch:" in says(page)
        for _ in range(5): page.get_by_role("slider", name="Rate").press("ArrowLeft")
        train(page, 1)                                                    # it goes on from there
        assert says(page).startswith("After 2 epochs:")

def test_no_unit_of_work_is_long(chromium, digits):
    "An epoch is done in many slices: a frame was drawn between them, whatever the machine's speed."
    with visit(chromium, digits + "#train=units:300,batch:200") as page:
        ready(page)
        longest = page.evaluate("""() => { const {run} = document.querySelector('.mgt-train').training;
          let count = 0;
          for (let at = ""; at !== "epoch"; count++) at = run.life.next().value;
          return count; }""")
    assert longest > 1_200 / 8                       # 1,200 images trained on in six batches: a pause after each few

def test_too_few_images_are_refused():
    data = load_mnist("digits")
    with pytest.raises(ValueError, match="199 training images"): TrainHere(data._replace(train=Split(*(part[:199] for part in data.train))))

def test_its_name_says_how_many_images(): assert repr(TrainHere(load_mnist("digits"))) == "TrainHere on 1,348 images, 149 held out"

# ---- what it lets one find, on real MNIST ----------------------------------------------------------------------------

@needs_mnist
def test_nine_of_ten_within_five_epochs(chromium, mnist):
    with visit(chromium, mnist) as page:
        ready(page)
        train(page, 5)
        rows = history(page)
    assert rows[-1]["accuracy"] >= .9 and rows[0]["accuracy"] < .3
    assert rows[5]["cost"] < .5 * rows[2]["cost"] and rows[5]["loss"] > .7 * rows[2]["loss"]     # one goes on falling, one does not

@needs_mnist
def test_the_start_of_2018_has_more_dead_units(chromium, mnist):
    dead = {}
    for start in ("post", "he"):
        with visit(chromium, f"{mnist}#train=start:{start}") as page:
            ready(page)
            train(page, 2)
            dead[start] = [row["dead"] for row in history(page)]
    assert dead["post"][0] >= 10 > dead["he"][0] and dead["post"][2] >= dead["post"][0] and dead["he"][2] < 5

@needs_mnist
def test_a_rate_of_three_kills_the_hidden_units(chromium, mnist):
    with visit(chromium, f"{mnist}#train=rate:3") as page:
        ready(page)
        train(page, 3)
        last = history(page)[-1]
    assert last["dead"] >= 90 and last["accuracy"] < .25 and last["loss"] < 3

@needs_mnist
def test_ten_units_read_more_than_four_of_five(chromium, mnist):
    with visit(chromium, f"{mnist}#train=units:10") as page:
        ready(page)
        train(page, 5)
        assert .8 < history(page)[-1]["accuracy"] < .93

@needs_mnist
def test_the_page_is_light_enough():
    import gzip
    assert len(gzip.compress(TrainHere(load_mnist(MNIST))._repr_html_().encode())) < 360_000
