"""The house: one room, one job; short functions, narrow lines, few public names, and no import that is not said."""
import ast, re, subprocess, sys, tomllib
from importlib.metadata import packages_distributions
import nbformat
import pytest
from lessons import ROOT

PACKAGE = ROOT / "mnist_graph_tutorial"
ROOMS = sorted(path for path in PACKAGE.glob("[a-z]*.py"))
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
rooms = pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.stem)
LINES, BODY = 260, 30  # of code in a module, and of a function after its docstring

def code_of(notebook, without_exports: bool=False) -> str:
    "The code of a notebook; without what it exports, it is what the page does with its own module."
    code = [cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
    return "\n".join(source for source in code if not (without_exports and re.match(r"#\| exports?$", source, re.M)))

@rooms
def test_a_room_is_small(room):
    lines = [line for line in room.read_text().splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) <= LINES

@rooms
def test_functions_are_short(room):
    for node in ast.walk(ast.parse(room.read_text())):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)): continue
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        assert node.end_lineno - body[0].lineno < BODY, node.name

@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_others_may_use_is_on_the_page(notebook):
    "A definition that has no underscore is shown (`#| exports`): that is its documentation."
    for cell in nbformat.read(notebook, 4).cells:
        if cell.cell_type != "code" or not re.search(r"^#\| export$", cell.source, re.M): continue
        names = [getattr(node, "name", "_") for node in ast.parse(cell.source).body]
        assert all(name.startswith("_") for name in names), names

def test_ruff_finds_nothing():
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "nbs", "tests"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]

def public_names(room) -> set[str]:
    "The functions that a module shows to others."
    names = {node.name for node in ast.parse(room.read_text()).body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}

@rooms
def test_what_a_room_keeps_to_itself_begins_with_an_underscore(room):
    others = [path.read_text() for path in ROOMS if path != room]
    others += [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    others += [(ROOT / name).read_text() for name in ("settings.ini", "pyproject.toml", "_quarto.yml")]
    others += [code_of(path, path.name.endswith(f"_{room.stem}.ipynb")) for path in NOTEBOOKS]
    words = set(re.findall(r"\w+", "\n".join(others)))
    assert sorted(public_names(room) - words) == []

def imported(code: str) -> set[str]:
    "The packages that code imports."
    nodes = list(ast.walk(ast.parse(code)))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}

def test_every_import_is_a_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    book, dev = ([*project["dependencies"], *project["optional-dependencies"]["book"]], project["optional-dependencies"]["dev"])
    assert "mnist_graph_tutorial[book]" in dev
    missing_from(book, [path.read_text() for path in ROOMS] + list(map(code_of, NOTEBOOKS)))
    missing_from([*book, *dev], [path.read_text() for path in (ROOT / "tests").glob("*.py")])

def missing_from(wanted: list, code: list):
    "Fails where code imports what no requirement brings."
    said = {re.match(r"[\w.-]+", need)[0].lower().replace("-", "_") for need in wanted}
    packages = set().union(*map(imported, code)) - set(sys.stdlib_module_names) - {"mnist_graph_tutorial"}
    packages -= {path.stem for path in (ROOT / "tests").glob("*.py")} | {"jax", "torch", "keras"}  # TensorFlow brings Keras; the others are for the bench alone
    known = packages_distributions()
    for package in packages:
        names = {name.lower().replace("-", "_") for name in known.get(package, [package])}
        assert names & said, f"{package} is imported, and no requirement brings it"

def test_imports_stand_in_cells_of_their_own():
    "nbdev runs a cell with an import when it prepares the pages, and warns where it has to run more than that."
    own = re.compile(r"^#\| *(export\w*|exec_doc|eval: false)$", re.M)
    def mixed(cell):
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        return kinds & {ast.Import, ast.ImportFrom} and kinds & {ast.Expr, ast.Assign}
    for notebook in NOTEBOOKS:
        cells = [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]
        if not any(cell.source.startswith("#| default_exp") for cell in cells): continue
        for cell in cells: assert own.search(cell.source) or not mixed(cell), f"{notebook.name}: {cell.source}"

def test_every_page_has_a_table_of_contents():
    for notebook in NOTEBOOKS:
        text = [cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "markdown"]
        assert sum(len(re.findall("^## ", source, re.M)) for source in text) > 1, notebook.name

ITEM = re.compile(r" *(?:[-*+]|\d+\.) ")

@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_list_has_an_empty_line_before_it(notebook):
    "Else Quarto takes it for more words of the paragraph."
    for cell in nbformat.read(notebook, 4).cells:
        if cell.cell_type != "markdown": continue
        lines = re.sub(r"^ *```.*?^ *```", "", cell.source, flags=re.M | re.S).splitlines()
        for line, item in zip(lines, lines[1:]):
            if ITEM.match(item): assert not line.strip() or ITEM.match(line) or line.startswith(" "), item

def test_fences_say_their_language():
    for notebook in NOTEBOOKS:
        for cell in nbformat.read(notebook, 4).cells:
            if cell.cell_type != "markdown": continue
            opening = re.findall(r"^ *```+(.*)$", cell.source, re.M)[::2]  # the others close what these open
            assert all(map(str.strip, opening)), f"{notebook.name}: {cell.source}"

def test_nbdev_test_passes_over_notebooks_that_split_the_cpu():
    "It runs many notebooks in one process, where TensorFlow has started already."
    for notebook in NOTEBOOKS:
        cells = nbformat.read(notebook, 4).cells
        if not any(re.search(r"^split_cpu\(", cell.source, re.M) for cell in cells if cell.cell_type == "code"): continue
        assert any(re.search("^skip_exec: true$", cell.source, re.M) for cell in cells if cell.cell_type == "raw"), notebook.name
