"""Fixtures that several test files use: one browser for all of them."""
from browser import axe, chromium
