"""Every page of the plain edition, as a file and in the browser; and what is done to Quarto's pages."""
import contextlib, functools, gzip, http.server, json, os, re, shutil, stat, subprocess, sys, textwrap, threading, urllib.request
from pathlib import Path
from urllib.parse import unquote, urldefrag
import nbformat, pytest, yaml
from browser import axe_findings, spread, visit
from bs4 import BeautifulSoup
from mnist_graph_tutorial import plain_pages, site
from mnist_graph_tutorial.card import CARD
from mnist_graph_tutorial.manuscript import bare_name, notebooks, project
from mnist_graph_tutorial.plain_pages import render
from mnist_graph_tutorial.site import build_site, post_render, without_strangers
from nbdev.config import get_config
from PIL import Image

PAGES = [f"{bare_name(path)}.html" for path in notebooks()] + ["search.html"]
each_page = pytest.mark.parametrize("page", PAGES)
in_both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
WITH_WIDGETS = [f"{bare_name(path)}.html" for path in notebooks() if re.search("mgt-(explore|steps|widget)", path.read_text())]

@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    "The plain edition of the notebooks as they are."
    return render(tmp_path_factory.mktemp("site")).parent

@pytest.fixture(scope="session")
def soups(pages):
    "Each page, parsed."
    return {page: BeautifulSoup((pages / page).read_text(), "html.parser") for page in PAGES}

# Files

STYLES = "book.css", "formulas.css"  # beside the pages

def test_there_is_a_page_for_each_notebook_and_the_notebook_beside_it(pages):
    assert {path.name for path in pages.iterdir()} == {*PAGES, *STYLES, CARD, *(path.name for path in notebooks())}
    for path in notebooks():
        saved, copy = (json.loads((folder / path.name).read_text()) for folder in (path.parent, pages))
        assert ["".join(cell["source"]) for cell in copy["cells"]] == ["".join(cell["source"]) for cell in saved["cells"]]
        assert not any(cell.get("outputs") for cell in copy["cells"])  # they come when the reader runs it

@each_page
def test_links_lead_somewhere(page, soups, pages):
    for link in soups[page].find_all("a", href=True):
        url, name = urldefrag(link["href"])
        if re.match(r"https?:|mailto:", url): continue
        target = url or page
        assert (pages / target).is_file(), link["href"]
        if name and target in soups: assert soups[target].find(id=unquote(name)), link["href"]

@each_page
def test_names_are_given_once(page, soups):
    names = [node["id"] for node in soups[page].find_all(id=True)]
    assert sorted(names) == sorted(set(names))

@each_page
def test_every_figure_says_what_one_sees(page, soups):
    for image in soups[page].find_all("img"): assert len(image.get("alt", "").split()) >= 3, str(image)[:200]
    for drawing in soups[page].find_all("svg"):
        said = drawing.get("aria-label") or drawing.find("title") or drawing.get("aria-labelledby")
        assert said or drawing.get("aria-hidden") == "true" or drawing.find_parent(attrs={"aria-hidden": "true"}), str(drawing)[:200]

@each_page
def test_nobody_else_is_asked_for_anything(page, soups):
    soup = soups[page]
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "*" not in policy
    first = soup.head.find(["script", "style", "link", "meta"], attrs={"http-equiv": True})
    assert first["http-equiv"] == "Content-Security-Policy"
    for node in soup.find_all(src=True): assert node["src"].startswith("data:"), str(node)[:200]
    for node in soup.find_all("link"): assert node["href"].startswith("data:") or node["href"] in STYLES, str(node)[:200]
    for node in soup.find_all(["iframe", "object", "embed", "audio", "video", "source", "track"]): raise AssertionError(str(node)[:200])
    styles = " ".join([*(node.get_text() for node in soup.find_all("style")), *(node["style"] for node in soup.find_all(style=True))])
    assert "@import" not in styles and all(url.strip("\"'").startswith(("data:", "#")) for url in re.findall(r"url\(([^)]*)\)", styles))

@each_page
def test_each_page_says_what_it_is(page, soups):
    head = soups[page].head
    assert head.find("title").get_text() and head.find("meta", attrs={"name": "viewport"})
    assert soups[page].html["lang"] == "en" and len(soups[page].find_all("h1")) == 1 and len(soups[page].find_all("main")) == 1
    for name in ("title", "description", "type", "url", "site_name"): assert head.find("meta", property=f"og:{name}")["content"]
    assert head.find("meta", property="og:url")["content"].endswith(f"/{page}")
    assert_has_card(head)

def assert_has_card(head):
    address = head.find("meta", property="og:image")["content"]
    assert address.startswith("https://") and address.endswith(f"/{CARD}")
    assert len(head.find("meta", property="og:image:alt")["content"].split()) > 3 and head.find("meta", attrs={"name": "twitter:card"})

def test_the_card_has_the_size_it_is_said_to_have(pages):
    with Image.open(pages / CARD) as picture: assert picture.size == (1200, 630)

def test_pages_are_light(pages):
    weights = {page: len(gzip.compress((pages / page).read_bytes())) for page in PAGES}
    assert {page: weight for page, weight in weights.items() if weight > 1.2e6} == {}
    assert sum(path.stat().st_size for path in pages.iterdir()) < 14e6  # with the notebooks, pictures and all

@each_page
def test_no_markup_is_left_raw(page, soups):
    soup = BeautifulSoup(str(soups[page].find("main")), "html.parser")
    for node in soup(["script", "style", "pre", "code", "math", "svg"]): node.decompose()
    text = soup.get_text(" ")
    assert not re.search(r"\$[^$\n]{1,80}\$|\]\([^)]*\)|^#+ |:::|\{target=|\\begin\{|```", text, re.M), page

def test_order_of_the_book(soups):
    order = [page for page in PAGES if page != "search.html"]
    for before, page, after in zip([None, *order], order, [*order[1:], None]):
        for rel, other in (("prev", before), ("next", after)):
            link = soups[page].find("a", rel=rel)
            assert (link["href"] if link else None) == other
        listed = [link["href"] for link in soups[page].find("nav").find_all("a") if not link["href"].startswith("#")]
        assert list(dict.fromkeys(listed)) == order and soups[page].find("nav").find("a", attrs={"aria-current": "page"})["href"] == page

def test_exported_code_is_shown_or_hidden_as_its_directive_says_and_none_is_run(soups, tmp_path):
    def page_of(*cells):
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Tiny\n\n> A page"), *map(nbformat.v4.new_code_cell, cells)])
        nbformat.write(nb, tmp_path / "99_tiny.ipynb")
        return plain_pages.read_page(tmp_path / "99_tiny.ipynb").body
    shown = page_of("#| exports\ndef shown(a):\n    'Says shown.'\n    return a", "#| exports\nimport does_not_exist")
    assert 'id="shown"' in shown and "return" in shown and shown.count("Says shown.") == 1 and "mnist_graph_tutorial/tiny.py" in shown
    assert "Says hidden." not in page_of("#| export\ndef hidden(a):\n    'Says hidden.'\n    return a")
    assert "secret" not in page_of("#| hide\nsecret = 1")
    assert "secret" not in page_of("#| echo: false\nsecret = 1") and "secret" not in page_of("#| include: false\nsecret = 1")

def test_text_becomes_html():
    html = plain_pages.text_html("See $\\frac{a}{b}$ and\n\n$$\\sum_i x_i$$\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n<details><summary>S</summary>\n\n`x`\n\n</details>")
    assert "<mfrac>" in html and 'display="block"' in html and "<td>1</td>" in html and '<code class="short">x</code>' in html

def test_code_in_text_is_written_out():
    long, html = "x" * 25, plain_pages.text_html("| a |\n| --- |\n| `#\\| hide` |\n\n`a < b & \"c\"`, `" + "x" * 25 + "`")
    assert '<code class="short">#| hide</code>' in html and "a &lt; b &amp; &quot;c&quot;" in html and f"<code>{long}</code>" in html

def test_formulas_are_spaced_as_by_tex_and_keep_what_follows_them():
    text_html, thin = plain_pages.text_html, '<mspace width="0.167em" />'
    assert f"<mi>ln</mi>{thin}<mi>x</mi>" in text_html(r"$\ln x$") and f"<mn>2</mn>{thin}<mi>ln</mi>" in text_html(r"$2\ln x$")
    assert thin not in text_html(r"$-\ln(x) + \max(0, x) + ab$") and text_html("$|x|$").count('lspace="0" rspace="0">|<') == 2
    assert '</math>.</span> B' in text_html("A $x$. B") and "<span" not in text_html("A $x$ B")

def test_markdown_in_an_output_is_text():
    output = lambda kind: nbformat.v4.new_output("display_data", {kind: "Some *text*."})
    cell = nbformat.v4.new_code_cell("1", outputs=[output("text/markdown"), output("text/html")])
    assert re.findall('<div class="([^"]+)">', plain_pages._cell_html(cell)) == ["output text", "output"]

def test_outputs_of_one_line_may_be_broken():
    output = lambda **parts: plain_pages.output_html(nbformat.from_dict(parts))
    assert output(output_type="execute_result", data={"text/plain": "a < b"}) == '<pre class="line">a &lt; b</pre>'
    assert output(output_type="execute_result", data={"text/plain": "a\n  b"}) == "<pre>a\n  b</pre>"
    assert output(output_type="stream", name="stdout", text="a\n  b\n\n") == '<pre class="stdout line">a\n  b</pre>'
    assert output(output_type="stream", name="stdout", text="step  loss\n   0  1.25") == '<pre class="stdout">step  loss\n   0  1.25</pre>'

@pytest.mark.parametrize("formula", [r"\frac", r"x_", r"\left( a", r"\begin{matrix} a", r"\nosuchthing{x}"])
def test_a_formula_that_cannot_be_read_is_named(formula):
    with pytest.raises(ValueError, match=f"formula .{re.escape(formula)}.: "): plain_pages.text_html(f"Bad ${formula}$")

def test_the_index_cannot_end_its_script():
    page = plain_pages.Page(Path("x.ipynb"), "x.html", 1, "X", "", "", [(1, "", "X", "</script><script>alert(1)")])
    assert "</script" not in plain_pages.search_index([page]) and json.loads(plain_pages.search_index([page]))[0][4] == "</script><script>alert(1)"

# The published edition

QUARTO_PAGE = textwrap.dedent("""\
    <!DOCTYPE html>
    <html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>
    <meta charset="utf-8">
    <script src="site_libs/quarto-nav/quarto-nav.js"></script>
    <link href="./device.html" rel="next">
    <link href="https://fonts.googleapis.com/css2?family=Lato" rel="stylesheet">
    <link rel="preconnect" href="//fonts.gstatic.com" crossorigin>
    <link rel="canonical" href="https://example.org/page.html">
    <meta property="og:image" content="https://example.org/found-by-quarto.png">
    <meta name="twitter:image" content="https://example.org/found-by-quarto.png">
    <link href="site_libs/bootstrap/bootstrap.min.css" rel="stylesheet" id="quarto-bootstrap" data-mode="light">
    <style>@import url("https://fonts.googleapis.com/css?family=Lato"); body { margin: 0 }</style>
    <script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js" integrity="sha512-c3Nl" crossorigin="anonymous"></script>
    <script src="https://cdnjs.cloudflare.com/ajax/libs/jquery/3.5.1/jquery.min.js" integrity="sha512-bLT0" crossorigin="anonymous" data-relocate-top="true"></script>
    <script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>
    <script src="https://cdnjs.cloudflare.com/polyfill/v3/polyfill.min.js?features=es6"></script>
    </head><body>
    <header id="title-block-header" class="quarto-title-block default"><h1 class="title">Device</h1></header>
    <p><a href="https://www.tensorflow.org/">TensorFlow</a></p><script>const kept = "https://example.org";</script>
    </body></html>
    """)

def test_what_quarto_loads_from_elsewhere_is_taken_out(tmp_path):
    (tmp_path / "device.html").write_text(QUARTO_PAGE)
    (tmp_path / "site_libs").mkdir()
    (tmp_path / "site_libs/bootstrap.css").write_text('@import url("https://fonts.googleapis.com/css2?family=Lato:wght@400;700&display=swap");body{color:#111}')
    post_render(tmp_path)
    page = (tmp_path / "device.html").read_text()
    soup = BeautifulSoup(page, "html.parser")
    assert [node.get("src") for node in soup.find_all("script")] == ["site_libs/quarto-nav/quarto-nav.js", None]
    assert [node["href"] for node in soup.find_all("link", rel=lambda rel: rel != "icon")] == ["./device.html", "https://example.org/page.html", "site_libs/bootstrap/bootstrap.min.css"]
    assert "googleapis" not in page and "body { margin: 0 }" in page and 'const kept = "https://example.org"' in page
    assert soup.find("a", href="https://www.tensorflow.org/")
    policy = soup.head.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy == soup.head.find() and "http" not in policy["content"]
    assert "found-by-quarto" not in page and (tmp_path / CARD).is_file()
    assert_has_card(soup.head)
    assert [link["href"] for link in soup.select(".notebook-links a[download]")] == ["10_device.ipynb"]
    assert (tmp_path / "10_device.ipynb").is_file() and len(soup.select(".notebook-links a")) == 1  # a room is not run in Colab
    assert (tmp_path / "site_libs/bootstrap.css").read_text() == "body{color:#111}"
    post_render(tmp_path)
    assert (tmp_path / "device.html").read_text() == page, "a second time changes nothing"

def test_a_page_without_strangers_stays_as_it_is():
    page = '<head><link rel="icon" href="data:,"><script>f("https://a.b/c.js")</script></head><img src="https://a.b/c.png" alt="">'
    assert without_strangers(page) == page

def test_quarto_renders_every_notebook():
    settings = yaml.safe_load((project() / "_quarto.yml").read_text())
    contents = settings["website"]["sidebar"]["contents"]
    listed = [item for entry in contents for item in ([entry] if isinstance(entry, str) else entry["contents"])]
    assert listed == [path.name for path in notebooks()]
    assert settings["project"]["render"] == ["*.ipynb"] and settings["metadata-files"] == ["nbdev.yml"]
    assert settings["format"]["html"]["html-math-method"] == "mathml"
    assert (project() / "nbs/_quarto.yml").resolve() == project() / "_quarto.yml" and (project() / "nbs/_quarto.yml").is_symlink()

def test_the_published_edition_with_a_stand_in_for_quarto(tmp_path):
    "nbdev prepares all notebooks; a script named quarto writes pages like Quarto's and calls the step after rendering."
    copy = tmp_path / "project"
    shutil.copytree(project(), copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv*", "_book", "_site", "_docs", "_proc", "__pycache__"))
    readme = (copy / "README.md").read_text()
    fake = tmp_path / "bin/quarto"
    fake.parent.mkdir()
    fake.write_text(textwrap.dedent(f"""\
        #!{sys.executable}
        import os, pathlib, shlex, subprocess, yaml
        names = [yaml.safe_load(open(name)) for name in ("_quarto.yml", "nbdev.yml")]
        out = pathlib.Path(names[1]["project"]["output-dir"]); out.mkdir()
        for path in pathlib.Path(".").glob("*.ipynb"):
            page = path.name.lstrip("0123456789_").replace(".ipynb", ".html")
            (out / page).write_text({QUARTO_PAGE!r})
        subprocess.run(shlex.split(names[0]["project"]["post-render"]), check=True, env=os.environ | {{"QUARTO_PROJECT_OUTPUT_DIR": str(out)}})
        """))
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    python = Path(sys.executable).parent
    env = os.environ | dict(PATH=f"{fake.parent}{os.pathsep}{python}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(copy))
    code = "import sys; from mnist_graph_tutorial.cli import main\nif __name__ == '__main__': sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "site", "--out", str(tmp_path / "out")], cwd=copy, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "out/index.html")
    for page in PAGES[:-1]: assert "cdnjs" not in (tmp_path / "out" / page).read_text() and "Content-Security-Policy" in (tmp_path / "out" / page).read_text()
    prepared = (copy / "_proc/10_device.ipynb").read_text()
    assert "nbdev_export" not in prepared and "output-file: device.html" in prepared
    assert (copy / "README.md").read_text() == readme

# In the browser

@pytest.fixture
def opened(chromium, pages):
    "Opens a page from the file system; it may not complain, nor ask anybody for anything."
    with contextlib.ExitStack() as stack:
        yield lambda page, **settings: stack.enter_context(visit(chromium, (pages / page).as_uri(), **settings))

@each_page
@in_both_themes
def test_page_is_silent_and_accessible(page, dark, opened, axe): assert axe_findings(opened(page, dark=dark), axe) == []

@each_page
def test_page_fits_a_phone(page, opened):
    tab = opened(page, width=390, height=844, is_mobile=True, has_touch=True)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    wide = """[...document.querySelectorAll('main img, main svg, main canvas, main figure, main form, main p, main li')]
        .filter(node => node.getBoundingClientRect().right > 391 && !node.closest('pre, .wide, .output, .formula'))
        .map(node => node.outerHTML.slice(0, 120))"""
    assert tab.evaluate(wide) == []

def use_players(tab):
    "Every control of every player changes the picture by keyboard, and changes it back by mouse."
    for figure in tab.locator(".mgt-explore").all():
        shown = lambda: figure.locator("img").evaluate("image => [image.src, image.alt]")
        for slider in figure.get_by_role("slider").all():
            before, at = shown(), int(slider.input_value())
            slider.press("ArrowLeft" if at else "ArrowRight")
            assert shown() != before
            row = figure.locator(".mgt-row").filter(has=tab.get_by_role("slider", name=slider.evaluate("s => s.labels[0].querySelector('.mgt-name').textContent")))
            row.get_by_role("button", name="Next" if at else "Previous").click()
            assert shown() == before
        for menu in figure.get_by_role("combobox").all():
            before, at = shown(), menu.evaluate("menu => menu.selectedIndex")
            menu.press("ArrowDown" if at == 0 else "ArrowUp")
            assert shown() != before
            menu.select_option(index=at)
            assert shown() == before

def use_steppers(tab):
    "Every graph with steps hides its values at the start, and gives them back by keyboard and mouse."
    for figure in tab.locator(".mgt-steps").all():
        slider, hidden = figure.get_by_role("slider"), figure.locator(".mgt-later")
        last = int(slider.get_attribute("max"))
        assert hidden.count() == 0 and slider.input_value() == str(last)
        slider.press("Home")
        at_first = hidden.count()
        assert at_first > last and figure.locator("output").inner_text() == f"0 of {last}"
        figure.get_by_role("button", name="Next step").click()
        assert hidden.count() < at_first and figure.locator("output").inner_text() == f"1 of {last}"
        slider.press("End")
        assert hidden.count() == 0

def use_pads(tab):
    "A pad reads a test image taken by keyboard, and a stroke made by mouse."
    for pad in tab.locator(".mgt-pad").all():
        pad.get_by_role("button", name="Test image of a 3").press("Enter")
        pad.get_by_text("test image 1 of 4 of a 3").wait_for()
        pad.get_by_role("button", name="Clear").click()
        pad.locator(".mgt-draw canvas").drag_to(pad.locator(".mgt-draw canvas"), source_position=dict(x=80, y=30), target_position=dict(x=80, y=150))
        pad.get_by_text("is what the network reads").wait_for()

def use_widgets(tab):
    assert tab.locator(".mgt-widget:not([data-ready]), .mgt-widget > .mgt-still").count() == 0
    for use in (use_players, use_steppers, use_pads): use(tab)

# Screens of 900 pixels, at 1,280 wide, within which the first result of a chapter begins.
SCREENS = {"graph_basics": 2, "matrix_inverse": 2, "mnist_net": 2, "fingerprints": 1, "ideal_images": 2, "draw_a_digit": 1,
           "scaling_out": 3}

@pytest.mark.parametrize("chapter", SCREENS)
def test_result_of_a_chapter_is_seen_at_once(chapter, chromium, pages):
    with visit(chromium, (pages / f"{chapter}.html").as_uri(), width=1280) as page:
        first = page.locator("article .output").locator("img, svg, canvas").locator("visible=true").first
        assert first.bounding_box()["y"] < 900 * SCREENS[chapter]

def test_quartos_chapters_can_be_downloaded_and_run(tmp_path):
    (tmp_path / "graph_basics.html").write_text(QUARTO_PAGE)
    post_render(tmp_path)
    soup = BeautifulSoup((tmp_path / "graph_basics.html").read_text(), "html.parser")
    download, colab = soup.select(".notebook-links a")
    assert download["href"] == "01_graph_basics.ipynb" and colab["href"].startswith("https://colab.research.google.com/github/")

def test_why_a_graph_is_told_within_four_screens(chromium, pages):
    with visit(chromium, (pages / "graph_basics.html").as_uri(), width=1280) as page:
        assert page.locator("#why-a-graph").bounding_box()["y"] < 4 * 900

def test_there_is_a_widget_in_every_chapter_that_promises_one():
    promised = "graph_basics", "matrix_inverse", "mnist_net", "fingerprints", "ideal_images", "draw_a_digit"
    assert {f"{name}.html" for name in promised} <= set(WITH_WIDGETS)

@pytest.mark.parametrize("page", WITH_WIDGETS)
def test_widgets_of_the_page_answer(page, opened): use_widgets(opened(page))

def test_the_keyboard_gets_everywhere(opened):
    tab = opened(PAGES[0])
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip" and tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Enter")
    tab.wait_for_function("document.activeElement.id === 'site-text'")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.name") == "q"

def test_code_that_scrolls_can_be_reached(opened):
    tab = opened("book.html", width=390, height=844)
    for box in tab.locator("pre.code").all()[:20]:
        assert box.evaluate("box => box.scrollWidth > box.clientWidth === (box.tabIndex === 0)")

def test_contents_open_and_close_on_a_phone(opened):
    tab = opened("book.html", width=390, height=844)
    assert not tab.locator("#site-nav").is_visible()
    tab.get_by_role("button", name="Contents").press("Enter")
    assert tab.locator("#site-nav").is_visible()
    tab.keyboard.press("Escape")
    tab.locator("#site-nav").wait_for(state="hidden")
    tab.get_by_role("button", name="Contents").click()
    tab.locator("#site-nav a[href^='#']").last.click()
    tab.wait_for_url("**/book.html#*")
    assert not tab.locator("#site-nav").is_visible()
    tab.get_by_role("button", name="Contents").click()
    tab.locator("#site-nav a[href='device.html']").click()
    tab.wait_for_url("**/device.html")

PAPER = "getComputedStyle(document.body).backgroundColor"

def wait_for_paper(tab, colour):
    "What one page stores reaches another by way of a third process: now, or a little later."
    tab.wait_for_function(f"colour => {PAPER} === colour", arg=colour)

@in_both_themes
def test_the_theme_can_be_changed_and_stays(dark, opened):
    tab = opened("device.html", dark=dark)
    before = tab.evaluate(PAPER)
    tab.locator("#site-theme").press("Enter")
    after = tab.evaluate(PAPER)
    assert after != before
    tab.goto(tab.url.replace("device.html", "book.html"))
    wait_for_paper(tab, after)
    tab.locator("#site-theme").press("Enter")
    assert tab.evaluate(PAPER) == before
    tab.go_back()
    wait_for_paper(tab, before)

def test_the_theme_chosen_in_one_tab_is_taken_over_by_the_others(opened):
    tab = opened("device.html")
    other = tab.context.new_page()
    other.goto(tab.url)
    tab.locator("#site-theme").press("Enter")
    wait_for_paper(other, tab.evaluate(PAPER))
    assert other.locator("#site-theme").inner_text() == tab.locator("#site-theme").inner_text() == "Light pages"

def test_searching(opened):
    tab = opened("device.html")
    tab.locator("#site-nav input").fill("use_device")
    tab.locator("#site-nav input").press("Enter")
    tab.wait_for_url("**/search.html?q=use_device")
    first = tab.locator("#site-results a").first
    assert first.inner_text() == "Device: Choosing a device" and "section" in tab.locator("#site-count").inner_text()
    tab.locator("main input").fill("no such words <b>anywhere</b>")
    assert tab.locator("#site-results a").count() == 0 and tab.locator("#site-count").inner_text() == "0 sections"
    tab.locator("main input").fill("choosing device")
    assert tab.locator("#site-results mark").count() > 0
    tab.locator("#site-results a", has_text="Choosing a device").first.click()
    tab.wait_for_url("**/device.html#choosing-a-device")
    tab.go_back()
    tab.wait_for_function("document.querySelector('main input')?.value === 'choosing device'")
    tab.locator("#site-results mark").first.wait_for()
    tab.locator("main input").fill("the")
    assert "the best 40 of them" in tab.locator("#site-count").inner_text()

def test_every_name_in_the_reference_leads_to_the_page_of_its_module(pages):
    soup = BeautifulSoup((pages / "reference.html").read_text(), "html.parser")
    rooms = soup.find(id="all-names-by-room").find_all_next("h3")
    targets = [(heading.get_text(), link["href"]) for heading in rooms for link in heading.find_next("table").select("td:first-child a")]
    assert len(targets) > 300
    for module, href in targets:
        page, name = href.split("#")
        assert page == f"{module}.html" and f'id="{name}"' in (pages / page).read_text(), href

@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_of_a_drawing_stays_in_sight_while_its_page_scrolls(width, pages, chromium):
    with visit(chromium, (pages / "graph_view.html").as_uri(), width=width, height=500) as tab:
        bar = tab.locator(".mgt-looks:has(input)").first
        figure = bar.locator("xpath=ancestor::figure").first
        assert figure.bounding_box()["height"] > 700
        figure.evaluate("figure => scrollTo(0, figure.getBoundingClientRect().top + scrollY + 200)")
        place, header = bar.bounding_box(), tab.locator("header.bar")
        top = header.bounding_box()["height"] if header.is_visible() else 0
        assert place["y"] == pytest.approx(top, abs=4), place

def test_colours_of_the_pages_are_not_taken_for_measures_of_figures():
    "What a figure reads if it is given, and else does without, must not be the name of something else on the pages."
    static = project() / "mnist_graph_tutorial/static"
    ours = set(re.findall(r"(--[\w-]+):", (static / "book.css").read_text()))
    figures = "".join(sheet.read_text() for sheet in static.glob("*.css") if sheet.name != "book.css")
    given = set(re.findall(r"var\((--[\w-]+),", figures))
    assert {name for name in ours & given if not name.startswith("--bs-")} == {"--bar"}  # the bar over the page, meant for drawings

@pytest.mark.parametrize("page, rows", [("digit_pad", ".mgt-pad .mgt-line"), ("page_fingerprint", ".mgt-panels li")])
def test_rows_of_a_figure_are_one_line_high_on_the_plain_pages(page, rows, chromium, pages):
    with visit(chromium, (pages / f"{page}.html").as_uri(), width=1280) as tab:
        heights = tab.evaluate("(rows) => [...document.querySelectorAll(rows)].map((row) => row.offsetHeight)", rows)
    assert len(heights) >= 10 and max(heights) < 48

def test_code_is_copied_as_it_stands(chromium, pages):
    "By mouse and by keyboard; the button says so, and offers it again once it is left."
    with visit(chromium, (pages / "graph_basics.html").as_uri(), permissions=["clipboard-read", "clipboard-write"]) as tab:
        boxes, paste = tab.locator("article > .copied-from"), lambda: tab.evaluate("navigator.clipboard.readText()")
        assert tab.locator(".copied-from").count() == tab.locator("pre.code").count() > boxes.count() > 20
        first, second = (boxes.nth(k).get_by_role("button") for k in range(2))
        assert first.evaluate("(button) => getComputedStyle(button).opacity") == "0"
        boxes.first.hover()
        first.click()
        boxes.first.get_by_text("Copied").wait_for()
        assert paste() == boxes.first.locator("code").inner_text() and "import numpy as np" in paste()
        second.press("Enter")
        boxes.nth(1).get_by_text("Copied").wait_for()
        assert paste() == boxes.nth(1).locator("code").inner_text() and first.inner_text() == "Copy"

def test_the_policy_stops_a_page_from_asking(chromium, pages):
    with visit(chromium, (pages / "device.html").as_uri(), quiet=["Content Security Policy"]) as tab:
        with tab.expect_console_message(lambda message: "Content Security Policy" in message.text):
            tab.evaluate("document.body.append(Object.assign(new Image, {src: 'https://example.org/x.png'}))")

def test_a_renderer_that_is_none_is_refused_in_one_line():
    with pytest.raises(ValueError, match="^renderer 'pdf' is not one of auto, quarto, plain$"): build_site("pdf")

def test_quartos_pages_are_opened_from_loopback(tmp_path, monkeypatch, capsys):
    "A browser refuses their scripts from files; Ctrl-C ends the server."
    (tmp_path / "index.html").write_text("front")
    fetched, readers = [], []
    def read(address): fetched.append((address, urllib.request.urlopen(address).read()))
    def open_page(address):
        readers.append(threading.Thread(target=read, args=[address]))
        readers[0].start()
    def serve_once(server):
        server.handle_request()
        readers[0].join()
        raise KeyboardInterrupt
    monkeypatch.setattr(site, "_check_quarto", lambda: None)
    monkeypatch.setattr(site, "_render_with_quarto", lambda out: tmp_path / "index.html")
    monkeypatch.setattr(site.webbrowser, "open", open_page)
    monkeypatch.setattr(site.ThreadingHTTPServer, "serve_forever", serve_once)
    assert build_site("quarto", show=True) == tmp_path / "index.html"
    (address, page), = fetched
    assert address.startswith("http://127.0.0.1:") and page == b"front" and f"serving {address}; Ctrl-C" in capsys.readouterr().out

# The published edition in the browser

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    "Quarto's edition: its directory, and what was said while it was made."
    if not shutil.which("quarto"): pytest.skip("quarto is not on the PATH")
    out = tmp_path_factory.mktemp("published") / "site"
    command = [Path(sys.executable).parent / "mnist-graph-tutorial", "site", "--renderer", "quarto", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stdout + done.stderr

@pytest.fixture(scope="session")
def published(rendered):
    "Quarto's edition, served on loopback: its URL."
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=rendered[0])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

def test_nobody_warns_while_the_published_edition_is_made(rendered):
    assert re.findall("WARN.*|.*UserWarning.*", rendered[1]) == []

@pytest.mark.parametrize("page", PAGES[:-1])
@in_both_themes
def test_published_page_is_silent_and_its_widgets_answer(page, dark, published, chromium, axe):
    with visit(chromium, f"{published}/{page}", dark=dark) as tab:
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == dark
        use_widgets(tab)
        serious = [finding for finding in axe_findings(tab, axe) if "(serious)" in finding or "(critical)" in finding]
        assert serious == []

BROKEN_WORDS = r"""() => [...document.querySelectorAll("main :is(th, td)")].flatMap(cell => {
  const broken = [], texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.parentElement.checkVisibility() || text.parentElement.closest("a, code, math")) continue;
    for (const {index, 0: word} of text.data.matchAll(/\w+/g)) {
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word);
    }
  }
  return broken;
})"""

@pytest.mark.parametrize("page", PAGES[:-1])
def test_published_page_shows_all_its_code_and_fits_a_phone(page, published, chromium):
    with visit(chromium, f"{published}/{page}", width=1280) as tab:
        cut = tab.evaluate("""[...document.querySelectorAll("div.sourceCode:not(details div)")]
            .filter(box => box.scrollWidth > box.clientWidth + 1 && !box.innerText.split("\\n").some(line => line.length > 100))
            .map(box => box.innerText.slice(0, 200))""")
        assert cut == []
        broken = tab.evaluate("""[...document.querySelectorAll("main td :is(a, code)")]
            .filter(name => name.checkVisibility() && !/\\s/.test(name.innerText) && name.getClientRects().length > 1)
            .map(name => name.innerText)""")
        assert broken == [], "broken in mid-word"
        crowded = tab.evaluate("""[...document.querySelectorAll("main .cell:has(figcaption)")].filter(cell => {
            const below = cell.nextElementSibling, captions = [...cell.querySelectorAll("figcaption")];
            const foot = Math.max(...captions.map(caption => caption.getBoundingClientRect().bottom));
            return below && below.getBoundingClientRect().top - foot < 10;
        }).map(cell => cell.innerText.slice(0, 200))""")
        assert crowded == [], "a caption runs into what follows"
        small = tab.evaluate("""[...document.querySelectorAll("main pre code")]
            .filter(code => parseFloat(getComputedStyle(code).fontSize) < 13).length""")
        assert small == 0
    with visit(chromium, f"{published}/{page}", width=360, height=800, is_mobile=True) as tab:
        tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        assert tab.evaluate(BROKEN_WORDS) == []

def test_published_page_tells_its_sections_on_a_phone_too(published, chromium):
    with visit(chromium, f"{published}/device.html", width=390, height=844, is_mobile=True) as tab:
        fold = tab.locator(".on-this-page")
        fold.get_by_text("On this page").click()
        assert fold.get_by_role("link").all_inner_texts() == tab.locator("#TOC > ul a").all_text_contents() != []
        fold.get_by_role("link", name="Choosing a device").click()
        tab.wait_for_url("**/device.html#choosing-a-device")
    with visit(chromium, f"{published}/device.html") as tab:
        assert tab.locator("#TOC").is_visible() and not tab.locator(".on-this-page").is_visible()

@in_both_themes
def test_published_search_finds_what_the_glossary_knows(dark, published, chromium):
    with visit(chromium, f"{published}/device.html", dark=dark) as tab:
        field = tab.locator("#quarto-search input")
        field.press_sequentially("retracing")
        tab.locator(".aa-Panel a[href*='glossary.html']").first.wait_for()
        ground = field.evaluate("field => getComputedStyle(field.closest('form')).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", ground)[:3])) < 100) == dark

def test_published_page_prints_with_its_figures_and_solutions_and_without_controls(published, chromium):
    with visit(chromium, f"{published}/draw_a_digit.html") as tab:
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        tab.emulate_media(media="print")
        assert tab.locator("main details:not([open])").count() == 0
        assert tab.locator(":is(main, nav) :is(button, select):visible, main input[type=range]:visible").count() == 0
        assert tab.locator("main img.mgt-figure:visible").count() and tab.locator("nav:visible").count() == 0

@in_both_themes
def test_published_figures_show_in_contrast_themes(dark, published, chromium):
    with visit(chromium, f"{published}/index.html", dark=dark, forced_colors="active") as tab:
        figures = tab.locator("main img.mgt-figure:visible, main .cell svg:visible")
        assert figures.count() > 2
        for figure in figures.all(): assert spread(figure) > 100

def test_published_pages_lead_to_each_other_wherever_they_lie(published):
    home = f"{get_config().doc_host}{get_config().doc_baseurl}"
    for page in PAGES[:-1]:
        text = urllib.request.urlopen(f"{published}/{page}").read().decode()
        assert f'href="{home}' not in text and 'rel="icon"' in text

def test_nbdevs_own_commands_leave_the_tree_as_it_is(tmp_path):
    "What a user of nbdev types, with Quarto where it is."
    if not shutil.which("quarto"): pytest.skip("quarto is not on the PATH")
    copy = tmp_path / "project"
    left_out = shutil.ignore_patterns(".git", ".venv*", "_book", "_site", "_docs", "_proc", "__pycache__", ".pytest_cache")
    shutil.copytree(project(), copy, symlinks=True, ignore=left_out)
    files = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    for command in ("nbdev_export", "nbdev_clean", "nbdev_readme", "nbdev_docs"):
        subprocess.run([Path(sys.executable).parent / command], cwd=copy, check=True, env=os.environ | {"PYTHONPATH": str(copy)})
    assert [path for path, content in files.items() if path.read_bytes() != content] == []
