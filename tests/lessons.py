"""What the tests of the lessons share: the parts of a chapter, and a run of it with its exercises solved."""
import ast, os, re
from pathlib import Path
import nbformat
from mnist_graph_tutorial.data import cache_directory, load_mnist
from mnist_graph_tutorial.execution import Executed, environment, execute, marked

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "nbs").glob("0*.ipynb"))

# Remembers of what type each name is after each cell, and which of them change it; and texts that a figure cuts off.
WATCH = """
def _watch(shell):
    first, moved = {}, {}
    numbers = {"bool", "int", "float", "int32", "int64", "float32", "float64"}
    callables = {"function", "Function", "builtin_function_or_method", "PolymorphicFunction", "_lru_cache_wrapper", "partial"}
    def kind(value):
        name = type(value).__name__
        if name in numbers: return "number"
        if name in callables: return "function"
        return f"{name} of rank {len(value.shape)}" if name in ("ndarray", "EagerTensor") else name
    def after(result):
        for name, value in list(shell.user_ns.items()):
            if name.startswith("_") or name in ("In", "Out", "exit", "quit", "open", "get_ipython"): continue
            if first.setdefault(name, kind(value)) != kind(value): moved[name] = f"{first[name]}, then {kind(value)}"
    shell.events.register("post_run_cell", after)
    return moved
_moved = _watch(get_ipython())

def _watch_figures():
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure
    cut, save = [], Figure.savefig
    def boxes(figure, renderer):
        for ax in figure.axes:
            if ax.axison:
                for axis in (ax.xaxis, ax.yaxis): yield f"axis {axis.get_label_text()!r}", axis.get_tightbbox(renderer)
            for text in (*ax.texts, ax.title):
                if text.get_text().strip() and not text.get_clip_on(): yield repr(text.get_text()), text.get_window_extent(renderer)
            if ax.get_legend(): yield "legend", ax.get_legend().get_window_extent(renderer)
    def saved(figure, *args, **form):
        result = save(figure, *args, **form)
        width, height = figure.bbox.size
        for name, box in boxes(figure, RendererAgg(width, height, figure.dpi)):
            if box and min(box.x0, box.y0, width - box.x1, height - box.y1) < -1: cut.append(name)
        return result
    Figure.savefig = saved
    return cut
_cut = _watch_figures()
"""

def cells_of(path) -> list:
    "The cells of a notebook."
    return nbformat.read(path, 4).cells

def code_cells(path) -> list:
    "The code cells of a notebook."
    return [cell for cell in cells_of(path) if cell.cell_type == "code"]

def lines_of(cell) -> list[str]:
    "The lines of code in a cell, without directives and blank lines."
    return [line for line in cell.source.splitlines() if line.strip() and not line.startswith("#|")]

def is_shown(cell) -> bool:
    "Whether a reader of the page sees the code of a cell without unfolding anything."
    hidden = ("export", "hide", "check", "drawing", "exercise", "predict", "echo: false")
    return not any(marked(cell.source, name) or re.search(rf"^#\|\s*{name}\b(?!s)", cell.source, re.M) for name in hidden)

def imports_of(code: str) -> set[str]:
    "The names that code imports."
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {(alias.asname or alias.name).split(".")[0] for node in nodes for alias in node.names}

def solutions(path) -> list[str]:
    "The code of all solutions, in the order of the exercises."
    text = "\n\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "markdown")
    folds = re.findall(r"<details><summary>Solution.*?</details>", text, re.S)
    return [code for fold in folds for code in re.findall(r"```python\n(.*?)```", fold, re.S)]

def checks(path) -> list[str]:
    "The names of the checks that a chapter's exercises have."
    found = [cell.source for cell in code_cells(path) if marked(cell.source, "exercise")]
    return re.findall(r"^def (check_\w+)", "\n".join(found), re.M)

def wrong_answers(path) -> list[str]:
    "Calls of checks with answers that are wrong."
    file = ROOT / "tests" / "wrong_answers" / f"{re.sub(r'^[0-9]+_', '', Path(path).stem)}.py"
    names = {}
    exec(file.read_text(), names)
    return names["WRONG"]

def solved(code: str) -> str:
    "A solution that fails where the check at its end does not say that it is right."
    *_, last = ast.parse(code).body
    lines = code.splitlines()
    call = "\n".join(lines[last.lineno - 1:])
    if not call.startswith("check_"): return code
    return "\n".join([*lines[:last.lineno - 1], f"_verdict = {call}", "assert _verdict, _verdict"])

def with_exercises(path) -> list[str]:
    "What is run after a chapter: no name has changed its type, no text is cut off, all solutions are right, wrong answers are caught."
    caught = [f"_verdict = {call}\nassert not _verdict and _verdict.text, {call!r}" for call in wrong_answers(path)]
    return ["assert not _moved, _moved", "assert not _cut, _cut", *map(solved, solutions(path)), *caught]

def run_chapter(path, data: str, directory: Path) -> Executed:
    "A chapter executed, its exercises after it; the notebook that is returned has the chapter's own cells alone."
    nb, count = nbformat.read(path, 4), len(cells_of(path))
    cell = nbformat.v4.new_code_cell
    nb.cells = [cell(WATCH), *nb.cells, *map(cell, with_exercises(path))]
    nbformat.write(nb, directory / path.name)
    done = execute(directory / path.name, environment(data, "cpu"))
    done.notebook["cells"] = done.notebook["cells"][1:1 + count]
    return done._replace(path=path)

def real_mnist() -> str:
    "Where real MNIST lies, or nothing."
    for source in (os.environ.get("MNIST_GRAPH_DATA"), cache_directory() / "mnist"):
        if source and Path(source).is_dir() and load_mnist(str(source)).name == "mnist": return str(source)
    return ""

def loads_images(path) -> bool:
    "Whether a notebook's results depend on the images that it is given."
    return re.search("load_mnist|epoch_data", path.read_text()) is not None

def executed(path, data, directory) -> Executed:
    """A notebook executed, a chapter with its exercises solved; once more where a timing came out as it should not, as
    on a busy machine it may."""
    is_chapter = path.name in [chapter.name for chapter in CHAPTERS]
    def run(): return run_chapter(path, data, directory) if is_chapter else execute(path, environment(data, "cpu"))
    done = run()
    return run() if "#| timing" in done.problem else done
