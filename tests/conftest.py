"""Fixtures that several test files use, one browser for all of them; room for two processes on one GPU; and one thread for
the products of each process, since there are more processes than cores: threads that wait for each other cost a third more."""
import os
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

from browser import axe, chromium  # noqa: F401
