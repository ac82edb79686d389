"""From a wheel with no clone: the notebooks it brings, the reader's copy of them, and the commands on it."""
import importlib.util, json, os, re, subprocess, sys, tarfile, zipfile
from importlib.metadata import version
from pathlib import Path
import pytest, yaml
from mnist_graph_tutorial import __version__, own_copy
from mnist_graph_tutorial.cli import main
from mnist_graph_tutorial.manuscript import notebooks, project
from mnist_graph_tutorial.own_copy import NAME, copy_book, notebooks_at_hand, stripped

@pytest.fixture
def installed(tmp_path, monkeypatch):
    "A package without a clone, and an empty directory to be in."
    own_copy.write_book(project(), tmp_path / "package" / own_copy.SHIPPED)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(own_copy, "_package", lambda: tmp_path / "package")
    return tmp_path / "here"

def test_a_copy_has_every_notebook_without_outputs_and_the_files_that_they_read(tmp_path):
    copy = copy_book(tmp_path / "a" / "b")
    names = {path.name for path in (copy / "nbs").iterdir()}
    assert {path.name for path in notebooks()} <= names and {"bench_cpu.json", "bench_gpu.json", "bench_drawing.json", "_quarto.yml"} <= names
    assert (copy / "settings.ini").is_file() and not any(path.is_symlink() for path in copy.rglob("*"))
    assert not {"nbdev.yml", "sidebar.yml"} & names
    for path in notebooks():
        nb, own = json.loads((copy / "nbs" / path.name).read_text()), json.loads(path.read_text())
        assert [cell["source"] for cell in nb["cells"]] == [cell["source"] for cell in own["cells"]]
        assert not any(cell.get("outputs") for cell in nb["cells"])

def test_stripping_twice_changes_nothing(tmp_path):
    (tmp_path / "x.ipynb").write_text(stripped(notebooks()[1]))
    assert stripped(tmp_path / "x.ipynb") == (tmp_path / "x.ipynb").read_text()

def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("file", "full"):
        assert main(["copy", name]) == 1
    assert (tmp_path / "file").read_text() == "mine" and [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert main(["copy", "empty"]) == 0 and (tmp_path / "empty/nbs/index.ipynb").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "full", "empty"}

def test_a_copy_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def full(*_): raise OSError("no space left on device")
    monkeypatch.setattr(own_copy, "write_book", full)
    with pytest.raises(OSError, match="no space left"): copy_book(tmp_path / "copy")
    assert not list(tmp_path.iterdir())

def test_a_copy_is_made_once_and_found_from_where_one_stands(installed, monkeypatch, capsys):
    with pytest.raises(FileNotFoundError, match=f"mnist-graph-tutorial copy {NAME}"): project()
    assert notebooks_at_hand(__version__).resolve() == installed / NAME
    assert capsys.readouterr().out == f"The notebooks are copied to {NAME}: what is there is yours to change, and is used from now on.\n"
    (installed / NAME / "nbs/index.ipynb").write_text("mine")
    for place in (installed, installed / NAME, installed / NAME / "nbs"):
        monkeypatch.chdir(place)
        assert notebooks_at_hand(__version__).resolve() == installed / NAME
    assert capsys.readouterr().out == "" and (installed / NAME / "nbs/index.ipynb").read_text() == "mine"

def test_a_copy_of_another_version_is_used_and_told(installed, capsys):
    place = copy_book("mine") and copy_book(NAME)
    assert notebooks_at_hand("9.9").resolve() == place.resolve()
    said = capsys.readouterr().out
    assert f"of version {__version__}, the package is of 9.9" in said and said.count("\n") == 1

def test_another_project_of_nbdev_is_no_copy(installed, capsys):
    (installed / "nbs").mkdir()
    (installed / "settings.ini").write_text("[DEFAULT]\nlib_name = other\nversion = 1\n")
    with pytest.raises(FileNotFoundError): project()

def test_what_lies_in_the_place_of_a_copy_is_told_in_a_line(installed, capsys):
    (installed / NAME).write_text("a file")
    assert main(["site"]) == 1
    assert capsys.readouterr().err == f"mnist-graph-tutorial: {NAME} is there already, and a copy overwrites nothing: take another directory\n"

def test_where_a_package_is_missing_the_extra_that_brings_it_is_named(installed, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    for name in ("book", "execution"): monkeypatch.delitem(sys.modules, f"mnist_graph_tutorial.{name}", raising=False)
    for command in ("run", "lab"):
        assert main([command]) == 1
        assert capsys.readouterr().err.endswith('nbclient is not installed: this needs pip install "mnist_graph_tutorial[book]"\n')
    assert not list(installed.iterdir())

def test_lab_without_jupyterlab_says_so(installed, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jupyterlab" else find(name))
    assert main(["lab"]) == 1 and not list(installed.iterdir())
    assert capsys.readouterr().err == 'mnist-graph-tutorial: jupyterlab is not installed: this needs pip install "mnist_graph_tutorial[book]"\n'

# The wheel itself

@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    "The directory of an sdist, and of a wheel that was built from it; a second wheel, from the clone, is in `direct`."
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=project(), capture_output=True, text=True)
    if listed.returncode: pytest.skip("this is no clone")
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith("tests/") or not (project() / name).exists(): continue
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((project() / name).read_bytes())
    here = ["--no-isolation"] if int(version("setuptools").split(".")[0]) >= 77 else []  # else it is fetched
    for words in (["--outdir", str(out)], ["--wheel", "--outdir", str(out / "direct")]):
        subprocess.run([sys.executable, "-m", "build", *here, *words, str(clone)], check=True, capture_output=True, text=True)
    return out

def held(wheel: Path) -> dict:
    "The files of a wheel."
    with zipfile.ZipFile(wheel) as file: return {name: file.read(name) for name in file.namelist()}

def test_the_wheel_brings_the_notebooks_and_the_sdist_makes_the_same_wheel(dist):
    wheel = held(next(dist.glob("*.whl")))
    assert wheel == held(next((dist / "direct").glob("*.whl")))
    shipped = {name.rpartition("/")[2]: text for name, text in wheel.items() if "/notebooks/nbs/" in name}
    assert {path.name for path in notebooks()} <= set(shipped)
    for path in notebooks(): assert shipped[path.name].decode() == stripped(path)
    assert {name.split("/")[0] for name in wheel} == {"mnist_graph_tutorial", f"mnist_graph_tutorial-{__version__}.dist-info"}
    assert next(dist.glob("*.whl")).stat().st_size < 1e6
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist: names = sdist.getnames()
    assert not [name for name in names if re.search(r"/tests/|nbdev\.yml|/_proc|/_site|/_book", name)]

def test_a_chapter_runs_from_the_wheel_in_a_fresh_environment(dist, tmp_path):
    """The environment has the wheel, and the other packages from the present one. The reader keeps three notebooks of the copy: a
    page for each of sixty takes its time."""
    env, here = tmp_path / "env", tmp_path / "here"
    here.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    python = next(path for path in (env / "bin/python", env / "Scripts/python.exe") if path.exists())
    site_packages = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True).stdout
    Path(site_packages.strip(), "present.pth").write_text(str(Path(pytest.__file__).parents[1]))
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", "--ignore-installed",
                    next(dist.glob("*.whl"))], check=True)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"JUPYTER_PATH": f"{sys.prefix}/share/jupyter"}
    def call(*words):
        return subprocess.run([python.with_name("mnist-graph-tutorial"), *words], cwd=here, env=environ, capture_output=True, text=True)
    made = call("copy", NAME)
    assert (made.returncode, made.stdout, made.stderr) == (0, f"{NAME}\n", "")
    for path in (here / NAME / "nbs").glob("*.ipynb"):
        if path.stem not in ("index", "06_draw_a_digit", "51_glossary"): path.unlink()
    done = call("run", "--only", "draw_a_digit", "--data", "digits", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    ran = json.loads((here / "_book/06_draw_a_digit.ipynb").read_text())
    assert any(cell.get("outputs") for cell in ran["cells"]) and (here / "_book/draw_a_digit.html").is_file()
    assert {path.name for path in here.iterdir()} == {NAME, "_book"}
    shown = call("site", "--renderer", "plain")
    assert shown.returncode == 0 and (here / NAME / "_site/index.html").is_file()

# The release

def test_a_tag_publishes_what_was_built_and_nothing_else_does():
    release = yaml.safe_load((project() / ".github/workflows/release.yml").read_text())
    assert release[True] == {"push": {"tags": ["v*"]}}  # `on` is a truth value in YAML
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert publish["needs"] == "build" and publish["permissions"] == {"id-token": "write"} and release["permissions"] == {"contents": "read"}
    assert any(step.get("uses", "").startswith("pypa/gh-action-pypi-publish@") for step in publish["steps"])
    assert not any("run" in step or "checkout" in step.get("uses", "") for step in publish["steps"])
    runs = [step.get("run", "") for step in build["steps"]]
    assert any("python -m build" in run for run in runs) and any("GITHUB_REF_NAME" in run and "__version__" in run for run in runs)
    assert "secrets." not in (project() / ".github/workflows/release.yml").read_text()
