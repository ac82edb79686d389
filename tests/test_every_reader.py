"""For every reader: contrast themes (forced colours), print, and the words that learners search with."""
import pytest
from browser import spread, visit
from test_site import pages  # noqa: F401

in_both_schemes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])

@in_both_schemes
@pytest.mark.parametrize("page", ["index", "graph_basics", "mnist_net", "fingerprints", "ideal_images", "draw_a_digit", "scaling_out"])
def test_figures_show_in_contrast_themes(page, dark, chromium, pages):  # noqa: F811
    with visit(chromium, (pages / f"{page}.html").as_uri(), dark=dark, forced_colors="active") as tab:
        figures = tab.locator("main img.mgt-figure:visible, main svg:visible")
        assert figures.count()
        for k in range(min(figures.count(), 8)): assert spread(figures.nth(k)) > 100

@in_both_schemes
def test_the_pad_has_ink_and_bars_in_contrast_themes(dark, chromium, pages):  # noqa: F811
    with visit(chromium, (pages / "draw_a_digit.html").as_uri(), dark=dark, forced_colors="active") as tab:
        pad = tab.locator(".mgt-pad").first
        pad.get_by_role("button", name="Test image of a 3").click()
        pad.get_by_text("test image 1 of 4 of a 3").wait_for()
        for part in (".mgt-draw", ".mgt-winner .mgt-bar", ".mgt-winner .mgt-level", ".mgt-cells >> nth=3"):
            assert spread(pad.locator(part)) > 60, part

def test_a_page_prints_with_its_figures_and_solutions_and_without_controls(chromium, pages):  # noqa: F811
    with visit(chromium, (pages / "draw_a_digit.html").as_uri()) as tab:
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        tab.emulate_media(media="print")
        assert tab.locator("main details:not([open])").count() == 0
        assert tab.locator("main :is(button, select):visible, main input[type=range]:visible").count() == 0
        assert tab.locator("main img.mgt-figure:visible").count() and tab.locator("#site-nav:visible").count() == 0

WORDS = ["retracing", "visualise", "visualize", "backpropagation", "neuron", "handwriting", "normalise", "normalize", "stuck",
         "vanishing", "inverted", "photo", "input_data", "next_batch", "0.098"]

@pytest.mark.parametrize("word", WORDS)
def test_the_search_knows_the_words_that_learners_bring(word, chromium, pages):  # noqa: F811
    with visit(chromium, (pages / "search.html").as_uri() + f"?q={word}") as tab:
        tab.locator("#site-results a").first.wait_for()
