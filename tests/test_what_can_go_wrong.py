"The page on what can go wrong: it has what the rooms can say, each with a remedy, and in few words."
import ast, re
import nbformat, pytest
from mnist_graph_tutorial.manuscript import project

PAGE = nbformat.read(project() / "nbs/49_what_can_go_wrong.ipynb", 4)
TOLD = "\n".join(output.data["text/markdown"] for cell in PAGE.cells for output in cell.get("outputs", []))
ENTRIES = re.findall(r"- (.+)\n\n  `(.+)`\n\n  (.+)\n", TOLD)

def pattern(node) -> str:
    "What a message looks like, whatever stands in its braces."
    if isinstance(node, ast.Constant): return re.escape(node.value)
    if isinstance(node, ast.JoinedStr): return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values)
    if isinstance(node, ast.IfExp): return f"(?:{pattern(node.body)}|{pattern(node.orelse)})"
    return ""

def refusals(room: str) -> list[str]:
    "The messages of the errors that a room raises, where they stand in it."
    tree = ast.parse((project() / "mnist_graph_tutorial" / f"{room}.py").read_text())
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return [found for error in raised if error.args and len(found := pattern(error.args[0])) > 20]

ROOMS = ["training", "workers", "manuscript", "site", "book", "device", "checks", "data", "image_files", "own_data", "keras_net", "mnist_net"]

def test_what_the_rooms_can_say_is_on_the_page():
    "Five in six at least; the others are variants of what is there, or for those who write code."
    said = {(room, words): any(re.search(words, message) for _, message, _ in ENTRIES) for room in ROOMS for words in refusals(room)}
    missing = [key for key, found in said.items() if not found]
    assert len(said) > 55 and len(missing) < len(said) / 6, missing

@pytest.mark.parametrize("did, said, helps", ENTRIES)
def test_each_failure_is_a_line_with_a_remedy(did, said, helps):
    assert did.endswith(":") and helps.endswith(".") and len(said) < 400 and "Traceback" not in said and "Error" not in said

@pytest.mark.parametrize("words", ["the name is not known", "the connection was refused, by way of the proxy that http_proxy names", "the proxy wants a password",
                                   "the certificate is not trusted", "no answer in time", "this one has dense 784 to 9, relu, dense", "has a call of its own",
                                   "the network ends in softmax; ideal images need the logits", "an MnistNet is trained here, not a", "another worker was lost while TensorFlow",
                                   "holds a network of 3 classes, not of 10; take another directory", "holds a network of 3 classes, not of 10; name its own"])
def test_what_readers_have_met_is_on_the_page(words): assert sum(words in said for _, said, _ in ENTRIES) == 1

def test_the_page_is_whole_and_small():
    assert len(ENTRIES) == len(re.findall("(?m)^- ", TOLD)) > 80 and len(TOLD) < 40_000
    headings = [cell.source.splitlines()[0] for cell in PAGE.cells if cell.source.startswith("## ")]
    assert len(headings) == 10

def test_readme_leads_to_the_page(): assert "(nbs/49_what_can_go_wrong.ipynb)" in (project() / "README.md").read_text()
