"""Other places to run: Colab, Kaggle, Binder, a dev container, Windows; and which Pythons there is a TensorFlow for."""
import ast, configparser, importlib.util, json, os, re, subprocess, sys, tomllib
import pytest, yaml
from lessons import CHAPTERS, ROOT, code_cells
from test_house import missing_from

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "settings.ini")
REPOSITORY = SETTINGS["DEFAULT"]["git_url"]
chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)

class Shell:
    "Stands for IPython; remembers its magics."
    def __init__(self): self.called = []
    def run_line_magic(self, *words): self.called.append(words)

@chapters
def test_the_first_cell_installs_the_package_where_it_is_missing_and_nowhere_else(path, monkeypatch):
    code, shell = code_cells(path)[1].source, Shell()
    exec(code, {"get_ipython": lambda: shell})
    assert shell.called == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(code, {"get_ipython": lambda: shell})
    assert shell.called == [("pip", f"install -q git+{REPOSITORY}")]

def rooms_below(code: str) -> set:
    "The rooms that code imports, with all that those import."
    found = set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.ImportFrom): continue
        inside = node.level == 1 or (node.module or "").split(".")[0] == "mnist_graph_tutorial"
        module = (node.module or "").removeprefix("mnist_graph_tutorial").lstrip(".")
        if inside: found |= {module} if module else {alias.name for alias in node.names}
    files = [ROOT / "mnist_graph_tutorial" / f"{room}.py" for room in found]
    return {path for path in files if path.exists()}.union(*(rooms_below(path.read_text()) for path in files if path.exists()))

@chapters
def test_a_chapter_needs_nothing_but_what_the_first_cell_installs(path):
    cells = [cell.source for cell in code_cells(path)]
    rooms = set().union(*map(rooms_below, cells))
    assert len(rooms) > 3
    missing_from(PROJECT["dependencies"], [*cells, *(room.read_text() for room in rooms)])

def test_binder_builds_what_the_readme_leads_to():
    version = re.fullmatch(r"python-(3\.\d+)\n", (ROOT / "binder/runtime.txt").read_text())[1]
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    script = ROOT / "binder/postBuild"
    assert os.access(script, os.X_OK) and subprocess.run(["bash", "-n", script]).returncode == 0
    assert set(re.findall(r"\.\[(\w+)\]", script.read_text())) <= set(PROJECT["optional-dependencies"])
    readme = (ROOT / "README.md").read_text()
    leads = re.search(r"https://mybinder\.org/v2/gh/(\S+?)/main\?urlpath=lab/tree/(\S+?)\)", readme)
    assert REPOSITORY.endswith(leads[1]) and (ROOT / leads[2]).is_file()

def test_what_binder_does_after_its_own_steps_comes_to_an_end(tmp_path):
    "With a pip that installs nothing; what it would install is tested with the wheel."
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\necho "pip $*"\n')
    pip.chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    env = os.environ | dict(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}", MNIST_GRAPH_DATA="digits", PYTHONPATH=str(ROOT))
    done = subprocess.run([ROOT / "binder/postBuild"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == 'pip install --no-cache-dir -e .[book]\ndigits\n', done.stderr

ACTIONS = {"actions/checkout": "v4", "actions/setup-python": "v5", "actions/upload-artifact": "v4", "actions/download-artifact": "v4",
           "actions/upload-pages-artifact": "v3", "actions/deploy-pages": "v4", "quarto-dev/quarto-actions/setup": "v2",
           "pypa/gh-action-pypi-publish": "release/v1"}  # looked up: these tags and this branch are there

@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").iterdir()), ids=lambda path: path.stem)
def test_workflows_are_what_github_reads(path):
    told = yaml.safe_load(path.read_text())
    assert set(told) <= {"name", True, "permissions", "concurrency", "jobs"} and told["permissions"] == {"contents": "read"}  # True is `on`
    for job in told["jobs"].values():
        assert set(job) <= {"needs", "if", "runs-on", "container", "strategy", "environment", "permissions", "steps"} and "runs-on" in job
        assert job.get("needs", "") in ("", *told["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step) and set(step) <= {"id", "name", "uses", "run", "with", "if"}
            action, _, version = step.get("uses", "").partition("@")
            assert ACTIONS.get(action, "") == version, step
            if "run" in step: assert subprocess.run(["bash", "-n", "-c", step["run"]]).returncode == 0

def test_the_dev_container_is_what_its_editor_reads():
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert set(told) <= {"name", "image", "postCreateCommand", "forwardPorts", "customizations"}
    assert all(isinstance(port, int) for port in told["forwardPorts"]) and set(told["customizations"]["vscode"]) == {"extensions", "settings"}
    assert subprocess.run(["bash", "-n", "-c", told["postCreateCommand"]]).returncode == 0

def test_the_dev_container_has_what_the_tests_need():
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    version = re.search(r"python:(3\.\d+)-", told["image"])[1]
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert 'pip install -e ".[dev]"' in told["postCreateCommand"] and "chromium" in told["postCreateCommand"]

def test_the_pythons_that_are_named_are_those_that_are_tested():
    "There is no upper bound: the next TensorFlow brings the next Python, and pip would take an older release of this book for it."
    minors = sorted(int(found[1]) for name in PROJECT["classifiers"] if (found := re.search(r":: 3\.(\d+)$", name)))
    workflow = (ROOT / ".github/workflows/test.yml").read_text()
    assert re.findall(r'"3\.(\d+)"', workflow) == [str(minor) for minor in minors] == [str(k) for k in range(minors[0], minors[-1] + 1)]
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"with Python 3.{minors[0]} to 3.{minors[-1]}," in readme and f"for Python 3.{minors[-1] + 1} only from its release" in readme
    assert "Macs with Intel's" in readme

def test_commands_are_quoted_as_windows_knows_it():
    for name in ("README.md", "CONTRIBUTING.md", "nbs/54_change_this_book.ipynb"):
        assert not re.search(r"'[^' ]*\[(?:dev|book|gpu)[^' ]*'", (ROOT / name).read_text()), name

def test_no_room_imports_what_windows_lacks_as_it_is_imported():
    absent = {"resource", "fcntl", "termios", "tty", "pty", "pwd", "grp", "posix", "syslog"}
    for room in (ROOT / "mnist_graph_tutorial").glob("*.py"):
        for node in ast.parse(room.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not absent & set(names), room.name

WITHOUT = """
import sys
sys.modules["resource"] = None
from mnist_graph_tutorial import bench
bench.CONTENDERS = [contender for contender in bench.CONTENDERS if contender.name == "one compiled graph"]
from mnist_graph_tutorial.cli import main
sys.exit(main(["bench", "--quick", "--device", "cpu", "--only", "images"]))
"""

def test_the_bench_does_without_the_module_resource():
    done = subprocess.run([sys.executable, "-c", WITHOUT], env=os.environ | dict(PYTHONPATH=str(ROOT), MNIST_GRAPH_DATA="digits"),
                          capture_output=True, text=True)
    assert done.returncode == 0 and "one compiled graph" in done.stdout, done.stderr
