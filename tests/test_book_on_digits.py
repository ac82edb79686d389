"""Every notebook that loads images runs on the embedded digits; what the others do, `test_book_on_mnist.py` sees."""
import pytest
from lessons import executed, loads_images
from mnist_graph_tutorial.manuscript import notebooks

NOTEBOOKS = [path for path in notebooks() if loads_images(path)]

@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_on_the_embedded_digits(path, tmp_path):
    assert executed(path, "digits", tmp_path).problem == ""
