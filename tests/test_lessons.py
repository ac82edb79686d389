"""The lesson comes first: what a chapter shows, how soon, and what it asks."""
import re, subprocess, sys
import pytest
from lessons import CHAPTERS, ROOT, checks, code_cells, cells_of, imports_of, is_shown, lines_of, solutions, wrong_answers
from mnist_graph_tutorial.execution import marked
from mnist_graph_tutorial.manuscript import bare_name
import ast

RESULT = {"graph_basics": 4, "matrix_inverse": 6, "mnist_net": 8, "fingerprints": 5, "ideal_images": 5,
          "draw_a_digit": 4, "scaling_out": 8}  # the code cell that shows the chapter's first result, at the latest
chapters = pytest.mark.parametrize("path", CHAPTERS, ids=bare_name)

def pictures(cell) -> list[str]:
    "The HTML outputs of a cell that hold a picture."
    texts = ["".join(out.get("data", {}).get("text/html", "")) for out in cell.outputs]
    return [text for text in texts if re.search("<img|<svg|<canvas|mgt-", text) and "mgt-predict" not in text]

def test_there_are_seven_chapters():
    assert list(map(bare_name, CHAPTERS)) == list(RESULT)

@chapters
def test_result_comes_first(path):
    cells = code_cells(path)
    first = next(k for k, cell in enumerate(cells, 1) if pictures(cell))
    assert first <= RESULT[bare_name(path)]
    assert sum(len(lines_of(cell)) for cell in cells[:first] if is_shown(cell)) <= 50

def experiment(path):
    "The chapter's experiment, and the visible imports above it."
    cells = code_cells(path)
    at, = [k for k, cell in enumerate(cells) if marked(cell.source, "experiment")]
    above = [cell.source for cell in cells[:at] if is_shown(cell) and imports_of(cell.source)]
    return above, cells[at]

@chapters
def test_experiment_is_short_and_shown(path):
    _, cell = experiment(path)
    assert is_shown(cell) and 0 < len(lines_of(cell)) <= 25

@chapters
def test_experiment_runs_alone(path, tmp_path):
    above, cell = experiment(path)
    code = "\n".join(["from IPython.display import display", *above, cell.source])
    (tmp_path / "alone.py").write_text(code)
    env = __import__("os").environ | dict(MNIST_GRAPH_DATA="digits", MPLBACKEND="agg", PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "alone.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]

@chapters
def test_visible_code_uses_visible_imports(path):
    cells = code_cells(path)
    seen, hidden = (set().union(*(imports_of(c.source) for c in cells if is_shown(c) == shown)) for shown in (True, False))
    used = {node.id for cell in cells if is_shown(cell) for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
    assert not (hidden - seen) & used

@chapters
def test_notebook_installs_the_package_where_it_is_missing(path):
    first = code_cells(path)[1]
    assert marked(first.source, "hide") and 'find_spec("mnist_graph_tutorial")' in first.source
    assert "nbdev_export" not in path.read_text()

@chapters
def test_lines_fit_the_page(path):
    for cell in code_cells(path):
        if marked(cell.source, "hide"): continue
        limit = 88 if is_shown(cell) else 100
        assert not [line for line in cell.source.splitlines() if len(line) > limit]

@chapters
def test_cells_do_one_thing(path):
    for cell in code_cells(path):
        if not is_shown(cell): continue
        assert ";" not in re.sub(r"""(["'#]).*?(\1|$)""", "", cell.source, flags=re.M), cell.source

@pytest.mark.parametrize("path", sorted((ROOT / "nbs").glob("*.ipynb")), ids=bare_name)
def test_checks_have_cells_of_their_own(path):
    for cell in code_cells(path):
        if not is_shown(cell) or marked(cell.source, "exports"): continue
        assert not re.search(r"^\s*assert\b", cell.source, re.M), f"a check in a cell that is shown:\n{cell.source}"

@chapters
def test_one_heading_a_cell(path):
    for cell in cells_of(path):
        if cell.cell_type == "markdown": assert len(re.findall(r"^#+ ", cell.source, re.M)) <= 1, cell.source[:80]

@chapters
def test_functions_of_a_chapter_are_short(path):
    tree = ast.parse((ROOT / "mnist_graph_tutorial" / f"{bare_name(path)}.py").read_text())
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)): continue
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        assert node.end_lineno - body[0].lineno < 15, node.name

@chapters
def test_figures_have_captions(path):
    for cell in code_cells(path):
        for text in pictures(cell):
            if "mgt-figure" in text and "<script" not in text: assert "<figcaption" in text, cell.source[:200]

@chapters
def test_chapter_says_what_it_is_for_and_what_to_keep(path):
    cells = [cell.source for cell in cells_of(path) if cell.cell_type == "markdown"]
    assert "https://dorianbrown.dev/mnist-tensorflow/" in cells[1]
    assert "minute" in cells[1]
    headings = re.findall(r"^## (.*)$", "\n".join(cells), re.M)
    assert headings[-2:] == ["What to remember", "Exercises"]

@chapters
def test_exercises_of_all_three_kinds(path):
    questions = [cell for cell in code_cells(path) if cell.source.removeprefix("#| predict\n").startswith("predict(")]
    assert len(questions) >= 2 and all(marked(cell.source, "predict") for cell in questions)
    named, called = checks(path), "\n".join(solutions(path))
    assert named and all(f"{name}(" in called for name in named)
    assert all(sum(call.startswith(f"{name}(") for call in wrong_answers(path)) >= 3 for name in named)
    assert len(solutions(path)) > len(named), "an open exercise needs a solution too"
