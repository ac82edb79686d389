"""The figure of chapter 2 in which a reader inverts a matrix: its controls, what it says, and that it is right."""
import re
import numpy as np
import pytest
from browser import address, axe_findings, page_file, visit
from mnist_graph_tutorial.matrix_inverse import learn_inverse, random_matrix
from mnist_graph_tutorial.page_inverse import InvertYourOwn

A, B = random_matrix(7), np.array([[8, 6], [7, 6]])
TWINS = A.copy()
TWINS[1] = TWINS[0]
MATRICES = {"A": A, "B": B, "easy": random_matrix(23), "hard": random_matrix(1), "two rows alike": TWINS, "identity": np.eye(10)}
METHODS = {"post": "Adagrad, as in 2018", "decay": "Adagrad, falling rate", "squared": "squared loss, momentum",
           "schulz": "Newton-Schulz (float64)"}
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
FAST, GROWING, SLOW = "as fast as it goes", "faster and faster", "four steps a second"
PHONE = dict(width=360, height=740, has_touch=True, is_mobile=True)

@pytest.fixture(scope="module")
def url(tmp_path_factory): return page_file(tmp_path_factory.mktemp("invert"), InvertYourOwn(MATRICES)._repr_html_())

@pytest.fixture
def opened(chromium, url):
    "A page with the figure, patient with a slow machine; `state`: what stands in its address."
    from contextlib import contextmanager
    @contextmanager
    def open_page(state="", **settings):
        with visit(chromium, url + (state and f"#invert={state}"), **settings) as page:
            page.set_default_timeout(90_000)
            yield page
    return open_page

def says(page) -> str: return page.locator(".mgt-says").inner_text()
def about(page) -> str: return page.locator(".mgt-about").inner_text()
def key(page) -> list[str]: return page.locator(".mgt-key li").all_inner_texts()
def press(page, name): page.get_by_role("button", name=name, exact=True).click()
def pick(page, name, value): page.get_by_role("combobox", name=name).select_option(value)
def field(page, i, j): return page.get_by_label(f"row {i}, column {j}", exact=True)
def number(text) -> float: return float(text.replace("\u2212", "-").replace(",", ""))
def taken(page) -> int: return page.locator("progress").evaluate("bar => bar.value")

def loss(page) -> float:
    "The loss that the verdict names."
    text = says(page)
    return number((re.search(r"loss (\S+),", text) or re.search(r"Stalled at (\S+) ", text))[1])

def ended(page) -> str:
    "What the figure says at the end of the run."
    page.wait_for_function("() => !/^Step /.test(document.querySelector('.mgt-says').textContent)"
                           " && document.querySelector('.mgt-tools button[aria-label^=Play]')")
    return says(page)

def run(page, method=None, **choices) -> str:
    "Play to the end at full speed."
    if method: pick(page, "method", METHODS[method])
    for name, value in dict(pace=FAST, **choices).items(): pick(page, name, value)
    press(page, "Play the run")
    return ended(page)

# ---- the findings ----------------------------------------------------------------------------------------------------

def test_the_posts_way_stalls_where_pythons_does(opened):
    with opened() as page:
        assert "Condition number 100, rank 10 of 10" in about(page)
        assert run(page).startswith("Stalled at 3.0")
        assert loss(page) == pytest.approx(learn_inverse(A).losses[-1], rel=.05) and taken(page) == 100_000

def test_a_falling_rate_does_better(opened):
    with opened() as page:
        posts = run(page) and loss(page)
        assert run(page, "decay").startswith("Solved") and loss(page) < .01 < posts
        assert [text.split(",")[0] for text in key(page)] == ["Adagrad", "Adagrad"] and "3.0" in key(page)[1]

def test_the_squared_loss_solves_it_too_and_further_in_float64(opened):
    with opened() as page:
        assert run(page, "squared").startswith("Solved")
        single = loss(page)
        assert run(page, numbers="float64").startswith("Solved") and loss(page) < 1e-9 < single
        expected = learn_inverse(A, method="squared", learning_rate=1 / (2 * np.sum(A ** 2))).losses[-1]
        assert single == pytest.approx(expected, rel=.5)      # where float32 ends, last digits decide

def test_newton_schulz_is_below_a_billionth_within_forty_steps(opened):
    with opened() as page:
        assert run(page, "schulz").startswith("Solved: below 0.01 by step 17") and loss(page) < 1e-9 and taken(page) == 40
        assert page.get_by_role("slider", name="rate").count() == page.get_by_role("combobox", name="numbers").count() == 0
        assert "float64" in page.locator(".mgt-note").inner_text()
        pick(page, "matrix", "hard")
        assert run(page).startswith("Solved: below 0.01 by step 30")

def test_a_singular_matrix_is_said_to_be_one_before_any_step(opened):
    with opened() as page:
        pick(page, "matrix", "two rows alike")
        assert about(page).startswith("This matrix is singular: no inverse exists") and "Rank 9 of 10" in about(page)
        assert taken(page) == 0
        assert "no X reaches I" in run(page, "schulz")
        field(page, 2, 1).fill("10")
        changed = TWINS.copy()
        changed[1, 0] = 10
        assert number(re.search(r"Condition number ([\d,.]+),", about(page))[1]) == pytest.approx(np.linalg.cond(changed), rel=5e-3)

@pytest.mark.parametrize("method", METHODS)
def test_the_identity_is_easy(opened, method):
    with opened("preset:identity,method:" + method) as page: assert run(page).startswith("Solved")

@pytest.mark.parametrize("name", MATRICES)
def test_condition_numbers_are_numpys(opened, name):
    with opened("preset:" + name.replace(" ", "%20")) as page:
        if np.linalg.matrix_rank(MATRICES[name]) < len(MATRICES[name]): assert "condition number infinite" in about(page)
        else:
            found = number(re.search(r"Condition number (\S+),", about(page))[1])
            assert found == pytest.approx(np.linalg.cond(MATRICES[name]), rel=5e-3)

def test_too_high_a_rate_diverges_and_the_last_finite_step_is_kept(opened):
    with opened("preset:A,method:squared,steps:10000") as page:
        for _ in range(2): press(page, "Next rate")
        text = run(page)
        at = int(re.match(r"Diverged at step (\d+): X is no longer finite", text)[1])
        assert taken(page) == at - 1 and f"Step {at - 1} is kept" in text and np.isfinite(loss(page)) and loss(page) > 1e30
        press(page, "Step")
        assert says(page) == text
        press(page, "Previous rate")
        assert run(page, steps="100,000").startswith("Solved")

def test_too_few_steps_are_called_that(opened):
    with opened("preset:A,method:squared,steps:1000") as page: assert run(page).startswith("Still falling after 1,000 steps")

# ---- playing ---------------------------------------------------------------------------------------------------------

def test_step_play_pause_and_reset(opened):
    with opened() as page:
        assert says(page).startswith("Step 0 of 100,000: X is all zeros, loss 10,")
        press(page, "Step")
        assert says(page).startswith("Step 1 of 100,000: loss 45,")
        pick(page, "pace", SLOW)
        press(page, "Play the run")
        page.wait_for_function("() => document.querySelector('progress').value >= 3")
        press(page, "Pause the run")
        at = taken(page)
        press(page, "Step")
        assert taken(page) == at + 1
        press(page, "Start over")
        assert taken(page) == 0 and says(page).startswith("Step 0 of") and len(key(page)) == 1

def test_playing_once_more_begins_again_and_adds_no_curve(opened):
    with opened("method:schulz") as page:
        first = run(page)
        assert page.evaluate("""() => new Promise((done) => { const seen = [], bar = document.querySelector('progress');
            document.querySelector("[aria-label='Play the run']").click();
            const look = () => { seen.push(bar.value); seen.length > 1 && bar.value === 40 ? done(seen) : setTimeout(look); };
            look(); })""")[-1] == 40
        assert ended(page) == first and len(key(page)) == 1

def test_reset_all_brings_back_the_first_settings(opened):
    with opened() as page:
        first, matrix = key(page), values(page)
        pick(page, "numbers", "float64")
        run(page, "schulz", matrix="hard")
        field(page, 1, 1).fill("3")
        press(page, "Reset all")
        assert key(page) == first and taken(page) == 0
        np.testing.assert_array_equal(values(page), matrix)
        assert page.get_by_role("combobox", name="pace").evaluate("menu => menu.value") == GROWING
        page.wait_for_function("() => location.hash.includes('preset:A,method:post,rate:0.01')")

def test_curves_of_earlier_runs_stay_until_reset(opened):
    with opened("steps:1000") as page:
        for count, method in enumerate(METHODS, 1):
            run(page, method)
            assert len(key(page)) == count and page.locator(".mgt-plot .mgt-faint").count() == count - 1
        label = page.locator(".mgt-plot").first.get_attribute("aria-label")
        assert all(name in label for name in METHODS.values()) and "logarithmic" in label
        pick(page, "method", METHODS["post"])                     # not four earlier ones: the oldest goes
        assert len(key(page)) == 4 and "2018" in key(page)[0] and not any("2018" in text for text in key(page)[1:])
        press(page, "Start over")
        assert len(key(page)) == 1 and page.locator(".mgt-plot .mgt-faint").count() == 0

def test_work_comes_in_slices_with_frames_between(opened):
    "While 100,000 steps run, frames keep coming: the work stops for each."
    with opened() as page:
        pick(page, "pace", FAST)
        frames = page.evaluate("""() => new Promise((done) => { const bar = document.querySelector('progress'); let frames = 0;
            document.querySelector("[aria-label='Play the run']").click();
            const look = () => { frames += 1; bar.value === 100000 ? done(frames) : requestAnimationFrame(look); }; look(); })""")
        assert frames > 20

def test_pause_answers_while_it_runs_at_full_speed(opened):
    with opened("steps:1000000") as page:
        pick(page, "pace", FAST)
        press(page, "Play the run")
        page.wait_for_function("() => document.querySelector('progress').value > 0")
        press(page, "Pause the run")
        assert 0 < taken(page) < 1_000_000 and says(page).startswith("Step ")

def test_with_less_motion_nothing_creeps(opened):
    with opened("method:schulz", reduced_motion="reduce") as page:
        assert page.get_by_role("combobox", name="pace").evaluate("menu => menu.selectedOptions[0].text") == FAST
        press(page, "Play the run")
        assert ended(page).startswith("Solved")

def test_captions_wait_until_they_stand_still(opened):
    with opened() as page:
        press(page, "Step")
        caption = page.locator(".mgt-says")
        assert caption.get_attribute("aria-live") == "polite" and caption.get_attribute("aria-busy") == "true"
        page.wait_for_function("() => document.querySelector('.mgt-says').ariaBusy === 'false'")

# ---- the matrix ------------------------------------------------------------------------------------------------------

def values(page) -> np.ndarray:
    found = page.locator(".mgt-entries input").evaluate_all("inputs => inputs.map((input) => +input.value)")
    return np.reshape(found, (int(len(found) ** .5), -1))

def test_presets_other_matrices_and_sizes(opened):
    with opened() as page:
        for name, matrix in MATRICES.items():
            pick(page, "matrix", name)
            np.testing.assert_array_equal(values(page), matrix)
        press(page, "Another matrix")
        first = values(page)
        assert first.shape == (10, 10) and set(first.ravel()) == set(range(10)) and "random, seed 1" in key(page)[0]
        press(page, "Another matrix")
        assert (values(page) != first).any()
        pick(page, "size", "4 \u00d7 4")
        small = values(page)
        assert small.shape == (4, 4)
        pick(page, "size", "10 \u00d7 10")
        np.testing.assert_array_equal(values(page)[:4, :4], small)

@pytest.mark.parametrize("typed,said", [("", "is empty"), ("1e9", "is out of range"), ("0.0000001", "is out of range")])
def test_a_field_without_a_number_loses_nothing(opened, typed, said):
    with opened("preset:B,method:schulz") as page:
        before = run(page)
        field(page, 2, 1).fill(typed)
        assert about(page).startswith(f"Row 2, column 1 {said}") and "counts as 7" in about(page)
        assert field(page, 2, 1).get_attribute("aria-invalid") == "true"
        assert says(page) == before and run(page) == before
        field(page, 2, 1).fill("-5")
        assert about(page).startswith("Condition number") and field(page, 2, 1).get_attribute("aria-invalid") == "false"
        assert "your own, 2 \u00d7 2" in key(page)[0] and "B, 2 \u00d7 2" in key(page)[1]

def test_what_is_no_number_is_said(opened):
    with opened("preset:B") as page:
        field(page, 1, 1).focus()
        page.keyboard.type("e")              # "8e", which no number begins with alone
        assert "Row 1, column 1 holds no finite number" in about(page)

def test_zeros_alone_are_harmless(opened):
    with opened("size:2,entries:0_0_0_0") as page:
        assert "Rank 0 of 2" in about(page)
        for method in METHODS: assert "Stalled at 2" in run(page, method, steps="100")

def test_the_inverse_of_ones_own_matrix(opened):
    own = np.array([[2, -1, .5], [0, 3, 1], [1, 1, -4]])
    with opened("size:3,method:schulz") as page:
        for (i, j), value in np.ndenumerate(own): field(page, i + 1, j + 1).fill(str(value))
        assert number(re.search(r"Condition number (\S+),", about(page))[1]) == pytest.approx(np.linalg.cond(own), rel=5e-3)
        assert run(page).startswith("Solved")
        label = page.locator("canvas").get_attribute("aria-label")
        assert label == "X A after step 40: from 1 to 1 on the diagonal, from 0 to 0 elsewhere"

def test_the_heat_map_has_the_colours_it_promises(opened):
    with opened("preset:identity,method:schulz") as page:
        diagonal, beside = page.locator("canvas").evaluate("""canvas => [[3, 3], [63, 3]].map((at) =>
            [...canvas.getContext('2d').getImageData(...at, 1, 1).data])""")
        assert diagonal == [178, 24, 43, 255] and beside[3] == 0

# ---- the valley ------------------------------------------------------------------------------------------------------

def test_two_unknowns_have_a_valley(opened):
    with opened() as page:
        map_ = page.get_by_role("img", name="Map of the loss")
        assert map_.count() == 0
        pick(page, "matrix", "B")
        assert map_.count() == 1 and page.get_by_text("Solid: 8x + 7y = 1; dashed: 6x + 6y = 0. The star is the goal, (1, \u22121).").count() == 1
        assert {"x", "y"} <= set(map_.locator("text").all_text_contents())
        press(page, "Step")
        press(page, "Step")
        assert len(map_.locator(".mgt-path").get_attribute("points").split()) == 4     # start, two steps, where it is
        assert run(page, "schulz").startswith("Solved")
        assert "is at (1, \u22121)" in map_.get_attribute("aria-label")

def test_a_singular_one_has_no_goal(opened):
    with opened("size:2,entries:2_3_2_3") as page:
        assert page.get_by_text("No point is the goal.").count() == 1 and page.locator(".mgt-goal").count() == 0
        run(page, "squared")

# ---- the fields ------------------------------------------------------------------------------------------------------

def test_a_number_that_is_none_brings_back_what_stood_there_before_it_was_typed(opened):
    "Its first digits count while it is typed: 1 of 1e99."
    with opened() as page:
        before = field(page, 1, 1).input_value()
        for text, complaint in (("1e99", "out of range"), ("123456789", "out of range"), ("-", "no finite number")):
            field(page, 1, 1).focus()
            page.keyboard.press("Control+A")
            page.keyboard.type(text)
            assert complaint in about(page) and about(page).endswith(f"For now it counts as {before}, as before.")
            assert address(page).partition("entries:")[2].split("_")[0] in (before, "")
            field(page, 1, 1).fill(before)

@pytest.mark.parametrize("column", [1, 10])
def test_all_digits_of_a_long_number_are_seen_while_its_field_is_used(opened, column):
    with opened(**PHONE) as page:
        for text in ("5", "-12345.5", "-999999.5"):
            field(page, 1, column).fill(text)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            room, needed = field(page, 1, column).evaluate("""input => {
                const pen = document.createElement("canvas").getContext("2d");
                pen.font = getComputedStyle(input).font;
                return [input.clientWidth, pen.measureText(input.value).width];
            }""")
            assert needed <= room

# ---- by keyboard, by touch, in the address ---------------------------------------------------------------------------

def test_everything_by_keyboard(opened):
    with opened() as page:
        page.get_by_role("combobox", name="matrix").focus()
        page.keyboard.press("ArrowDown")
        np.testing.assert_array_equal(values(page), B)
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent"))
        names = ("size", "Another matrix", "method", "rate", "Previous rate", "Next rate", "steps", "numbers", "Play the run", "Step", "Start over", "Reset all", "pace",
                 "row 1, column 1", "row 2, column 2")
        places = [next(k for k, text in enumerate(reached) if text and text.startswith(name)) for name in names]
        assert places == sorted(places)
        field(page, 1, 2).press("ArrowUp")
        assert values(page)[0, 1] == 7
        page.get_by_role("slider", name="rate").press("ArrowRight")
        assert "rate 0.02" in key(page)[0]
        page.get_by_role("button", name="Step", exact=True).press("Enter")
        assert taken(page) == 1
        page.get_by_role("button", name="Play the run").press("Space")
        page.get_by_role("button", name="Pause the run").press("Space")
        page.get_by_role("button", name="Start over").press("Enter")
        assert taken(page) == 0

def test_on_a_phone_by_touch(opened):
    with opened(**PHONE) as page:
        tap = lambda name: page.get_by_role("button", name=name, exact=True).tap()
        tap("Another matrix")
        tap("Next rate")
        tap("Step")
        assert taken(page) == 1
        tap("Play the run")
        tap("Pause the run")
        tap("Start over")
        assert taken(page) == 0
        field(page, 10, 10).tap()
        field(page, 10, 10).fill("7.5")
        assert "your own" in key(page)[0] and page.evaluate("document.documentElement.scrollWidth") <= 360
        sides = page.locator(".mgt-entries input, .mgt-invert button").evaluate_all(
            "nodes => nodes.map((node) => node.getBoundingClientRect()).map(({width, height}) => Math.min(width, height))")
        assert min(sides) >= 24

@pytest.mark.parametrize("width", [360, 800, 1280])
def test_the_rates_slider_is_wide_enough_to_aim(opened, width):
    with opened(width=width) as page:
        assert page.get_by_role("slider", name="rate").bounding_box()["width"] > 180

@THEMES
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_is_accessible_after_use(opened, axe, dark, width):
    with opened("preset:B,method:post,steps:100", dark=dark, width=width) as page:
        run(page)
        field(page, 1, 1).fill("")
        assert axe_findings(page, axe) == [] and page.evaluate("document.documentElement.scrollWidth") <= width
        run(page, "schulz", matrix="two rows alike")
        assert axe_findings(page, axe) == [] and page.evaluate("document.documentElement.scrollWidth") <= width

def settings(page) -> dict:
    return dict(part.split(":") for part in address(page).partition("invert=")[2].split("&")[0].split(","))

def test_settings_go_into_the_address_and_come_back(opened):
    with opened() as page:
        pick(page, "matrix", "B")
        field(page, 1, 1).fill("8.5")
        for name, value in dict(method=METHODS["squared"], numbers="float64", steps="1,000").items(): pick(page, name, value)
        press(page, "Next rate")
        state, own, shown = settings(page), values(page), key(page)[0]
        assert state.items() >= dict(size="2", entries="8.5_6_7_6", method="squared", numbers="float64", steps="1000").items()
    with opened(",".join(map(":".join, state.items()))) as page:
        np.testing.assert_array_equal(values(page), own)
        assert key(page)[0] == shown
    with opened("size:5,seed:3,method:schulz,steps:20") as page:
        assert values(page).shape == (5, 5) and key(page)[0] == "Newton-Schulz (float64); random, seed 3, 5 \u00d7 5"
        drawn = values(page)
        pick(page, "steps", "40")
        assert settings(page) == dict(size="5", seed="3", method="schulz", steps="40")
    with opened("size:5,seed:3") as page: np.testing.assert_array_equal(values(page), drawn)

@pytest.mark.parametrize("state", ["", "%zz", "size:1", "size:11,seed:0", "size:2.5,preset:none", "size:2,entries:1_2_3", "size:2,entries:1_2_3_x",
                                   "size:2,entries:1_2_3_1e99", "method:constructor,rate:-1,steps:7,numbers:float16", "rate:Infinity,seed:1e9",
                                   "preset:__proto__,method:toString", "a:b:c,,:"])
def test_a_broken_address_is_harmless(opened, state):
    with opened(state) as page:
        assert says(page).startswith("Step 0 of 100,000") and "2018" in key(page)[0]
        press(page, "Step")
        assert np.isfinite(loss(page))

def test_without_scripts_there_is_a_picture(opened):
    with opened(java_script_enabled=False) as page:
        assert "Newton-Schulz as a heat map" in page.locator("img").get_attribute("alt") and "allow JavaScript" in page.locator("figure").first.inner_text()

# ---- an address that somebody shared ---------------------------------------------------------------------------------

TALL = "<p style='height: 4000px'>A long chapter.</p>"

@pytest.fixture(scope="module")
def far_down(tmp_path_factory):
    return page_file(tmp_path_factory.mktemp("far"), f"{TALL}{InvertYourOwn(MATRICES)._repr_html_()}{TALL}")

def top_of_figure(page) -> float: return page.locator(".mgt-invert").evaluate("figure => figure.getBoundingClientRect().top")

def test_an_address_with_settings_leads_to_its_figure(chromium, far_down):
    with visit(chromium, f"{far_down}#invert=method:schulz") as page:
        page.wait_for_function("() => scrollY > 0")
        assert abs(top_of_figure(page)) < 100
    for plain in ("", "#elsewhere", "#other=1", "#invert=method:schulz&other=1"):   # the last one was used after this figure
        with visit(chromium, far_down + plain) as page:
            page.locator(".mgt-invert[data-ready]").wait_for()
            assert page.evaluate("scrollY") == 0

def test_a_reader_who_reloads_stays_where_they_were(chromium, far_down):
    with visit(chromium, f"{far_down}#invert=method:schulz") as page:
        page.wait_for_function("() => scrollY > 0")
        page.evaluate("scrollTo(0, 500)")
        page.reload()
        page.locator(".mgt-invert[data-ready]").wait_for()
        page.wait_for_timeout(300)
        assert page.evaluate("scrollY") == 500

def test_another_address_of_an_open_page_is_a_new_start(chromium, far_down):
    with visit(chromium, far_down) as page:
        page.locator(".mgt-invert[data-ready]").wait_for()
        page.evaluate("() => { location.hash = 'invert=method:schulz'; }")
        page.wait_for_function("() => /Newton/.test(document.querySelector('.mgt-key li')?.textContent) && scrollY > 0")
        assert abs(top_of_figure(page)) < 100

def test_a_link_within_the_page_and_back_loses_nothing(chromium, far_down):
    with visit(chromium, far_down + "#invert=method:schulz") as page:
        page.locator(".mgt-invert[data-ready]").wait_for()
        for _ in range(3): press(page, "Step")
        at = taken(page)
        page.evaluate("() => { location.hash = 'a-heading'; }")
        page.go_back()
        page.wait_for_timeout(300)
        assert taken(page) == at > 0 and "invert=" in page.url
