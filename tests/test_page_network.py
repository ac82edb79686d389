"""Chapter 7's figures in a browser: when several workers pay, and the ring turn by turn, held to the chapter's functions."""
import inspect, itertools
import numpy as np
import pytest
from browser import address, axe_findings, page_file, visit
from mnist_graph_tutorial.page_network import NETWORKS, RingAllReduce, WhenItPays
from mnist_graph_tutorial.scaling_out import ring_turns, step_seconds

THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
PHONE = dict(width=360, height=740, has_touch=True, is_mobile=True)

@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    "A page with both figures."
    return page_file(tmp_path_factory.mktemp("network"), WhenItPays(step_seconds)._repr_html_(), RingAllReduce(ring_turns)._repr_html_())

def pay(page): return page.locator(".mgt-pay")

def ring(page): return page.locator(".mgt-ring")

def says(figure) -> str: return figure.locator(".mgt-says").inner_text().replace("\u00a0", " ")

def looks(page) -> bool: return pay(page).locator(".mgt-curve").count() == 1

def setting(page, name, to):
    "Moves a slider by keyboard until it stands at a value."
    slider = pay(page).get_by_role("slider", name=name)
    slider.press("Home")
    for _ in range(int(slider.get_attribute("max"))):
        if slider.get_attribute("aria-valuetext").replace("\u00a0", " ") == to: return
        slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").replace("\u00a0", " ") == to

# ---- the curve -------------------------------------------------------------------------------------------------------

def test_the_formula_is_the_chapters(chromium, figures):
    grid = [dict(NETWORKS[net], rate=rate, bits=bits, latency=latency, batch=batch) for net, rate, bits, latency, batch in itertools.product(
        range(len(NETWORKS)), (1e10, 1e11, 5e13, 1e15), (1e8, 2.5e9, 1e10, 3.2e12), (1e-6, 5e-5, 1e-1), (10, 50, 1_000, 100_000))]
    with visit(chromium, figures) as page:
        found = page.evaluate("grid => grid.map((settings) => document.querySelector('.mgt-pay').pay.teamsOf(settings))", grid)
    for settings, teams in zip(grid, found):
        machine = {name: settings[name] for name in ("operations", "message", "rate", "latency")} | dict(bandwidth=settings["bits"] / 8)
        sizes = np.arange(1, min(64, settings["batch"]) + 1)
        taken = step_seconds(sizes, settings["batch"], **machine)
        assert teams["sizes"] == sizes.tolist()
        np.testing.assert_allclose(teams["seconds"], taken, rtol=1e-12)
        np.testing.assert_allclose(teams["speedups"], taken[0] / taken, rtol=1e-12)
        assert np.isclose(taken[teams["best"] - 1], taken.min(), rtol=1e-12)
        assert teams["rises"] == (teams["best"] == 64 < settings["batch"] and step_seconds(65, settings["batch"], **machine) < taken[-1])

def test_it_starts_with_the_chapters_machines_and_network():
    given = {name: each.default for name, each in inspect.signature(step_seconds).parameters.items()}
    assert {name: NETWORKS[0][name] for name in ("operations", "message")} == {name: given[name] for name in ("operations", "message")}
    assert (given["rate"], given["bandwidth"], given["latency"]) == (1e11, 1e10 / 8, 5e-5)    # as test_reset_... finds them

def test_first_a_question_then_the_curve(chromium, figures):
    with visit(chromium, figures) as page:
        assert not looks(page) and "Set your guess, then look." in says(pay(page)) and "9.59 ms" in says(pay(page))
        assert pay(page).locator("thead th").all_inner_texts() == ["a step", "1 worker"]
        assert "still to come" in pay(page).get_by_role("img").get_attribute("aria-label")
        for _ in range(2): pay(page).get_by_role("button", name="Next my guess").click()
        pay(page).get_by_role("button", name="Look").click()
        assert looks(page) and says(pay(page)) == ("Fastest with 9 workers: a step takes 3.22 ms, 2.98 times as fast as with one. "
                                                   "Your guess, 4, makes it 2.5 times.")
        assert pay(page).locator("thead th").all_inner_texts() == ["a step", "1 worker", "4 workers, my guess", "9 workers, fastest"]
        numbers = [row.split("\t") for row in pay(page).locator("tbody").inner_text().replace("\u00a0", " ").splitlines()]
        assert [row[0] for row in numbers] == ["arithmetic, shared out", "bytes on the link", "latencies", "together", "images a second"]
        assert [row[3] for row in numbers] == ["1.07 ms", "1.36 ms", "800 µs", "3.22 ms", "310,000"]

def test_the_curve_moves_with_the_settings_until_the_reader_guesses_again(chromium, figures):
    with visit(chromium, figures) as page:
        pay(page).get_by_role("button", name="Look").press("Enter")
        pay(page).get_by_role("slider", name="my guess").press("End")         # a guess is compared at once
        assert looks(page) and "Your guess, 64," in says(pay(page))
        before = pay(page).locator(".mgt-curve").get_attribute("d")
        pay(page).get_by_role("slider", name="latency").press("ArrowLeft")
        assert looks(page) and pay(page).locator(".mgt-curve").get_attribute("d") != before
        pay(page).get_by_role("button", name="Guess again").press("Enter")
        pay(page).get_by_role("slider", name="latency").press("ArrowRight")
        assert not looks(page) and "Set your guess, then look." in says(pay(page))

def test_what_the_chapter_says_is_found(chromium, figures):
    with visit(chromium, figures) as page:
        pay(page).get_by_role("button", name="Look").click()
        pay(page).get_by_role("slider", name="my guess").press("ArrowRight")
        assert "Fastest with 9 workers" in says(pay(page)) and "2.98 times" in says(pay(page))
        setting(page, "link", "100 Gbit/s")
        assert "Fastest with 10 workers" in says(pay(page)) and "4.8 times" in says(pay(page))
        setting(page, "link", "10 Gbit/s")
        setting(page, "latency", "5 µs")
        assert "Fastest with 28 workers" in says(pay(page))
        setting(page, "latency", "50 µs")
        setting(page, "operations a second", "1 trillion")
        assert "One worker is fastest" in says(pay(page))
        setting(page, "operations a second", "100 billion")
        pay(page).get_by_label("network").select_option("like ResNet-50")
        assert "Fastest with 64 workers" in says(pay(page)) and "61.3 times" in says(pay(page))
        assert "beyond 64 workers the curve goes on rising" in says(pay(page))
        pay(page).get_by_label("network").select_option("784-300-10")
        setting(page, "images in a batch", "10")
        assert "would have no image" not in says(pay(page))
        setting(page, "my guess", "30 workers")
        assert "Of the 30 that you guessed, 20 would have no image." in says(pay(page))
        setting(page, "my guess", "1 worker")
        assert "Just as you guessed." in says(pay(page))

def test_every_batch_has_its_peak_as_in_the_chapter(chromium, figures):
    with visit(chromium, figures) as page:
        pay(page).get_by_role("button", name="Look").click()
        for batch in (100, 1_000, 10_000):
            setting(page, "images in a batch", f"{batch:,}")
            best = int(step_seconds(np.arange(1, 65), batch).argmin()) + 1
            assert ("One worker is fastest" if best == 1 else f"Fastest with {best} workers") in says(pay(page))

def test_settings_go_into_the_address_and_come_back(chromium, figures):
    with visit(chromium, figures) as page:
        setting(page, "latency", "1 ms")
        pay(page).get_by_label("network").select_option("like ResNet-50")
        setting(page, "my guess", "12 workers")
        pay(page).get_by_role("button", name="Look").click()
        ring(page).get_by_role("slider", name="workers").press("End")
        ring(page).get_by_role("button", name="Next turn").click()
        told, passed, url = says(pay(page)), says(ring(page)), address(page)
    with visit(chromium, url) as page:
        assert looks(page) and says(pay(page)) == told and says(ring(page)) == passed
        assert pay(page).get_by_label("network").evaluate("menu => menu.selectedOptions[0].text") == "like ResNet-50"

BROKEN = ["pay=", "pay=net:9,rate:-1,bits:x,latency:,batch:1e99,guess:0,look:maybe", "pay=<b>:1,rate:Infinity&ring=n:1,turn:-1",
          "ring=n:8,turn:15", "ring=n:3.5,turn:abc&pay", "pay=net:,rate:%&ring=,,::,turn:1.5"]

@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_address_is_harmless(chromium, figures, text):
    with visit(chromium, f"{figures}#{text}") as page:
        assert "takes one worker 9.59 ms" in says(pay(page)) and not looks(page)
        assert ring(page).locator("tbody tr").count() in (4, 8) and "Nothing has been sent yet." in says(ring(page))

def test_reset_takes_all_back(chromium, figures):
    with visit(chromium, figures) as page:
        before = says(pay(page))
        for slider in pay(page).get_by_role("slider").all(): slider.press("End")
        pay(page).get_by_role("button", name="Look").click()
        pay(page).get_by_role("slider", name="latency").press("Home")
        assert looks(page)
        pay(page).get_by_role("button", name="Reset").click()
        values = [slider.get_attribute("aria-valuetext").replace("\u00a0", " ") for slider in pay(page).get_by_role("slider").all()]
        assert says(pay(page)) == before and not looks(page) and values == ["100 billion", "10 Gbit/s", "50 µs", "1,000", "2 workers"]

# ---- the ring --------------------------------------------------------------------------------------------------------

def cells(page) -> list:
    return [[int(text) for text in row.locator("td:not(.mgt-sent)").all_inner_texts()] for row in ring(page).locator("tbody tr").all()]

def sent(page) -> set: return set(ring(page).locator(".mgt-sent").all_inner_texts())

def test_the_turns_are_the_chapters(chromium, figures):
    with visit(chromium, figures) as page:
        found = page.evaluate("""() => [2, 3, 4, 5, 6, 7, 8].map((n) => {
            const {ringTurns, start} = document.querySelector(".mgt-ring").ring;
            return ringTurns(start(n));
          })""")
    for n, held in enumerate(found, 2):
        assert held == ring_turns(held[0]) and len(held) == 2 * (n - 1) + 1
        assert np.array_equal(held[-1], np.tile(np.sum(held[0], axis=0), (n, 1))) and len({tuple(row) for row in held[0]}) == n

@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_ring_goes_through_its_turns(chromium, figures, n):
    with visit(chromium, figures) as page:
        workers = ring(page).get_by_role("slider", name="workers")
        workers.press("Home")
        for _ in range(n - 2): workers.press("ArrowRight")
        turns = ring_turns(cells(page))
        assert sent(page) == {f"0/{n}"} and ring(page).locator(".mgt-busy").count() == 0
        for turn in range(1, 2 * (n - 1) + 1):
            ring(page).get_by_role("button", name="Next turn").click()
            assert cells(page) == turns[turn] and sent(page) == {f"{turn}/{n}"}
            carried = ring(page).locator(".mgt-busy text").all_text_contents()
            assert carried == [f"block {(worker - turn + 1) % n}" for worker in range(n)]
            fresh = [(worker, block) for worker in range(n) for block in range(n) if ring(page).locator("tbody tr").nth(worker)
                     .locator("td").nth(block).evaluate("cell => cell.classList.contains('mgt-new')")]
            assert fresh == [(worker, (worker - turn) % n) for worker in range(n)]
            adds = "adds it to its own" if turn < n else "puts it in place of its own"
            assert f"Turn {turn} of {2 * (n - 1)}" in says(ring(page)) and adds in says(ring(page))
        assert f"Each has sent {2 * (n - 1)} blocks, {2 * (n - 1)}/{n} of the vector" in says(ring(page))
        assert f"of 954,044 bytes of gradients {round(954_044 * 2 * (n - 1) / n):,}." in says(ring(page))
        ring(page).get_by_role("button", name="Previous turn").click()
        assert cells(page) == turns[-2]
        ring(page).get_by_role("button", name="Reset").click()
        assert len(cells(page)) == 4 and sent(page) == {"0/4"}

def test_the_ring_plays_to_its_end_and_stops_when_told(chromium, figures):
    with visit(chromium, figures) as page:
        ring(page).get_by_role("slider", name="workers").press("Home")
        ring(page).get_by_role("button", name="Play turn").click()
        ring(page).get_by_text("All hold the sum.").wait_for()
        ring(page).get_by_role("button", name="Play turn").wait_for()
        ring(page).get_by_role("slider", name="workers").press("End")
        ring(page).get_by_role("button", name="Play turn").click()
        ring(page).get_by_text("Turn 1 of 14").wait_for()
        ring(page).get_by_role("button", name="Reset").click()                # its play ends with its turns
        assert ring(page).get_by_role("button", name="Play turn").is_visible() and sent(page) == {"0/4"}
        page.evaluate("() => new Promise((done) => setTimeout(done, 2 * 1200))")
        assert sent(page) == {"0/4"}

# ---- for everybody ---------------------------------------------------------------------------------------------------

def test_less_motion_means_no_play(chromium, figures):
    with visit(chromium, figures, reduced_motion="reduce") as page:
        assert page.get_by_role("button", name="Play").count() == 0
        ring(page).get_by_role("button", name="Next turn").click()
        assert sent(page) == {"1/4"}

def test_by_touch_on_a_phone_without_sideways_scrolling(chromium, figures):
    with visit(chromium, figures, **PHONE) as page:
        pay(page).get_by_role("button", name="Next my guess").tap()
        pay(page).get_by_role("button", name="Look").tap()
        assert looks(page) and "Your guess, 3," in says(pay(page))
        for _ in range(4): ring(page).get_by_role("button", name="Next workers").tap()
        for _ in range(9): ring(page).get_by_role("button", name="Next turn").tap()
        assert len(cells(page)) == 8 and sent(page) == {"9/8"}
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

@THEMES
def test_accessible_after_use(chromium, figures, axe, dark):
    with visit(chromium, figures, dark=dark) as page:
        pay(page).get_by_role("button", name="Look").click()
        for _ in range(5): ring(page).get_by_role("button", name="Next turn").click()
        assert axe_findings(page, axe) == []

def test_without_scripts_there_are_pictures(chromium, figures):
    with visit(chromium, figures, java_script_enabled=False) as page:
        assert "its peak at 9 workers" in pay(page).locator("img").get_attribute("alt")
        assert "turn 4: [[111, 222, 333], [111, 222, 333], [111, 222, 333]]" in ring(page).locator("img").get_attribute("alt")
        assert "allow JavaScript" in pay(page).inner_text() and not page.locator("input").count()
