"""The front page and README, formulas in a font of their own, glossary, bibliography, and the pages for maintainers."""
import contextlib, io, unicodedata
import numpy as np, pytest
from bs4 import BeautifulSoup
from browser import visit
from fontTools.ttLib import TTFont
from mnist_graph_tutorial import site
from mnist_graph_tutorial.site import bare_name, notebooks, project
from PIL import Image

STATIC = project() / "mnist_graph_tutorial/static"

@pytest.fixture(scope="session")
def soups():
    "The body of each page of the plain edition, parsed, by the name of its notebook."
    return {bare_name(path): BeautifulSoup(site.read_page(path).body, "html.parser") for path in notebooks()}

# Formulas

def signs_of(formula) -> set:
    "The characters that a browser draws for a formula in MathML; a name of one letter is drawn in italics."
    drawn = set("".join(formula.get_text().split()))
    for name in formula.find_all("mi", mathvariant=False):
        letter = name.get_text()
        if len(letter) != 1 or not letter.isalpha(): continue
        drawn |= {italic for italic in map(chr, [0x210e, *range(0x1d434, 0x1d468), *range(0x1d6e2, 0x1d71c)])
                  if unicodedata.normalize("NFKC", italic) == letter}
    return drawn

def test_the_font_has_all_that_the_formulas_need(soups):
    has = set(map(chr, TTFont(STATIC / "formulas.woff").getBestCmap()))
    formulas = [formula for soup in soups.values() for formula in soup.find_all("math")]
    assert len(formulas) > 50
    missing = {sign for formula in formulas for sign in signs_of(formula)} - has
    assert not missing, {sign: hex(ord(sign)) for sign in missing}
    assert {"\U0001d465", "\U0001d702"} <= set().union(*map(signs_of, formulas))  # italic x and eta

def test_the_font_is_small_renamed_and_has_the_measures_of_formulas_and_its_licence():
    font = TTFont(STATIC / "formulas.woff")
    assert (STATIC / "formulas.woff").stat().st_size < 60e3 and "MATH" in font
    assert {str(name) for name in font["name"].names if name.nameID in (1, 4, 6)} == {"Formulas"}
    licence = (STATIC / "formulas-licence.txt").read_text()
    assert "GUST Font License" in licence and "LaTeX Project Public" in licence and "Jackowski" in licence

def ink(tab, selector: str) -> np.ndarray:
    "Where an element has ink: rows and columns of its picture on paper."
    picture = Image.open(io.BytesIO(tab.locator(selector).screenshot(scale="css"))).convert("L")
    grey = np.asarray(picture, int)
    return abs(grey - np.bincount(grey.ravel()).argmax()) > 60

PAGES_OF_FORMULAS = {  # what the two editions put in the head of a page, with the policy that each sets
    "plain": lambda style: f'<meta http-equiv="Content-Security-Policy" content="{site.POLICY}">{style}',
    "published": lambda style: f'<meta http-equiv="Content-Security-Policy" content="{site.QUARTO_POLICY}">{style}'}

@pytest.mark.parametrize("edition", PAGES_OF_FORMULAS)
def test_a_root_has_its_bar(edition, chromium, tmp_path):
    head, place = PAGES_OF_FORMULAS[edition](site.formula_style()), tmp_path / "roots.html"
    root, bare = site.mathml(r"\sqrt{mmm}", "inline"), site.mathml("mmm", "inline")
    place.write_text(f'<!doctype html><head><meta charset="utf-8">{head}</head><body style="font-size:60px">'
                     f'<p><span id="root" style="padding:20px">{root}</span></p><p><span id="bare" style="padding:20px">{bare}</span></p>')
    with visit(chromium, place.as_uri()) as tab:
        tab.evaluate("document.fonts.ready")
        assert tab.evaluate("document.fonts.check('60px Formulas')") and tab.evaluate("[...document.fonts].length") == 1
        with_bar, without = ink(tab, "#root"), ink(tab, "#bare")
    width = np.ptp(np.flatnonzero(without.any(axis=0)))       # of the three letters
    assert with_bar.sum(axis=1).max() > .95 * width           # a row of ink as long as they are
    assert without.sum(axis=1).max() < .8 * width
    rows, bar = np.flatnonzero(with_bar.any(axis=1)), np.flatnonzero(with_bar.sum(axis=1) > .95 * width)
    assert bar[0] == rows[0] and bar[-1] < rows.mean()        # on top of all the rest

def test_pages_with_formulas_bring_the_font_and_others_do_not(tmp_path):
    style, page = site.formula_style(), "<!DOCTYPE html><html><head><title>T</title></head><body>{}</body></html>"
    for name, body in {"matrix_inverse": site.mathml("x", "inline"), "device": "<p>x</p>"}.items():
        (tmp_path / f"{name}.html").write_text(page.format(body))
    site.post_render(tmp_path)
    site.post_render(tmp_path)
    assert (tmp_path / "matrix_inverse.html").read_text().count(style) == 1
    assert style not in (tmp_path / "device.html").read_text()
    with contextlib.chdir(project()):
        said = dict(pages=[], settings=site.get_config(), formulas=style, links={})
        filled = {body: site.template().render(page=site.Page(None, "x.html", 1, "X", "", body, []), **said) for body in ("<math>", "x")}
    assert style in filled["<math>"] and style not in filled["x"]
