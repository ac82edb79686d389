"""Dream: its searches are chapter 5's, its controls answer to all hands, and it shows what it promises."""
import os, re
from pathlib import Path
import numpy as np
import pytest
from browser import address, axe_findings, page_file, still_text, visit
from mnist_graph_tutorial.contact_sheets import INK, SHADES
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.digit_pad import telling_samples
from mnist_graph_tutorial.ideal_images import correlation, ideal_images
from mnist_graph_tutorial.mnist_net import MnistNet, Weights, train
from mnist_graph_tutorial.page_dream import Dream
from mnist_graph_tutorial.page_engine import quantise

THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
MNIST = os.environ.get("MNIST_GRAPH_DATA") or "digits"
needs_mnist = pytest.mark.skipif(not Path(MNIST).is_dir(), reason="MNIST_GRAPH_DATA is not a directory with real MNIST")

def in_eight_bits(net) -> MnistNet:
    "The network that the page has: its weights rounded as they travel."
    rounded = MnistNet(hidden=net.w1.shape[1])
    whole = [np.multiply(*quantise(w.numpy())).astype(np.float32) for w in (net.w1, net.w2)]
    rounded.assign(Weights(whole[0], net.b1, whole[1], net.b2))
    return rounded

def page_of(net, second, data, directory):
    "The networks as the page has them, the test images that it offers, and its address."
    url = page_file(directory, Dream(net, second, data.test)._repr_html_())
    return in_eight_bits(net), in_eight_bits(second), telling_samples(net, data.test), url

@pytest.fixture(scope="module")
def small(tmp_path_factory):
    "Two quickly trained networks for the embedded digits."
    data, nets = load_mnist("digits"), [MnistNet(hidden=40, seed=seed) for seed in (0, 1)]
    for net in nets: train(net, data, epochs=8)
    return page_of(*nets, data, tmp_path_factory.mktemp("small"))

@pytest.fixture(scope="module")
def real(tmp_path_factory):
    "The networks of chapter 5, on MNIST."
    from mnist_graph_tutorial.pretrained import trained
    data = load_mnist(MNIST)
    return page_of(trained(data), trained(data, seed=1), data, tmp_path_factory.mktemp("real"))

STATE = "document.querySelector('.mgt-dream').dream"

def opened(chromium, url, state="", **settings):
    "A page whose figure is ready."
    settings = dict(height=1400) | settings
    return visit(chromium, url + (f"#dream={state}" if state else ""), **settings)

def ready(page):
    page.wait_for_function(f"() => {STATE}.search !== null")
    page.set_default_timeout(120_000)

def says(page) -> str: return page.locator(".mgt-says").inner_text()

def press(page, name): page.get_by_role("button", name=name, exact=True).click()

def search(page) -> dict:
    "The state of the search."
    return page.evaluate(f"""() => {{ const {{image, start, step, since, diverged, answers}} = {STATE}.search;
      return {{image: [...image], start: [...start], step, since, diverged, answers: answers.map((each) => [...each])}}; }}""")

def run_to(page, step):
    "Play until the search rests."
    press(page, "Play the search")
    page.wait_for_function(f"() => {STATE}.search.step === {step} && document.querySelector('[aria-label=\"Play the search\"]')")

# ---- its searches are the book's -------------------------------------------------------------------------------------

SEARCHES = {"start:noise,seed:3,l2:0.25,digit:7": dict(l2=.25),
            "start:sheet,image:4.1,l2:0,digit:9,rate:0.01": dict(l2=0, learning_rate=.01),
            "start:blank,objective:logit,box:true,tv:0.2,l1:0.03,digit:2": dict(l2=0, tv=.2, l1=.03, objective="logit", box=True)}

@pytest.mark.parametrize("where", ["small", pytest.param("real", marks=needs_mnist)])
@pytest.mark.parametrize("state", SEARCHES)
def test_a_thousand_steps_are_those_of_ideal_images(chromium, request, where, state):
    net, second, samples, url = request.getfixturevalue(where)
    with opened(chromium, url, state) as page:
        ready(page)
        run_to(page, 1000)
        found = search(page)
    digit = int(re.search(r"digit:(\d)", state)[1])
    expected = ideal_images(net, start=np.tile(found["start"], (10, 1)), **SEARCHES[state]).images[digit]
    if "image:4.1" in state: np.testing.assert_allclose(found["start"], samples[4, 0], atol=1e-6)
    if "blank" in state: assert not any(found["start"])
    np.testing.assert_allclose(found["image"], expected, atol=2e-2)
    assert np.sqrt(np.mean((np.array(found["image"]) - expected) ** 2)) < 2e-3
    for each, answer in zip((net, second), found["answers"]):
        logits = each(np.float32([found["image"]])).numpy()[0].astype(float)
        np.testing.assert_allclose(answer, np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum(), atol=1e-3)

def test_loss_and_words_are_those_of_the_image(chromium, small):
    net, _, _, url = small
    with opened(chromium, url, "start:noise,l2:0.03,l1:0.01,tv:0.1,digit:5") as page:
        ready(page)
        for _ in range(3): press(page, "Step")
        found, text, losses = search(page), says(page), page.locator(".mgt-losses").inner_text()
    start, image = np.float32(found["start"]), np.float32(found["image"])
    bare, full = map(float, re.fullmatch(r"loss (\S+), with penalties (\S+)", losses).groups())
    penalised = ideal_images(net, start=np.tile(start, (10, 1)), l2=.03, l1=.01, tv=.1, steps=3)
    assert full == pytest.approx(penalised.losses[5], rel=.01)
    pixels = np.pad(image.reshape(28, 28), 1).astype(float)
    down, right = pixels[1:, :-1] - pixels[:-1, :-1], pixels[:-1, 1:] - pixels[:-1, :-1]
    penalty = .01 * abs(image).sum() + .03 * (image ** 2).sum() + .1 * (np.sqrt(down ** 2 + right ** 2 + .01) - .1).sum()
    assert full - bare == pytest.approx(penalty, rel=.01)
    assert float(re.search(r"changed by (\S+) on average", text)[1]) == pytest.approx(abs(image - start).mean(), rel=.01)
    assert float(re.search(r"start (\d\.\d+)\.", text)[1]) == pytest.approx(np.corrcoef(image, start)[0, 1], abs=.006)
    assert text.startswith("Step 3 of a search for a 5, from noise 0.") and f"This network reads a {np.argmax(found['answers'][0])} (" in text

def test_shades_are_those_of_the_contact_sheets(chromium, small):
    values = np.concatenate([np.linspace(-1.2, 1, 400), [0, 1, -1, 1.01, 30, -30]])
    code = f"""(values) => {{ const {{search}} = {STATE}; search.image.set(values);
      document.querySelector(".mgt-dream select").dispatchEvent(new Event("change"));
      return [...document.querySelectorAll(".mgt-view canvas")[1].getContext("2d").getImageData(0, 0, 28, 28).data]; }}"""
    with opened(chromium, small[-1], "start:blank") as page:
        ready(page)
        seen = np.reshape(page.evaluate(code, values.tolist()), (784, 4))[:len(values)].astype(float)
    alpha = seen[:, 3:] / 255
    np.testing.assert_allclose(seen[:, :3] * alpha + 255 * (1 - alpha), INK(SHADES(values))[:, :3] * 255, atol=3)

def test_a_divergence_is_said_and_the_last_image_kept(chromium, small):
    net, _, _, url = small
    with opened(chromium, url, "start:noise,l2:30") as page:
        ready(page)
        press(page, "Play the search")
        page.wait_for_function(f"() => {STATE}.search.diverged")
        page.get_by_role("button", name="Play the search").wait_for()
        found, text = search(page), says(page)
        assert f"The search diverged in step {found['step'] + 1}" in text and np.isfinite(found["image"]).all()
        page.get_by_role("slider", name="L2").press("Home")
        press(page, "Start over")
        press(page, "Step")
        assert "diverged" not in says(page) and search(page)["step"] == 1
    start = np.tile(found["start"], (10, 1))
    ideal_images(net, start=start, l2=30, steps=found["step"] - 4)
    with pytest.raises(ValueError, match="diverged"): ideal_images(net, start=start, l2=30, steps=found["step"] + 4)

# ---- its controls ------------------------------------------------------------------------------------------------------

def test_it_begins_as_the_chapter_does_and_when_it_is_seen(chromium, small, tmp_path):
    spaced = tmp_path / "far.html"
    spaced.write_text(Path(small[-1].removeprefix("file://")).read_text().replace("<main>", '<main><div style="height: 3000px"></div>'))
    with visit(chromium, spaced.as_uri()) as page:
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate(f"{STATE}.search") is None and not says(page)
        page.locator(".mgt-dream").scroll_into_view_if_needed()
        ready(page)
        assert says(page).startswith("A search for a 3, from noise 0: press Play or Step.")
        assert page.evaluate(f"{STATE}.settings") == dict(digit=3, start="noise", seed=0, objective="post", box=False, rate=.1, l1=0, l2=0, tv=0)
        assert search(page)["step"] == 0

def test_play_begins_slowly_draws_a_frame_each_time_and_rests(chromium, small):
    watch = f"""() => {{ window.steps = []; const look = () => {{ window.steps.push({STATE}.search.step); requestAnimationFrame(look); }};
      requestAnimationFrame(look); }}"""
    with opened(chromium, small[-1]) as page:
        ready(page)
        page.evaluate(watch)
        run_to(page, 1000)
        assert says(page).startswith("Step 1000 of") and "Here Play rests; press it again to go on." in says(page)
        steps = np.array(page.evaluate("steps"))
        run_to(page, 2000)
    gains = np.diff(steps)
    assert gains.max() <= 2 * (1 + 1000 // 50) and gains[steps[:-1] < 40].max() <= 2 and (gains > 0).sum() > 50

def test_what_is_moved_has_a_thousand_steps_to_show_what_it_does(chromium, small):
    with opened(chromium, small[-1]) as page:
        ready(page)
        for _ in range(3): press(page, "Step")
        page.get_by_role("slider", name="L2").press("ArrowRight")
        run_to(page, 1003)
        assert "Here Play rests" in says(page)

def test_pause_step_start_over_and_reset_answer_while_it_runs(chromium, small):
    with opened(chromium, small[-1]) as page:
        ready(page)
        press(page, "Play the search")
        page.wait_for_function(f"() => {STATE}.search.step > 2")
        page.get_by_role("slider", name="L2").press("ArrowRight")
        assert page.evaluate(f"{STATE}.settings.l2") == .001 and page.get_by_role("button", name="Pause the search").count() + \
            (search(page)["step"] == 1000)                     # it goes on
        press(page, "Step")
        at = search(page)["step"]
        assert page.get_by_role("button", name="Play the search").count() == 1
        press(page, "Step")
        assert search(page)["step"] == at + 1
        press(page, "Start over")
        assert search(page)["step"] == 0 and page.evaluate(f"{STATE}.settings.l2") == .001
        page.get_by_label("Digit to find").select_option("8")
        page.get_by_label("Objective").select_option("logit: as high as it goes")
        page.get_by_label("keep pixels in [0, 1]").check()
        press(page, "Reset all")
        assert page.evaluate(f"{STATE}.settings") == dict(digit=3, start="noise", seed=0, objective="post", box=False, rate=.1, l1=0, l2=0, tv=0)
        assert page.get_by_label("Digit to find").input_value() == "3" and not page.get_by_label("keep pixels in [0, 1]").is_checked()

def test_all_of_it_by_keyboard(chromium, small):
    with opened(chromium, small[-1]) as page:
        ready(page)
        page.get_by_label("Digit to find").press("ArrowDown")
        page.get_by_label("Start from").press("ArrowDown")
        page.get_by_label("Start from").press("ArrowDown")
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 1 of 4 of a 4')")
        page.get_by_role("button", name="Test image of a 7").press("Enter")
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 1 of 4 of a 7')")
        page.get_by_label("keep pixels in [0, 1]").press("Space")
        page.get_by_role("slider", name="Rate").press("ArrowLeft")
        page.get_by_role("slider", name="Total variation").press("End")
        page.get_by_role("button", name="Step", exact=True).press("Enter")
        assert says(page).startswith("Step 1 of a search for a 4, from test image 1 of 4 of a 7.")
        assert page.evaluate(f"{STATE}.settings") == dict(digit=4, start="sheet", seed=0, objective="post", box=True, rate=.03, l1=0, l2=0, tv=1)
        page.get_by_role("button", name="Play the search").press("Space")
        page.wait_for_function(f"() => {STATE}.search.step > 3")

def test_other_noise_and_another_digit(chromium, small):
    with opened(chromium, small[-1]) as page:
        ready(page)
        first = search(page)["start"]
        press(page, "Next Noise number")
        second = search(page)["start"]
        assert abs(np.corrcoef(first, second)[0, 1]) < .2 and 0 <= min(second) < .05 and .95 < max(second) < 1
        for _ in range(20): press(page, "Step")
        assert search(page)["since"][0] is not None
        read = search(page)["answers"][0]
        page.get_by_label("Digit to find").select_option(str(int(np.argmin(read))))
        assert search(page)["since"][0] is None and search(page)["step"] == 20     # goes on from where it is

def draw(page):
    "A stroke on the sheet, by mouse."
    box = page.locator(".mgt-draw canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=6)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('from your drawing')")

def test_a_drawing_is_a_start_and_never_in_the_address(chromium, small):
    with opened(chromium, small[-1], "start:sheet,image:own,digit:7") as page:
        ready(page)
        assert "from the empty sheet" in says(page) and page.get_by_text("Write a digit here").is_visible()
        draw(page)
        assert sum(search(page)["start"]) > 20
        press(page, "Step")
        assert says(page).startswith("Step 1 of a search for a 7, from your drawing.")
        state = address(page).partition("#")[2]
        assert "image:own" in state and len(state) < 200
        press(page, "Clear")
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('from the empty sheet')")

# ---- the address -------------------------------------------------------------------------------------------------------

def test_the_address_brings_the_settings_back(chromium, small):
    with opened(chromium, small[-1]) as page:
        ready(page)
        page.get_by_label("Digit to find").select_option("9")
        page.get_by_label("Start from").select_option("a test image or your own")
        for _ in range(2): press(page, "Test image of a 6")
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 2 of 4 of a 6')")
        page.get_by_role("slider", name="L1").press("End")
        page.get_by_label("keep pixels in [0, 1]").check()
        state, settings, start = address(page).partition("#dream=")[2], page.evaluate(f"{STATE}.settings"), search(page)["start"]
    with opened(chromium, small[-1], state) as page:
        ready(page)
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 2 of 4 of a 6')")
        assert page.evaluate(f"{STATE}.settings") == settings and search(page)["start"] == start
        assert page.get_by_role("slider", name="L1").get_attribute("aria-valuetext") == "1"

@pytest.mark.parametrize("state", ["%E0%A4%A", ",,:", "digit:99,rate:NaN,l2:-1,start:<b>,objective:constructor,seed:1e9,box:maybe",
                                   "start:blank,image:4.9", "__proto__:x"])
def test_a_broken_address_is_harmless(chromium, small, state):
    with opened(chromium, small[-1], state) as page:
        ready(page)
        settings = page.evaluate(f"{STATE}.settings")
        assert {**settings, "start": "noise"} == dict(digit=3, start="noise", seed=0, objective="post", box=False, rate=.1, l1=0, l2=0, tv=0)
        press(page, "Step")
        assert says(page).startswith("Step 1 of a search for a 3")

# ---- every reader ------------------------------------------------------------------------------------------------------

@THEMES
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_is_accessible(chromium, small, axe, dark, width):
    with opened(chromium, small[-1], "start:sheet,image:4.1,digit:9", dark=dark, width=width) as page:
        ready(page)
        for _ in range(3): press(page, "Step")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe_findings(page, axe) == []

def test_fingers(chromium, small):
    with opened(chromium, small[-1], "start:sheet,image:4.1", width=360, height=740, has_touch=True, is_mobile=True) as page:
        ready(page)
        page.get_by_role("button", name="Test image of a 5").tap()
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 1 of 4 of a 5')")
        page.get_by_role("button", name="Next L2").tap()
        page.get_by_role("button", name="Step", exact=True).tap()
        page.get_by_role("button", name="Play the search").tap()
        page.wait_for_function(f"() => {STATE}.search.step > 3")
        page.get_by_role("button", name="Reset all").tap()
        assert search(page)["step"] == 0 and page.evaluate("document.documentElement.scrollWidth") <= 360

def test_less_motion_means_fewer_pictures(chromium, small):
    count = """() => { window.seen = 0; window.began = performance.now();
      new MutationObserver(() => { window.seen += 1; }).observe(document.querySelector(".mgt-says"), {childList: true}); }"""
    with opened(chromium, small[-1], reduced_motion="reduce") as page:
        ready(page)
        page.evaluate(count)
        run_to(page, 1000)
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.startsWith('Step 1000 ')")
        seen, lasted = page.evaluate("[seen, performance.now() - began]")
    assert 1 <= seen <= lasted / 500 + 2

def test_without_script_there_is_a_picture(chromium, small):
    assert still_text(chromium, small[-1], ".mgt-dream").startswith("A handwritten 4; the same after")

def test_samples_of_every_digit_are_needed():
    few = Split(np.zeros((2, 784), np.float32), np.array([0, 1], np.int32))
    with pytest.raises(ValueError, match="three samples"): Dream(MnistNet(hidden=5), MnistNet(hidden=5), few)

# ---- what the reader finds, on MNIST -------------------------------------------------------------------------------------

@needs_mnist
def test_a_four_is_soon_a_nine_to_the_networks(chromium, real):
    with opened(chromium, real[-1]) as page:
        ready(page)
        page.get_by_label("Digit to find").select_option("9")
        page.get_by_label("Start from").select_option("a test image or your own")
        page.wait_for_function("() => document.querySelector('.mgt-says').textContent.includes('test image 1 of 4 of a 4')")
        for _ in range(2): press(page, "Previous Rate")
        assert page.evaluate(f"{STATE}.settings.rate") == .01
        read = []
        for _ in range(3):
            press(page, "Step")
            found = search(page)
            read.append([int(np.argmax(answer)) for answer in found["answers"]])
        assert "This network reads a 9" in says(page) and "; the second reads a 9" in says(page)
    assert read[0] == [4, 4] and read[1][0] == 9 and read[2] == [9, 9]
    assert np.abs(np.subtract(found["image"], found["start"])).mean() < .02

@needs_mnist
def test_the_hardest_four_needs_the_logit(chromium, real):
    with opened(chromium, real[-1], "start:sheet,image:4.4,digit:9,rate:0.01") as page:
        ready(page)
        assert "So far from a 9 the loss of 2018 is clipped" in says(page)
        run_to(page, 1000)
        assert np.argmax(search(page)["answers"][0]) != 9
        page.get_by_label("Objective").select_option("logit: as high as it goes")
        press(page, "Start over")
        assert "clipped" not in says(page)
        for _ in range(19): press(page, "Step")
        assert np.argmax(search(page)["answers"][0]) == 9

@needs_mnist
def test_noise_stays_until_it_costs_something(chromium, real):
    alike = lambda found: correlation(np.array([found["image"]]), np.array([found["start"]]))[0]
    with opened(chromium, real[-1]) as page:
        ready(page)
        run_to(page, 1000)
        free = search(page)
        assert np.argmax(free["answers"][0]) == 3 and alike(free) > .9
        page.get_by_role("slider", name="L2").press("End")
        for _ in range(4): press(page, "Previous L2")
        assert page.evaluate(f"{STATE}.settings.l2") == .25
        run_to(page, 2000)
        costly = search(page)
    assert np.argmax(costly["answers"][0]) == 3 and alike(costly) < .2
