"""Notebooks, modules, README, requirements and floors say the same thing."""
import ast, configparser, json, re, shutil, subprocess, sys, tomllib
from pathlib import Path
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
FLOORS = [
    {"checks", "class_names", "own_copy", "keras_net"},
    {"device", "explore", "exercises", "contact_sheets", "graph_layers", "own_data"},
    {"image_files"},
    {"data", "inverting", "fingerprint_panels", "page_engine", "page_network", "graph_layout", "graph_values", "graph_operations", "graph_details", "manuscript", "card"},
    {"matrix_inverse", "training", "decision_figure", "digit_pad", "graph_drawing", "graph_names", "graph_old", "graph_reading", "graph_steps",
     "page_graph", "page_inverse",
     "plain_pages", "glossary", "readme", "execution"},
    {"mnist_net", "draw_a_digit", "graph_groups", "graph_inputs", "site", "page_dream", "page_fingerprint", "page_shift", "page_training", "strokes"},
    {"ideal_images", "pretrained", "workers", "graph_folding", "book", "photo", "many_images"},
    {"sessions", "graph_view", "fingerprints", "scaling_out"},
    {"contenders", "graph_basics"}, {"bench"}, {"cli"}]

@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    "A copy of the project, exported and cleaned afresh."
    copy = tmp_path_factory.mktemp("remade") / "project"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv*", "_*", ".pytest_cache"))
    shutil.copy(ROOT / "_quarto.yml", copy)
    for module in (copy / "mnist_graph_tutorial").glob("*.py"):
        if module.name != "__init__.py": module.unlink()
    code = "import nbdev; from nbdev.clean import nbdev_clean; nbdev.nbdev_export(); nbdev_clean()"
    subprocess.run([sys.executable, "-c", code], cwd=copy, check=True)
    return copy

def test_modules_are_what_the_notebooks_export(remade):
    modules = sorted(path.name for path in (remade / "mnist_graph_tutorial").glob("*.py"))
    assert modules == sorted(path.name for path in (ROOT / "mnist_graph_tutorial").glob("*.py"))
    for name in modules:
        assert (remade / "mnist_graph_tutorial" / name).read_text() == (ROOT / "mnist_graph_tutorial" / name).read_text(), name

@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean(remade, notebook):
    assert (remade / "nbs" / notebook.name).read_bytes() == notebook.read_bytes()

@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_holds_outputs_without_debris(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    text = json.dumps(outputs)
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not re.search(r"/(work|root|home|tmp)/| at 0x[0-9a-f]{6}|\\u001b|\\r", text)
    assert outputs or notebook.stem == "index"

def test_requirements_are_said_once():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini")
    settings, project = settings["DEFAULT"], tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert settings["requirements"].split() == project["dependencies"]
    for extra, needs in project["optional-dependencies"].items(): assert settings[f"{extra}_requirements"].split() == needs
    assert settings["description"] == project["description"] and settings["lib_name"] == project["name"]
    assert project["requires-python"] == f">={settings['min_python']}"

def rooms_imported(module: Path):
    "Names of the package's own modules that a module imports."
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1: yield from [node.module] if node.module else [n.name for n in node.names]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mnist_graph_tutorial."): yield node.module.split(".")[1]

def test_rooms_import_only_from_floors_below():
    floor = {room: k for k, rooms in enumerate(FLOORS) for room in rooms}
    for module in (ROOT / "mnist_graph_tutorial").glob("[a-z]*.py"):
        for room in set(rooms_imported(module)) - {"__version__"}: assert floor[room] < floor[module.stem], f"{module.stem} imports {room}"

def imported_by(module: str) -> set[str]:
    "The packages that a fresh Python has imported after a room of the book."
    code = f"import mnist_graph_tutorial.{module}, sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())

@pytest.mark.parametrize("module", ["data", "explore", "checks", "exercises", "page_engine", "digit_pad", "draw_a_digit", "cli"])
def test_import_without_what_only_some_need(module):
    assert imported_by(module) & {"tensorflow", "keras", "matplotlib", "PIL", "sklearn", "scipy", "nbdev", "IPython"} == set()

def test_the_network_brings_nothing_to_draw_with_beside_what_tensorflow_imports():
    code = "import tensorflow, sys; before = set(sys.modules); import mnist_graph_tutorial.mnist_net; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    brought = {name.partition(".")[0] for name in done.stdout.split()}
    assert "mnist_graph_tutorial" in brought and brought & {"matplotlib", "PIL", "IPython", "ipywidgets", "nbdev", "pandas"} == set()

@pytest.mark.parametrize("module", ["execution", "book", "graph_layers", "manuscript", "plain_pages", "card"])
def test_import_without_tensorflow(module): assert imported_by(module) & {"tensorflow", "keras", "sklearn"} == set()

@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_hold_no_copy_of_a_script_or_style_sheet(notebook):
    outputs = [output for cell in json.loads(notebook.read_text())["cells"] for output in cell.get("outputs", [])]
    held = re.findall(r'data-once="([^"]+\.(?:js|css))">(?!</)', "".join("".join(out.get("data", {}).get("text/html", [])) for out in outputs))
    assert held == []
