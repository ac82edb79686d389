"""Fixtures that several test files use, one browser for all of them; and room for two processes on one GPU."""
import os
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

from browser import axe, chromium  # noqa: F401
