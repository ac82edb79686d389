"""The command line: help, errors, exit codes, Ctrl-C."""
import contextlib, inspect, os, pty, re, resource, shutil, signal, subprocess, sys, time
from pathlib import Path
import nbformat, pytest
import numpy as np
from mnist_graph_tutorial import __version__, book, site
from mnist_graph_tutorial.cli import COMMANDS, main, parser
from mnist_graph_tutorial.manuscript import project

MAIN = "import sys; from mnist_graph_tutorial.cli import main; sys.exit(main())"
NAMES = [command.__name__ for command in COMMANDS]

def call(*words, cwd=None, where=None):
    "The command as a terminal would run it."
    env = os.environ | dict(PYTHONPATH=str(where or project()))
    return subprocess.run([sys.executable, "-c", MAIN, *words], cwd=cwd, env=env, capture_output=True, text=True)

@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit, match="0"): main([name, "--help"])
    said = capsys.readouterr().out
    for line in re.findall(r"^  (?:--?[\w-]+, )?(--[\w-]+)(.*\n(?: {10,}.*\n)*)", said, re.M):
        assert len(line[1].split()) > 2, f"{name} {line[0]} has no help"

def test_help_lists_the_commands_and_answers_in_under_a_second():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = call("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and all(re.search(rf"^    {name} ", done.stdout, re.M) for name in NAMES)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1

def test_help_imports_nothing_heavy():
    code = "import sys\ntry: from mnist_graph_tutorial.cli import main; main(['run', '--help'])\nexcept SystemExit: pass\n" \
           "sys.exit(str(heavy) if (heavy := {'tensorflow', 'numpy', 'nbdev', 'nbconvert'} & set(sys.modules)) else 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=project(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

def test_version():
    done = call("--version")
    assert (done.returncode, done.stdout) == (0, f"mnist-graph-tutorial {__version__}\n")

@pytest.mark.parametrize("words", [[], ["runn"], ["run", "--device", "tpu"], ["site", "--renderer", "hugo"], ["run", "--data"],
                                   ["run", "--only"], ["site", "extra"]], ids=" ".join)
def test_words_that_are_not_understood(words, capsys):
    with pytest.raises(SystemExit, match="2"): main(words)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("usage:") and "error:" in said[-1]

@pytest.mark.parametrize("words,says", [
    (["run", "--only", "mnist_bet"], "no notebook 'mnist_bet'; the chapters are 1 graph_basics, "),
    (["run", "--data", "/no/such/directory"], "/no/such/directory"),
    (["run", "--data", "{empty}"], "no file train-images-idx3-ubyte"),
    (["run", "--data", "{short}"], "the header announces"),
    (["lab", "--data", "{empty}"], "no file train-images-idx3-ubyte"),
    (["lab", "--data", "digits", "--device", "gpu"], "no GPU is visible"),
    (["train", "--data", "digits", "--epochs", "0"], "epochs is 0"),
    (["train", "--data", "digits", "--strategy", "multiworker"], "TF_CONFIG"),
    (["bench", "--only", "invers"], "work 'invers' is not one of inverse, epoch, images, drawing"),
], ids=["chapter", "directory", "empty", "short", "lab", "lab gpu", "epochs", "workers", "work"])
def test_what_cannot_be_done_is_said_in_one_line(words, says, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for name in ("empty", "short"): (tmp_path / name).mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        dimensions = 3 if "images" in name else 1
        (tmp_path / "short" / f"{name}-ubyte").write_bytes(bytes([0, 0, 8, dimensions]) + bytes([0, 0, 0, 9]) * dimensions)
    done = call(*[word.format(empty=tmp_path / "empty", short=tmp_path / "short") for word in words], cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("mnist-graph-tutorial: ") and says in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "_book").exists()

def test_quarto_asked_for_and_absent(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["site", "--renderer", "quarto", "--out", str(tmp_path / "site")]) == 1
    said = capsys.readouterr().err
    assert "quarto.org" in said and "--renderer plain" in said and said.count("\n") == 1

def test_site_opens_the_front_page_if_asked(tmp_path, monkeypatch):
    opened, words = [], ["site", "--renderer", "plain", "--out", "pages"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(site, "render", lambda out: Path(out) / "index.html")
    monkeypatch.setattr(site.webbrowser, "open", opened.append)
    assert main(words) == 0 and opened == []
    assert main([*words, "--open"]) == 0 and opened == [(tmp_path / "pages/index.html").resolve().as_uri()]

@pytest.mark.parametrize("words", [["run"], ["site"], ["lab"]], ids=" ".join)
def test_an_installed_package_without_notebooks_says_so(words, tmp_path):
    shutil.copytree(project() / "mnist_graph_tutorial", tmp_path / "mnist_graph_tutorial")
    done = call(*words, cwd=tmp_path, where=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "built without its notebooks" in done.stderr and "clone the repository" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mnist_graph_tutorial"]

def test_a_missing_package_is_named(tmp_path):
    (tmp_path / "nbclient.py").write_text("raise ModuleNotFoundError('No module', name='nbclient')")
    done = call("run", where=f"{tmp_path}{os.pathsep}{project()}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nbclient is not installed" in done.stderr and 'pip install -e ".[dev]" in the clone' in done.stderr

def test_lab_hands_on_data_device_and_arguments(tmp_path, monkeypatch):
    seen = {}
    class Server:
        answers = [KeyboardInterrupt, 3]   # Ctrl-C does not kill it: it asks its own question
        def __init__(self, command, cwd, env): seen.update(command=command, cwd=cwd, env=env)
        def wait(self):
            answer = self.answers.pop(0)
            if answer is KeyboardInterrupt: raise answer
            return answer
    monkeypatch.setattr(subprocess, "Popen", Server)
    monkeypatch.setattr(book, "files_of", lambda source: seen.update(read=source) or (None, "mnist"))
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--data", "here", "--device", "cpu", "--", "--no-browser", "--port=9"]) == 3
    assert seen["command"] == [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=9"]
    assert Path(seen["cwd"]) == project() / "nbs" and seen["read"] == "here"
    assert seen["env"]["MNIST_GRAPH_DATA"] == str(tmp_path / "here") and seen["env"]["MNIST_GRAPH_DEVICE"] == "cpu"
    assert seen["env"]["PYTHONPATH"].split(os.pathsep)[0] == str(project())

def test_lab_ends_its_server_when_it_is_ended(tmp_path):
    (tmp_path / "jupyterlab.py").write_text("import os, pathlib, time; pathlib.Path('PID').write_text(str(os.getpid())); time.sleep(60)"
                                            .replace("PID", str(tmp_path / "pid")))
    env = os.environ | dict(PYTHONPATH=f"{tmp_path}{os.pathsep}{project()}")
    process = subprocess.Popen([sys.executable, "-c", MAIN, "lab", "--data", "digits"], env=env)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline: time.sleep(.1)
    time.sleep(.5)
    process.terminate()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert not alive(int((tmp_path / "pid").read_text()))

def test_train_trains_and_saves(tmp_path):
    words = ["--data", "digits", "--device", "cpu", "--epochs", "2", "--hidden", "20", "--batch-size", "50", "--seed", "3"]
    done = call("train", *words, "--save", str(tmp_path / "net.npz"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["epoch", "1"], ["epoch", "2"]]
    with np.load(tmp_path / "net.npz") as saved: assert saved["w1"].shape == (784, 20)

@pytest.mark.parametrize("name", ["train", "bench"])
def test_settings_are_handed_on_by_the_names_that_functions_have(name):
    from mnist_graph_tutorial import bench, scaling_out
    function = dict(train=scaling_out.train_command, bench=bench.bench)[name]
    names = dict(only="works", json="json_file")
    given = {names.get(key, key) for key in vars(parser().parse_args([name]))} - {"command"}
    parameters = inspect.signature(function).parameters
    assert given == set(parameters)
    told = {names.get(key, key): value for key, value in vars(parser().parse_args([name])).items()}
    assert all(parameter.default in (told[key], ()) for key, parameter in parameters.items())

@pytest.fixture
def sleeping_book(tmp_path):
    "A copy of the project whose second chapter takes a minute."
    shutil.copytree(project() / "mnist_graph_tutorial", tmp_path / "mnist_graph_tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project() / "settings.ini", tmp_path)
    (tmp_path / "nbs").mkdir()
    pid = tmp_path / "pid"
    chapters = {"01_one": "print('one')", "02_two": f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"}
    for stem, code in chapters.items():
        cells = [nbformat.v4.new_markdown_cell(f"# {stem}"), nbformat.v4.new_code_cell(code)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "nbs" / f"{stem}.ipynb")
    return tmp_path

def alive(pid: int) -> bool:
    "Whether a process runs."
    with contextlib.suppress(FileNotFoundError): return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False

def heed_ctrl_c():
    "A process started in the background of a shell ignores Ctrl-C, and so would all that it starts."
    signal.signal(signal.SIGINT, signal.SIG_DFL)

def test_ctrl_c_ends_the_kernel_and_keeps_what_is_done(sleeping_book):
    terminal, end = pty.openpty()
    env = os.environ | dict(PYTHONPATH=str(sleeping_book))
    process = subprocess.Popen([sys.executable, "-c", MAIN, "run", "--data", "digits", "--device", "cpu"], cwd=sleeping_book, env=env,
                               stdin=end, stdout=end, stderr=subprocess.PIPE, start_new_session=True,
                               preexec_fn=heed_ctrl_c)
    os.close(end)
    deadline = time.monotonic() + 120
    wanted = sleeping_book / "pid", sleeping_book / "_book/01_one.ipynb"  # the two run side by side
    while not all(path.exists() for path in wanted) and time.monotonic() < deadline: time.sleep(.2)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    shown = os.read(terminal, 1 << 16).decode()
    assert (process.returncode, said) == (130, "mnist-graph-tutorial: stopped\n")
    assert re.search(r"two +cell 2 of 2  \d+:\d\d", shown), "the live line"
    kernel = int((sleeping_book / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(kernel) and time.monotonic() < deadline: time.sleep(.1)
    assert not alive(kernel)
    assert "one\\n" in (sleeping_book / "_book/01_one.ipynb").read_text()
