"""What pyproject.toml cannot say: a wheel brings the notebooks, without what their cells show."""
import runpy, shutil
from pathlib import Path
from setuptools import setup
from setuptools.command.build_py import build_py

CLONE = Path(__file__).resolve().parent
COPIES = runpy.run_path(str(CLONE / "mnist_graph_tutorial" / "own_copy.py"))

class WithNotebooks(build_py):
    "The modules, and the notebooks beside them."
    def run(self):
        super().run()
        if self.editable_mode: return  # a clone has its own
        place = Path(self.build_lib, "mnist_graph_tutorial", COPIES["SHIPPED"])
        shutil.rmtree(place, ignore_errors=True)
        COPIES["write_book"](CLONE, place)

setup(cmdclass={"build_py": WithNotebooks})
