"""What the browser tests share: a Chromium that reaches nobody, pages that may not complain, and axe."""
import contextlib, io, shutil
from pathlib import Path
from urllib.parse import urlsplit
import pytest
from PIL import Image

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]

# A page as strict as the site's: everything is in it, and nothing may be asked for. Its colours have Bootstrap's names.
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<style>:root {{ --bs-body-color: #222; --bs-body-bg: #fff }}
@media (prefers-color-scheme: dark) {{ :root {{ --bs-body-color: #dee2e6; --bs-body-bg: #16181c }} }}
body {{ max-width: 46rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 sans-serif; color: var(--bs-body-color);
background: var(--bs-body-bg) }}</style></head><body><main><h1>Test page</h1>{body}</main></body></html>"""

@pytest.fixture(scope="session")
def chromium():
    "A running Chromium; skips where there is none."
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright's Python package is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path: pytest.skip("no Chromium on the PATH")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()

def is_local(url: str) -> bool:
    "Whether a request stays on this machine."
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost")

@contextlib.contextmanager
def visit(chromium, url: str, *, width=1200, height=900, dark=False, quiet=(), **context):
    """A page at `url`. On leaving, fails on requests to elsewhere, which are refused, and on errors in the console, apart
    from those that hold one of the strings in `quiet`. `context`: more settings of the browser's context."""
    troubles = []
    scheme = "dark" if dark else "light"
    with contextlib.closing(chromium.new_context(viewport=dict(width=width, height=height), color_scheme=scheme, **context)) as opened:
        def guard(route):
            if is_local(route.request.url): return route.continue_()
            troubles.append(f"request to {route.request.url}")
            route.abort()
        opened.route("**/*", guard)
        page = opened.new_page()
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda message: message.type == "error" and troubles.append(f"console: {message.text}"))
        page.goto(url)
        yield page
    assert not [trouble for trouble in troubles if not any(known in trouble for known in quiet)]

def page_file(directory: Path, *outputs: str) -> str:
    "The URL of a page that holds HTML outputs."
    path = Path(directory) / "page.html"
    path.write_text(PAGE.format(body="\n".join(outputs)), encoding="utf-8")
    return path.as_uri()

@pytest.fixture(scope="session")
def axe() -> str:
    "axe-core's source, from the Python package that carries it."
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

def axe_findings(page, axe: str, within: str="body") -> list[str]:
    "What axe finds wrong at WCAG 2.2 A and AA, and its own best practices of serious or critical weight: a line each."
    page.evaluate(axe)
    found = page.evaluate("async (within) => (await axe.run(within, {preload: false})).violations", within)
    tags = lambda finding: any(tag.startswith("wcag") for tag in finding["tags"])
    return [f"{finding['id']} ({finding['impact']}): {node['html'][:120]} {node['failureSummary']}" for finding in found
            if tags(finding) or finding["impact"] in ("serious", "critical") for node in finding["nodes"]]

def still_text(chromium, url: str, figure: str) -> str:
    "The alternative text of the picture that stands where a figure's scripts may not run; the figure says how to get more."
    with visit(chromium, url, java_script_enabled=False) as page:
        assert "allow JavaScript" in page.locator(figure).inner_text()
        return page.locator(f"{figure} img").get_attribute("alt")

def address(page) -> str:
    "The page's address with the last state of its figures, which they write when the reader leaves, if not before."
    return page.evaluate("() => { dispatchEvent(new Event('pagehide')); return location.href; }")

def picture(page, selector: str) -> tuple:
    "What an image shows: its source and its alternative text."
    return tuple(page.locator(selector).evaluate("image => [image.src, image.alt]"))

def spread(locator) -> int:
    "How far the grey levels of an element's picture reach, from its darkest to its lightest."
    low, high = Image.open(io.BytesIO(locator.screenshot())).convert("L").getextrema()
    return high - low
