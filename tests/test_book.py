"""Running notebooks: what is kept, and what happens when one fails, or a run is stopped."""
import configparser, contextlib, fcntl, json, os, re, resource, shutil, signal, subprocess, sys, textwrap, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import nbformat, pytest
from mnist_graph_tutorial import book, execution, manuscript, plain_pages
from mnist_graph_tutorial.execution import Turns, cleaned, environment, execute
from mnist_graph_tutorial.cli import main
from mnist_graph_tutorial.manuscript import claimed, notebooks, project
from mnist_graph_tutorial.readme import readme
from mnist_graph_tutorial.site import build_site
from compare import differences
from lessons import real_mnist

NOTEBOOKS = notebooks()
name = lambda path: path.stem

@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebooks_are_kept_as_a_run_writes_them(path):
    assert book.nb2str(cleaned(nbformat.read(path, 4))) == path.read_text()

def test_readme_is_the_front_page():
    assert (project() / "README.md").read_text() == readme()

def test_readme_has_the_two_commands():
    lines = readme().splitlines()
    assert 'pip install -e ".[dev]" && mnist-graph-tutorial run' in lines
    assert 'pip install -e ".[dev]" && pytest' in lines

def test_readme_names_the_repository_that_settings_name():
    settings = configparser.ConfigParser()
    settings.read(project() / "settings.ini")
    assert f"git+{settings['DEFAULT']['git_url']}`" in readme()

# One notebook

@pytest.fixture
def notebook(tmp_path):
    "Writes a notebook of code cells."
    def write(*cells, file="tiny.ipynb"):
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in cells])
        nbformat.write(nb, tmp_path / file)
        return tmp_path / file
    return write

def outputs(run): return [cell["outputs"] for cell in run.notebook["cells"]]
def text(run, cell): return "".join("".join(out.get("text", "")) + "".join(out.get("data", {}).get("text/plain", "")) for out in outputs(run)[cell])

def test_a_failing_cell_ends_the_run_and_keeps_what_ran(notebook):
    path = notebook("print('kept')", "x = 1\n1 / 0", "print('never')")
    before = path.read_text()
    run = execute(path, environment("digits"))
    assert run.problem == "tiny.ipynb, cell 2:\n\n    x = 1\n    1 / 0\n\nZeroDivisionError: division by zero"
    assert text(run, 0) == "kept\n" and outputs(run)[1][0]["output_type"] == "error" and outputs(run)[2] == []
    assert path.read_text() == before

def test_what_tensorflow_says_before_a_cell_fails_is_told_with_the_failure(notebook):
    path = notebook("import sys\nprint('harmless', file=sys.stderr)", """
        import os, sys, time
        os.write(2, b"W0000 00:00:1.5  7 bfc_allocator.cc:501] Allocator ran out of memory trying to allocate 2.00GiB\\n")
        time.sleep(1)
        sys.stderr.flush()
        raise MemoryError('OOM when allocating tensor')""")
    env = environment("digits", "cpu")
    env.pop("PYTEST_CURRENT_TEST")  # with it, a kernel does not listen to what C++ writes
    run = execute(path, env)
    assert run.problem.endswith("MemoryError: OOM when allocating tensor\n\nOn standard error:\n"
                                "W0000 00:00:1.5  7 bfc_allocator.cc:501] Allocator ran out of memory trying to allocate 2.00GiB")

DIES = """
import os, sys
from pathlib import Path
from mnist_graph_tutorial import execution
if __name__ == "__main__":
    execution.SHARED[:] = ["dies_while_imported"]
    try: execution.execute(Path(sys.argv[1]), execution.environment("digits", "cpu"))
    except RuntimeError as e: print(e)
"""

def test_what_the_fork_server_says_when_it_dies_is_told(notebook, tmp_path):
    if sys.platform != "linux": pytest.skip("kernels are forked on Linux alone")
    (tmp_path / "dies_while_imported.py").write_text("import os; os.write(2, b'built for AVX, which is not here\\n'); os.abort()")
    (tmp_path / "dies.py").write_text(DIES)
    env = os.environ | dict(PYTHONPATH=f"{tmp_path}{os.pathsep}{project()}", CUDA_VISIBLE_DEVICES="-1")
    done = subprocess.run([sys.executable, tmp_path / "dies.py", notebook("1")], env=env, capture_output=True, text=True)
    assert "no kernel can be started: built for AVX, which is not here" in done.stdout, done.stderr

def test_of_other_images_a_check_that_fails_is_told_and_counted_and_ends_nothing(notebook):
    path = notebook("#| check\nassert 1 + 1 == 3, 'three\\ntimes'", "#| check\n{}['mnist']", "#| check\nassert True", "print('on')")
    assert execute(path, environment("digits")).problem != ""
    run = execute(path, environment("digits"), judged=False)
    assert (run.problem, run.unmet, text(run, 3)) == ("", 2, "on\n")
    assert text(run, 0) == "Not so for these data: AssertionError three\n" and text(run, 1) == "Not so for these data: KeyError 'mnist'\n"
    assert "checks  2 do not hold for kmnist" in book.table([run], 1, "CPU", "kmnist", "index.html")
    broken = execute(notebook("{}['mnist']"), environment("digits"), judged=False)
    assert "KeyError" in broken.problem and broken.unmet == 0

def test_cells_with_eval_false_are_not_run_and_keep_their_output(notebook):
    path = notebook("a = 1", "#| eval: false\na = 2", "a")
    nb = nbformat.read(path, 4)
    nb.cells[1].outputs = [nbformat.v4.new_output("stream", text="as it was\n")]
    nb.cells[2].outputs = [nbformat.v4.new_output("stream", text="stale\n")]
    nbformat.write(nb, path)
    run = execute(path, environment("digits"))
    assert (text(run, 1), text(run, 2), run.cells) == ("as it was\n", "1", 2)

def test_a_kernel_that_dies_is_told_and_what_ran_is_kept(notebook):
    run = execute(notebook("1 + 1", "import os; os.write(2, b'no memory left\\n'); os._exit(9)"), environment("digits"))
    assert "cell 2" in run.problem and "the kernel died" in run.problem and "no memory left" in run.problem
    assert text(run, 0) == "2"

def test_the_kernel_is_this_python_whatever_is_installed_as_python3(notebook, tmp_path, monkeypatch):
    rogue = tmp_path / "jupyter" / "kernels" / "python3"
    rogue.mkdir(parents=True)
    (rogue / "kernel.json").write_text(json.dumps(dict(argv=["/bin/false", "{connection_file}"], display_name="x", language="python")))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    run = execute(notebook("import sys; sys.executable"), environment("digits"))
    assert run.problem == "" and text(run, 0) == repr(sys.executable)

def test_what_the_kernel_is_told(notebook, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = ["MNIST_GRAPH_DATA", "MNIST_GRAPH_DEVICE", "MNIST_GRAPH_PAGE", "IN_TEST", "MPLBACKEND"]
    run = execute(notebook(f"import os; [os.environ[name] for name in {names}]"), environment("digits", "cpu"))
    assert text(run, 0) == "['digits', 'cpu', '1', '1', 'module://matplotlib_inline.backend_inline']"

def test_a_run_reports_how_far_it_is(notebook):
    lines = []
    execute(notebook("1", "import time; time.sleep(1)"), environment("digits"), lines.append)
    assert any(re.fullmatch(r"tiny +cell 2 of 2  0:0\d", line) for line in lines)

def test_streams_come_out_whole_and_without_debris(notebook):
    run = execute(notebook("""
        import os, sys, time
        for k in range(5): print(k, flush=True); time.sleep(.02)
        print("I0000 00:00:1732380000.000001    1 cudart_stub.cc:31] Could not find cuda drivers", file=sys.stderr)
        print("WARNING: All log messages before absl::InitializeLog() is called are written to STDERR", file=sys.stderr)
        """), environment("digits"))
    assert [out.get("name") for out in outputs(run)[0]] == ["stdout"] and text(run, 0) == "0\n1\n2\n3\n4\n"

def test_other_words_on_standard_error_are_kept(notebook):
    run = execute(notebook("import sys; print('mind this', file=sys.stderr)"), environment("digits"))
    assert text(run, 0) == "mind this\n"

def test_progress_leaves_a_plain_sentence_and_two_runs_agree_to_the_byte(notebook):
    path = notebook("""
        from mnist_graph_tutorial.explore import Progress
        bar = Progress(3, "steps")
        for k in range(3): bar.update(k + 1)
        bar.done("3 steps done.")""", "{1, 2, 3}")
    one, two = (execute(path, environment("digits")).notebook for _ in range(2))
    assert differences(one, two, exact=True) == [] and one == two
    assert "3 steps done." in json.dumps(one) and "progress" not in json.dumps(one["cells"][0]["outputs"])

# Kernels that are forks

def test_a_fork_is_given_what_a_process_of_its_own_would_be(notebook, monkeypatch):
    path = notebook("""
        import os, sys
        ours = sorted(name for name in os.environ if name != "JPY_PARENT_PID")
        print(os.getsid(0) == os.getpid(), os.getcwd(), ours, os.environ["ONLY_HERE"], __name__, sys.path[-1])
        x = 1""", "print('tensorflow' in sys.modules)", """
        import ipywidgets, matplotlib.pyplot as plt, tensorflow as tf
        from fastcore.imports import IN_NOTEBOOK
        tf.print("into the notebook", int(IN_NOTEBOOK))
        plt.plot([1, 2]);""")
    runs = {}
    for forks in (True, False):
        monkeypatch.setattr(execution, "_forks", lambda env: forks and sys.platform == "linux")
        runs[forks] = execute(path, environment("digits", "cpu") | {"ONLY_HERE": "1"})
        assert runs[forks].problem == "" and text(runs[forks], 1) == f"{forks and sys.platform == 'linux'}\n"
    assert text(runs[True], 0) == text(runs[False], 0) and text(runs[True], 0).startswith("True /")
    assert outputs(runs[True])[2] == outputs(runs[False])[2] and text(runs[True], 2).startswith("into the notebook 1\n")
    assert "image/png" in outputs(runs[True])[2][1]["data"]

def test_kernels_share_nothing(notebook):
    one = notebook("import tensorflow as tf, numpy as np; tf.my_own = np.my_own = 1; x = 1")
    assert execute(one, environment("digits", "cpu")).problem == ""
    other = notebook("import tensorflow as tf, numpy as np", "hasattr(tf, 'my_own'), hasattr(np, 'my_own'), 'x' in globals()")
    assert text(execute(other, environment("digits", "cpu")), 1) == "(False, False, False)"

def test_a_gpu_is_never_forked(monkeypatch):
    monkeypatch.setattr(execution.sys, "platform", "linux")
    monkeypatch.setattr(execution.Path, "exists", lambda path: str(path) == "/dev/nvidiactl")
    assert execution.kernel(environment("digits", "gpu")).provisioner is None
    assert execution.kernel(environment("digits", "cpu")).provisioner is not None

def test_a_kernel_does_not_outlive_who_asked_for_it(notebook, tmp_path):
    path = notebook(f"""
        import os, pathlib, time
        pathlib.Path({str(tmp_path / "part")!r}).write_text(str(os.getpid()))
        os.replace({str(tmp_path / "part")!r}, {str(tmp_path / "pid")!r})
        time.sleep(600)""")
    code = f"from mnist_graph_tutorial.execution import *; execute({str(path)!r}, environment('digits', 'cpu'))"
    asker = subprocess.Popen([sys.executable, "-c", code])
    wait_until((tmp_path / "pid").exists, 120)
    asker.kill()
    asker.wait()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 60)

def wait_until(holds, seconds: float):
    "Wait until something holds; fails where it takes longer than it may on any machine."
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(.1)

# Side by side

def test_a_cell_that_is_to_be_alone_waits_for_the_others_and_they_for_it():
    turns, running, seen = Turns(), [], []
    def cell(alone):
        with turns.turn(alone):
            running.append(alone)
            time.sleep(.01)
            seen.append((alone, list(running)))
            running.remove(alone)
    with ThreadPoolExecutor(8) as pool: list(pool.map(cell, [False, False, True, False, True, True] * 8))
    assert len(seen) == 48 and all(others == [True] for alone, others in seen if alone)
    assert max(len(others) for alone, others in seen) > 1 and all(True not in others for alone, others in seen if not alone)

def test_a_turn_that_fails_is_given_back():
    turns = Turns()
    for alone in (True, False):
        with pytest.raises(ValueError), turns.turn(alone): raise ValueError
    with turns.turn(True): assert (turns.running, turns.alone) == (1, 1)
    assert (turns.running, turns.alone) == (0, 0)

def test_notebooks_run_side_by_side_and_their_timed_cells_alone(notebook, tmp_path, monkeypatch):
    log = tmp_path / "log"
    note = "import time\ndef note(what):\n    with open(LOG, 'a') as file: file.write(what + '\\n')\n".replace("LOG", repr(str(log)))
    both = "import pathlib, time\npathlib.Path(MINE).touch()\nwhile not pathlib.Path(OTHER).exists(): time.sleep(.05)"
    paths = []
    for mine, other in ("ab", "ba"):
        meet = both.replace("MINE", repr(str(tmp_path / mine))).replace("OTHER", repr(str(tmp_path / other)))
        timed = f"#| timing\nnote('{mine} begins')\ntime.sleep(.3)\nnote('{mine} ends')"
        paths.append(notebook(meet, note, timed, file=f"0{len(paths) + 1}_{mine}.ipynb"))
    monkeypatch.setattr(book, "WORKERS", 2)
    (tmp_path / "out").mkdir()
    done = book._run_each(paths, environment("digits", "cpu"), tmp_path / "out")  # would wait for ever, one after the other
    assert [run.problem for run in done] == ["", ""]
    lines = log.read_text().split("\n")
    assert sorted(lines[:4]) == ["a begins", "a ends", "b begins", "b ends"] and lines[0][0] == lines[1][0]

def test_the_first_failure_in_the_order_of_the_book_ends_the_run(notebook, tmp_path, monkeypatch):
    failed = repr(str(tmp_path / "failed"))
    wait = f"import pathlib, time\nwhile not pathlib.Path({failed}).exists(): time.sleep(.05)\nprint('whole')"
    paths = [notebook(wait, file="01_slow.ipynb"),
             notebook(f"import pathlib; pathlib.Path({failed}).touch(); 1 / 0", file="02_fails.ipynb"),
             notebook("import time; time.sleep(600)", file="03_late.ipynb"), notebook("1", file="04_never.ipynb")]
    monkeypatch.setattr(book, "WORKERS", 3)
    (tmp_path / "out").mkdir()
    done = book._run_each(paths, environment("digits", "cpu"), tmp_path / "out")
    assert [run.path for run in done] == paths[:2] and "ZeroDivisionError" in done[1].problem
    assert text(done[0], 0) == "whole\n" and sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01_slow.ipynb", "02_fails.ipynb"]

def test_the_cells_that_took_longest_are_listed(notebook):
    run = execute(notebook("1", "#| timing\n\nimport time\ntime.sleep(.5)"), environment("digits", "cpu"))
    lines = book.slowest([run]).splitlines()
    assert re.fullmatch(r"tiny +2 +\d+\.\d s  import time", lines[2]) and re.fullmatch(r"tiny +1 +\d+\.\d s  1", lines[3])
    assert len(book.slowest([run] * 20).splitlines()) == 12

# Choosing

def test_choosing_by_number_name_and_file():
    chosen = [path.stem for path in book.choose(["03", "data", "13_explore", "index"])]
    assert chosen == ["index", "03_mnist_net", "12_data", "13_explore"]
    assert book.choose() == NOTEBOOKS

@pytest.mark.parametrize("wrong", ["99", "mnist", "", "0", "3_mnist_net_"])
def test_a_wrong_name_lists_the_choices(wrong):
    with pytest.raises(ValueError, match="chapters are 1 graph_basics, .*7 scaling_out; any other"): book.choose([wrong])

def test_the_notebooks_themselves_are_never_run_over():
    with pytest.raises(ValueError, match="take another --out"): book.run("digits", out=project() / "nbs")

@pytest.mark.parametrize("only", [["03", "data"], ["index"]], ids=" ".join)
def test_only_the_chapters_asked_for_are_run(only, tmp_path, monkeypatch):
    ran = []
    def stand_in(path, env, report, turns, judged):
        ran.append(path)
        return book.Executed(path, json.loads(path.read_text()), 0, 0., "")
    monkeypatch.setattr(book, "execute", stand_in)
    monkeypatch.setattr(book, "render", lambda out, *others: out / "index.html")
    monkeypatch.setattr(book, "settle_device", lambda device: device)
    monkeypatch.setattr(book, "warm_up", lambda env: None)
    assert main(["run", "--data", "digits", "--out", str(tmp_path), "--only", *only]) == 0
    assert sorted(ran) == sorted(book.choose(only)) and {path.name for path in tmp_path.iterdir()} == {path.name for path in ran}

def test_what_another_run_left_is_kept_unless_the_code_has_changed(tmp_path):
    index, first, second, *_ = notebooks()
    for path in (index, first): (tmp_path / path.name).write_text(path.read_text())
    changed = json.loads(first.read_text())
    next(cell for cell in changed["cells"] if cell["cell_type"] == "code")["source"] = ["another()"]
    assert book.earlier(tmp_path) == {path: tmp_path / path.name for path in (index, first)}
    for text in (json.dumps(changed), "", '{"cells": [', "{}"):
        (tmp_path / first.name).write_text(text)
        assert book.earlier(tmp_path) == {index: tmp_path / index.name}

# Where it is written: nobody else's files, nobody else at the same time, and no half files

def files(directory) -> dict: return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}

def edited(path: Path) -> str:
    "A notebook in which a reader has worked."
    return path.read_text().replace('"import', '"# mine\\n",\n    "import', 1)

@pytest.mark.parametrize("name", ["index.html", "data.html", "search.html", "card.png", "12_data.ipynb"])
def test_what_is_not_the_books_is_not_written_over(name, tmp_path):
    (tmp_path / name).write_text("years of work" if name != "12_data.ipynb" else edited(project() / "nbs" / name))
    if name == "index.html": (tmp_path / "data.html").write_text("more of it")
    before = files(tmp_path)
    with pytest.raises(OSError, match=f"holds (data.html|{name}), which is not this book's and would be overwritten; take another --out") as e:
        with claimed(tmp_path): pass
    assert "\n" not in str(e.value) and files(tmp_path) == before

def test_a_relative_place_is_looked_into_where_the_reader_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("homepage").mkdir()
    Path("homepage/index.html").write_text("years of work")
    with pytest.raises(OSError, match="^homepage holds index.html"):
        with claimed("homepage"): pass

def test_what_may_be_there(tmp_path):
    shutil.copy(project() / "nbs/12_data.ipynb", tmp_path)  # as an interrupted run leaves it
    for name in ("thesis.txt", ".hidden", ".notes.html.1.abc"): (tmp_path / name).write_text("kept")
    (tmp_path / ".12_data.ipynb.77.0123abcd").write_text("half of it")
    with claimed(tmp_path) as place: assert place == tmp_path
    assert set(files(tmp_path)) == {"12_data.ipynb", "thesis.txt", ".hidden", ".notes.html.1.abc"}
    with claimed(tmp_path / "new/and/deep"): assert (tmp_path / "new/and/deep").is_dir()

@pytest.mark.parametrize("words", [["run", "--data", "digits", "--device", "cpu"], ["site", "--renderer", "plain"]], ids=["run", "site"])
def test_an_out_that_is_a_file_or_somebody_elses_is_refused_in_a_line(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(book, "settle_device", lambda device: device)
    monkeypatch.setattr(book, "warm_up", lambda env: None)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "homepage").mkdir()
    (tmp_path / "homepage/data.html").write_text("mine")
    for out, told in (("file", "is a file; --out needs a directory"), ("homepage", "holds data.html"), ("file/below", "Not a directory")):
        assert main([*words, "--out", str(tmp_path / out)]) == 1
        said = capsys.readouterr().err
        assert told in said and said.count("\n") == 1
    assert (tmp_path / "file").read_text() == (tmp_path / "homepage/data.html").read_text() == "mine"

HOLDING = "from mnist_graph_tutorial.manuscript import claimed\nwith claimed({!r}): print('held', flush=True); input()"

def test_two_cannot_write_to_one_directory_and_a_killed_one_lets_go(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLDING.format(str(tmp_path))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(OSError, match=f"^another run is writing to {tmp_path}; wait for its end, or take another --out$"):
        with claimed(tmp_path): pass
    other.kill()
    other.communicate()
    with claimed(tmp_path): pass

class Windows:
    "What Python has on Windows to lock with, on top of what it has here."
    LK_NBLCK = 2
    def locking(handle, mode, count):
        assert (mode, count) == (2, 1) and os.path.basename(os.readlink(f"/proc/self/fd/{handle}")) == ".lock"
        try: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: raise PermissionError(13, "Permission denied") from None

def test_on_windows_a_file_is_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(manuscript, "fcntl", Windows)
    with claimed(tmp_path):
        with pytest.raises(OSError, match=f"^another run is writing to {tmp_path}; wait for its end, or take another --out$"):
            with claimed(tmp_path): pass
    with claimed(tmp_path): pass

def test_what_locks_is_imported_on_windows(tmp_path):
    "In a process that has no fcntl, and an msvcrt that locks nothing."
    code = ("import subprocess, sys, types, nbdev.processors\n"  # which would take it for Windows as a whole
            "stub = types.SimpleNamespace(LK_NBLCK=2, locking=lambda *told: print('locked', told[1:]))\n"
            "sys.modules.update(fcntl=None, msvcrt=stub)\n"
            "from mnist_graph_tutorial.manuscript import claimed\n"
            "with claimed(sys.argv[1]): pass")
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], env=os.environ | dict(PYTHONPATH=str(project())), capture_output=True, text=True)
    assert done.stdout == "locked (2, 1)\n", done.stderr

@pytest.fixture
def few_pages(monkeypatch):
    "A book of the front page and two others."
    paths = book.choose(["index", "card", "readme"])
    monkeypatch.setattr(plain_pages, "notebooks", lambda: paths)

def test_a_disk_that_fills_up_leaves_each_page_old_or_new(few_pages, tmp_path):
    build_site("plain", tmp_path)
    old, (soft, hard) = files(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert {"index.html", "card.html", "readme.html", "search.html", "card.png"} < set(old)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the style sheet fits, pages are larger
    try:
        with pytest.raises(OSError, match=r"File too large: '.*index.html'"): build_site("plain", tmp_path)
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == old
    build_site("plain", tmp_path)
    assert files(tmp_path) == old

def test_a_site_that_is_stopped_half_way_holds_whole_pages_and_goes_on(few_pages, tmp_path, monkeypatch):
    put, calls = plain_pages.put, []
    def stopped(path, text):
        calls.append(path)
        if len(calls) == 4: raise KeyboardInterrupt
        put(path, text)
    monkeypatch.setattr(plain_pages, "put", stopped)
    with pytest.raises(KeyboardInterrupt): build_site("plain", tmp_path)
    assert set(files(tmp_path)) == {"book.css", "index.html", "index.ipynb"} and files(tmp_path)["index.html"].endswith(b"</html>")
    build_site("plain", tmp_path)
    assert {"index.html", "card.html", "readme.html", "search.html"} < set(files(tmp_path))

# The whole command, on a book of three pages

MAIN = "import sys; from mnist_graph_tutorial.cli import main; sys.exit(main())"

@pytest.fixture
def small_book(tmp_path, notebook):
    "A copy of the project with a front page and two chapters, and a way to call it."
    shutil.copytree(project() / "mnist_graph_tutorial", tmp_path / "mnist_graph_tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project() / "settings.ini", tmp_path)
    (tmp_path / "nbs").mkdir()
    title = lambda words: nbformat.v4.new_markdown_cell(f"# {words}\n\n> of a small book")
    def write(stem, *cells):
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=[title(stem), *code]), tmp_path / "nbs" / f"{stem}.ipynb")
    write("index")
    write("01_one", "print('one')")
    write("02_two", "print('two')")
    def call(*words):
        env = os.environ | dict(PYTHONPATH=str(tmp_path))
        return subprocess.run([sys.executable, "-c", MAIN, *words], cwd=tmp_path, env=env, capture_output=True, text=True)
    return write, call, tmp_path

def test_run_leaves_notebooks_pages_and_a_table(small_book):
    write, call, place = small_book
    done = call("run", "--data", "digits", "--device", "cpu", "--profile")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^slowest cells +cell +time\n(?:one|two) +2 +\d+\.\d s  print\(", done.stdout, re.M)
    made = {path.name for path in (place / "_book").iterdir()}
    assert made >= {"index.html", "one.html", "two.html", "search.html", "01_one.ipynb", "02_two.ipynb"}
    assert re.search(r"^device  .*cores", done.stdout, re.M) and re.search(r"^data    digits$", done.stdout, re.M)
    assert re.search(r"^two +1 +\d+\.\d s$", done.stdout, re.M) and "\r" not in done.stdout
    assert "<pre" in (place / "_book/two.html").read_text() and ">two</pre>" in (place / "_book/two.html").read_text()
    assert json.loads((place / "nbs/02_two.ipynb").read_text())["cells"][1]["outputs"] == []

def test_run_of_a_failing_chapter(small_book):
    write, call, place = small_book
    write("02_two", "print('before')", "raise ValueError('too few digits')")
    write("03_three", "print('three')")
    done = call("run", "--data", "digits", "--device", "cpu", "--out", "pages")
    assert done.returncode == 1
    assert "02_two.ipynb, cell 3" in done.stderr and "    raise ValueError('too few digits')" in done.stderr
    assert "ValueError: too few digits" in done.stderr and "Traceback" not in done.stderr
    assert "before" in (place / "pages/02_two.ipynb").read_text() and "one" in (place / "pages/01_one.ipynb").read_text()
    assert ">one</pre>" in (place / "pages/one.html").read_text() and re.search(r"^one +1 ", done.stdout, re.M)
    assert not (place / "pages/.ipynb").exists() and "three\n" not in (place / "pages/03_three.ipynb").read_text()

SLOW = "import os, time; open({!r}, 'w').write(str(os.getpid())); time.sleep({})"

@pytest.mark.parametrize("words, number", [((), "SIGKILL"), (("--update",), "SIGTERM")], ids=["killed", "terminated"])
def test_a_run_that_is_ended_half_way_leaves_whole_files_and_no_process_and_the_next_goes_on(small_book, words, number):
    "Two runs of a small book each, with kernels: they are what is tested. tests/test_cli.py presses Ctrl-C."
    write, call, place = small_book
    if words and not real_mnist(): pytest.skip("--update wants real MNIST")
    words = ["run", "--device", "cpu", "--data", real_mnist() if words else "digits", *words]
    write("02_two", SLOW.format(str(place / "pid"), 600))
    before = {path: path.read_bytes() for path in (place / "nbs").iterdir()}
    process = subprocess.Popen([sys.executable, "-c", MAIN, *words], cwd=place, env=os.environ | dict(PYTHONPATH=str(place)), start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wanted, deadline = (place / "pid", place / "_book/01_one.ipynb"), time.monotonic() + 300
    while not all(path.exists() and path.stat().st_size for path in wanted) and time.monotonic() < deadline: time.sleep(.1)
    kernel = int((place / "pid").read_text())
    ours = relatives(process.pid)
    assert kernel in ours and len(ours) > 2
    process.send_signal(getattr(signal, number))
    process.communicate(timeout=60)
    assert process.returncode == -getattr(signal, number)
    deadline = time.monotonic() + 10
    while (left := [pid for pid in ours if alive(pid)]) and time.monotonic() < deadline: time.sleep(.1)
    assert left == [] and {path: path.read_bytes() for path in before} == before and not (place / "README.md").exists()
    for path in (place / "_book").glob("*.ipynb"): nbformat.validate(nbformat.read(path, 4))
    write("02_two", "print('two')")
    done = call(*words)
    assert done.returncode == 0, done.stderr
    assert ">two</pre>" in (place / "_book/two.html").read_text() and not list((place / "_book").glob(".*.[0-9]*"))
    assert (b'"two\\n"' in (place / "nbs/02_two.ipynb").read_bytes()) == ("--update" in words)

def relatives(pid: int) -> list[int]:
    "A process and all that it has started, which have its session or a parent among them."
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError): parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found: found += [child for child, parent in parents.items() if parent == one]
    return found

def alive(pid: int) -> bool:
    "Whether a process runs."
    with contextlib.suppress(OSError): return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False

def test_update_wants_real_mnist(small_book):
    write, call, place = small_book
    before = (place / "nbs/01_one.ipynb").read_text()
    done = call("run", "--data", "digits", "--update")
    assert done.returncode == 1 and "--update needs --data mnist" in done.stderr and done.stderr.count("\n") == 1
    assert (place / "nbs/01_one.ipynb").read_text() == before and not (place / "_book").exists()

def test_update_writes_back_what_nbdev_clean_leaves_alone(small_book):
    if not real_mnist(): pytest.skip("no real MNIST in MNIST_GRAPH_DATA or in the cache")
    write, call, place = small_book
    write("02_two", "print('two')", "import matplotlib.pyplot as plt; plt.plot([1, 2]);", "object()")
    done = call("run", "--data", real_mnist(), "--update", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    after = {path: path.read_bytes() for path in (place / "nbs").glob("*.ipynb")}
    assert b"two\\n" in after[place / "nbs/02_two.ipynb"] and b"image/png" in after[place / "nbs/02_two.ipynb"]
    code = "from nbdev.clean import nbdev_clean; nbdev_clean()"
    subprocess.run([sys.executable, "-c", code], cwd=place, check=True)
    assert {path: path.read_bytes() for path in after} == after
    note = "<!-- Made from nbs/index.ipynb; change that. -->"
    assert (place / "README.md").read_text().endswith(f"# index\n\n\n{note}\n\n> of a small book\n")
