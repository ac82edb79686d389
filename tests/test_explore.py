"""explore: both faces without a browser, and what is refused."""
import json, re
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from mnist_graph_tutorial import explore as module
from mnist_graph_tutorial.explore import (Progress, explore, frame, label, live, page, png_uri, show,
                                          widget_for)

@pytest.fixture(autouse=True)
def no_figure_is_left():
    assert not plt.get_fignums()
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert not left

@pytest.fixture
def shown(monkeypatch):
    "What was displayed."
    displayed = []
    monkeypatch.setattr("IPython.display.display", displayed.append)
    return displayed

def bars(n, kind="plain"):
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.bar(range(5), [n] * 5)
    return f"Five bars of height {n}, {kind}."

def data_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" class="mgt-data">(.*?)</script>', html, re.S)[1])

def test_page_holds_every_combination_in_order():
    data = data_of(page(bars, {"n": [1, 2], "kind": ["plain", "fancy"]}, {"n": 2, "kind": "plain"}))
    assert data["texts"] == [f"Five bars of height {n}, {kind}." for n in (1, 2) for kind in ("plain", "fancy")]
    assert [(c["name"], c["values"], c["at"], c["ordered"]) for c in data["controls"]] == [
        ("n", ["1", "2"], 1, True), ("kind", ["plain", "fancy"], 0, False)]

def test_equal_frames_are_stored_once_and_the_still_is_not_stored_again():
    html = page(bars, {"n": [1, 2], "kind": ["plain", "fancy"]}, {"n": 2, "kind": "plain"})
    data = data_of(html)
    assert data["frames"] == [1, 1, 0, 0] and data["pictures"][0] == "" and len(data["pictures"]) == 2
    assert html.count("<img") == 1 and "<noscript>" in html

def test_page_is_the_same_on_every_run():
    make = lambda: page(bars, {"n": [1, 2]}, {"n": 1})
    assert make() == make()

def test_lines_become_svg_and_pixels_png():
    def noise(n):
        plt.imshow(np.random.default_rng(n).random((100, 100)))
        return "Noise."
    def wave(n):
        fig, ax = plt.subplots(figsize=(6, 3))
        ax.plot(np.sin(np.linspace(0, 6, 50)))
        return "A wave."
    assert 'src="data:image/svg' in page(wave, {"n": [1]}, {"n": 1})
    assert 'src="data:image/png' in page(noise, {"n": [1]}, {"n": 1})

def test_text_cannot_leave_its_place_in_the_page():
    def hostile(kind):
        plt.plot([1, 2])
        return f'"><script>alert(1)</script> & </script> {kind}'
    html = page(hostile, {"kind": ["</script><b>", "ü"]}, {"kind": "ü"})
    assert html.count("<script") == html.count("</script>") == 3 and "<b>" not in html
    assert data_of(html)["controls"][0]["values"] == ["</script><b>", "ü"]

def test_too_heavy_a_page_is_refused_with_the_sum(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 3_000)
    with pytest.raises(ValueError, match=r"2 pictures weigh [\d,]+ bytes, more than 3,000: list fewer values or draw a smaller figure"):
        page(bars, {"n": [1, 2]}, {"n": 1})

@pytest.mark.parametrize("choices, start, complaint", [
    ({}, None, "at least one list of values"),
    ({"n": []}, None, "the list of values for n is empty"),
    ({"n": [1, 2]}, {"n": 3}, "start: n=3 is not among the choices"),
    ({"n": [1, 2]}, {"m": 1}, "start: m=1 is not among the choices"),
    ({"n": "12"}, None, "the values for n are a text, not a list"),
])
def test_bad_choices_are_refused_on_both_faces(choices, start, complaint, monkeypatch):
    for face in ("0", "1"):
        monkeypatch.setenv("MNIST_GRAPH_PAGE", face)
        with pytest.raises(ValueError, match=complaint): explore(bars, start=start, **choices)

@pytest.mark.parametrize("draw, complaint", [
    (lambda n: plt.plot([n]) and None, r"draw\(n=1\) returned no alternative text"),
    (lambda n: plt.plot([n]) and "  ", r"draw\(n=1\) returned no alternative text"),
    (lambda n: plt.plot([n]), r"draw\(n=1\) returned no alternative text"),
    (lambda n: "A figure that is not there.", r"draw\(n=1\) drew no figure"),
    (lambda n: plt.close("all") or "Closed.", r"draw\(n=1\) drew no figure"),
])
def test_a_draw_that_does_not_keep_its_word_is_refused_on_both_faces(draw, complaint, monkeypatch):
    for face in ("0", "1"):
        monkeypatch.setenv("MNIST_GRAPH_PAGE", face)
        with pytest.raises(ValueError, match=complaint): explore(draw, n=[1, 2])

def test_an_error_while_drawing_names_the_values():
    def fails(n): return 1 / (n - 2)
    with pytest.raises(ZeroDivisionError) as raised: page(fails, {"n": [1, 2]}, {"n": 2})
    assert raised.value.__notes__ == ["in draw(n=2)"]

def test_figures_of_others_are_left_alone():
    mine = plt.figure()
    mine.add_subplot().plot([1, 2])
    uri, _ = frame(lambda: plt.plot([3, 1]) and "A falling line.", {}, png_uri)
    assert plt.get_fignums() == [mine.number] and len(mine.axes[0].lines) == 1
    plt.close(mine)

def test_a_figure_without_a_word_is_refused_and_closed(shown):
    for text in ("", " \n", None):
        with pytest.raises(ValueError, match="alternative text"): show(plt.figure(), text)
    assert not shown

def test_alternative_text_is_escaped(shown):
    show(plt.figure(), 'a "quoted" <word>')
    assert 'alt="a &quot;quoted&quot; &lt;word&gt;"' in shown[0].data

def test_page_or_live_by_the_environment(shown, monkeypatch):
    monkeypatch.setenv("MNIST_GRAPH_PAGE", "1")
    explore(bars, n=[1, 2])
    monkeypatch.delenv("MNIST_GRAPH_PAGE")
    explore(bars, n=[1, 2])
    assert 'class="mgt-widget mgt-explore"' in shown[0].data and type(shown[1]).__name__ == "VBox"

def test_live_face_draws_any_value_in_range_and_survives_errors():
    asked = []
    def draw(n):
        asked.append(n)
        if n == 7: raise RuntimeError("seven <b>\nsecond line")
        plt.plot([n])
        return f"A dot at {n}."
    slider, picture, trouble = live(draw, {"n": [0, 5, 10]}, {"n": 5}).children
    slider.value = 3                       # not among the listed values
    assert asked == [5, 3] and 'alt="A dot at 3."' in picture.value
    slider.value = 7
    assert trouble.value == '<p role="alert">RuntimeError: seven &lt;b&gt;</p>' and 'alt="A dot at 3."' in picture.value
    slider.value = 8
    assert trouble.value == "" and 'alt="A dot at 8."' in picture.value

@pytest.mark.parametrize("values, kind", [
    ([0, 5, 10], "IntSlider"), ([0., .25, .5], "FloatSlider"), ([1, 10, 100], "SelectionSlider"), ([3], "SelectionSlider"),
    ([2, 1], "Dropdown"), (["a", "b"], "Dropdown"), ([False, True], "Dropdown"), ([None, 1], "Dropdown"),
    (list(np.arange(3)), "IntSlider"), (list(np.linspace(0, 1, 5)), "FloatSlider"),
])
def test_the_control_follows_from_the_values(values, kind):
    control = widget_for("some_name", values, values[-1])
    assert (type(control).__name__, control.description, control.value) == (kind, "some name", values[-1])

def test_labels():
    assert [label(v) for v in (100_000, np.int64(1_234), .1, np.float32(.25), 1e-6, True, None, "x")] == [
        "100,000", "1,234", "0.1", "0.25", "1e-06", "True", "None", "x"]

def test_progress_is_silent_where_nobody_watches(capsys):
    bar = Progress(2, "steps")
    bar.update(1, "half")
    bar.done("Done.")
    assert capsys.readouterr() == ("", "") and bar.n == 1
