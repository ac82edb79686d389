"""Questions that the page answers, and checks that say why."""
import pytest
from browser import axe_findings, page_file, visit
from mnist_graph_tutorial.exercises import checker, predict, right, wrong

QUESTION = predict("Is <b>2 & 2</b> four?", {"Yes": "Count.", "No": "Count again."}, right="Yes")
OTHER = predict("Another one?", {"Yes": "So.", "No": "Not."}, right="No")

@pytest.mark.parametrize("choices, answer", [({"a": "x", "b": "y"}, "c"), ({"a": "x"}, "a"), ({"a": "x", "b": ""}, "a")])
def test_questions_that_are_none_are_refused(choices, answer):
    with pytest.raises(ValueError): predict("Which?", choices, right=answer)

def test_a_question_is_the_same_on_every_run_and_is_escaped():
    assert QUESTION._repr_html_() == QUESTION._repr_html_()
    assert "<b>" not in QUESTION._repr_html_() and "2 &amp; 2" in QUESTION._repr_html_()
    assert "Count" not in repr(QUESTION), "plain text does not give the answer away"

def test_verdicts_are_true_or_false_and_say_why():
    assert right("it is.") and not wrong("it is not.")
    assert repr(right("it is.")) == "Right: it is."
    assert repr(wrong("it is not.", "look there.")) == "Not yet: it is not. Hint: look there."

def test_an_error_in_an_answer_is_a_wrong_answer():
    @checker
    def check(answer): return right("yes.") if answer() == 1 else wrong("no.")
    assert check(lambda: 1) and not check(lambda: 2)
    assert "ZeroDivisionError" in check(lambda: 1 / 0).text and "TypeError" in check(3).text

@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_choice_shows_its_explanation_and_no_other(chromium, tmp_path, script):
    url = page_file(tmp_path, QUESTION._repr_html_(), OTHER._repr_html_())
    with visit(chromium, url, java_script_enabled=script) as page:
        whys = page.locator(".mgt-why")
        assert [whys.nth(k).is_visible() for k in range(4)] == [False] * 4
        page.get_by_label("No").first.click()
        assert [whys.nth(k).is_visible() for k in range(4)] == [False, True, False, False]
        assert whys.nth(1).inner_text() == "Not so. Count again."
        page.get_by_label("Yes").first.click()
        assert [whys.nth(k).is_visible() for k in range(4)] == [True, False, False, False]
        page.get_by_label("No").nth(1).click()
        assert [whys.nth(k).is_visible() for k in range(4)] == [True, False, False, True]

def test_a_choice_by_keyboard(chromium, tmp_path):
    with visit(chromium, page_file(tmp_path, QUESTION._repr_html_())) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert page.locator(".mgt-why").nth(0).is_visible()
        page.keyboard.press("ArrowDown")
        assert page.locator(".mgt-why").nth(1).is_visible() and not page.locator(".mgt-why").nth(0).is_visible()

@pytest.mark.parametrize("dark", [False, True])
def test_a_question_is_accessible(chromium, axe, tmp_path, dark):
    with visit(chromium, page_file(tmp_path, QUESTION._repr_html_()), dark=dark, width=360) as page:
        page.get_by_label("Yes").click()
        assert axe_findings(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
