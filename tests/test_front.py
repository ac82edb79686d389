"""The front page and README, formulas in a font of their own, glossary, bibliography, and the pages for maintainers."""
import ast, configparser, contextlib, gzip, importlib, inspect, io, re, tomllib, unicodedata
from urllib.parse import unquote
import mnist_graph_tutorial, nbformat, numpy as np, pytest, yaml
from bs4 import BeautifulSoup
from browser import visit
from fontTools.ttLib import TTFont
from nbdev.config import get_config
from mnist_graph_tutorial import manuscript, plain_pages, site
from mnist_graph_tutorial.glossary import PAGE, Term, glossary, links_to, not_meant
from mnist_graph_tutorial.readme import badges, readme, readme_picture
from mnist_graph_tutorial.manuscript import bare_name, notebooks, project
from PIL import Image

STATIC = project() / "mnist_graph_tutorial/static"

@pytest.fixture(scope="session")
def soups():
    "The body of each page of the plain edition, parsed, by the name of its notebook."
    return {bare_name(path): BeautifulSoup(plain_pages.read_page(path).body, "html.parser") for path in notebooks()}

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
    "plain": lambda style: f'<meta http-equiv="Content-Security-Policy" content="{plain_pages.POLICY}">{style}',
    "published": lambda style: f'<meta http-equiv="Content-Security-Policy" content="{site.QUARTO_POLICY}">{style}'}

@pytest.mark.parametrize("edition", PAGES_OF_FORMULAS)
def test_a_root_has_its_bar(edition, chromium, tmp_path):
    head, place = PAGES_OF_FORMULAS[edition](plain_pages.FORMULAS), tmp_path / "roots.html"
    plain_pages.write_formulas(tmp_path)
    root, bare = plain_pages.mathml(r"\sqrt{mmm}", "inline"), plain_pages.mathml("mmm", "inline")
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
    style, page = plain_pages.FORMULAS, "<!DOCTYPE html><html><head><title>T</title></head><body>{}</body></html>"
    for name, body in {"matrix_inverse": plain_pages.mathml("x", "inline") + ".", "device": "<p>x</p>"}.items():
        (tmp_path / f"{name}.html").write_text(page.format(body))
    site.post_render(tmp_path)
    site.post_render(tmp_path)
    formula = (tmp_path / "matrix_inverse.html").read_text()
    assert formula.count(style) == formula.count('<span class="whole">') == formula.count("</math>.</span>") == 1
    assert style not in (tmp_path / "device.html").read_text()
    assert "Formulas" in (tmp_path / "formulas.css").read_text()
    with contextlib.chdir(project()):
        said = dict(pages=[], settings=get_config(), formulas=style, links={})
        filled = {body: plain_pages.template().render(page=plain_pages.Page(None, "x.html", 1, "X", "", body, []), **said) for body in ("<math>", "x")}
    assert style in filled["<math>"] and style not in filled["x"]

# The front page and README

FRONT = nbformat.read(notebooks()[0], 4)

def test_the_front_page_opens_with_the_pad_and_has_five_pictures(soups):
    soup = soups["index"]
    assert len(soup.select(".mgt-pad")) == 1 and len(soup.select(".mgt-steps")) == 1
    pictures = [picture for picture in soup.select("figure img.mgt-figure") if not picture.find_parent(class_="mgt-pad")]
    assert len(pictures) == 4  # with the graph that can be stepped through: five
    assert all(picture.find_parent("figure").find("figcaption").get_text(strip=True) for picture in pictures)
    order = [" ".join(node.get("class", [""])) for node in soup.select(".mgt-pad, h2, .mgt-steps, figure")]
    assert "mgt-pad" in order[0]
    links = {link["href"] for link in soup.find_all("a")}
    assert {f"{bare_name(path)}.html" for path in notebooks() if path.name[:2] < "08" and path.stem != "index"} <= links
    assert ["import" in code.get_text() for code in soup.select("pre.code")].count(True) == 1  # what is drawn here hides its code

def test_the_front_page_is_light(soups):
    page = plain_pages.read_page(notebooks()[0])
    assert len(gzip.compress(page.body.encode())) < 1.5e6

def test_credit_is_given():
    for text in (readme(), (project() / "nbs/52_bibliography.ipynb").read_text(), (project() / "CITATION.cff").read_text()):
        assert "https://dorianbrown.dev/mnist-tensorflow/" in text and "Brown" in text and "2018" in text

def test_the_step_that_is_drawn_does_not_go_past_its_answer():
    cell = next(cell for cell in FRONT.cells if "def step(" in cell.source)
    drawn = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
    assert ">2.9<" in drawn and ">3.8<" not in drawn

def test_readme_says_the_commands_early_and_the_rest_later():
    text = readme()
    at = [text.index(part) for part in ("# MNIST graph tutorial", "[![Tests]", "Dorian Brown", "](README.png)",
                                        "mnist-graph-tutorial run\n", "&& pytest\n", "## The chapters", "## Import it",
                                        "MNIST_GRAPH_DATA", "MNIST_GRAPH_DEVICE", "in Chromium")]
    assert at == sorted(at)

def test_the_picture_of_readme_is_the_one_that_was_computed():
    alt, png = readme_picture()
    assert (project() / "README.png").read_bytes() == png and len(png) < 90e3 and len(alt.split()) > 10
    with Image.open(io.BytesIO(png)) as picture: assert picture.width > 600

def test_badges_lead_to_what_is_there_and_stand_in_readme_alone(soups):
    settings = configparser.ConfigParser()
    settings.read(project() / "settings.ini")
    settings = settings["DEFAULT"]
    found = dict(re.findall(r"\[!\[([^\]]+)\]\([^)]+\)\]\(([^)]+)\)", badges()))
    assert found["Tests"] == f"{settings['git_url']}/actions/workflows/test.yml"
    assert (project() / ".github/workflows/test.yml").is_file() and (project() / found["Licence: Apache 2.0"]).is_file()
    assert found["Open in Colab"].endswith("/nbs/01_graph_basics.ipynb")
    assert found[f"Python {settings['min_python']} or later"] == "pyproject.toml" and badges() in readme()
    assert "badge" not in str(soups["index"]) and "shields.io" not in str(soups["index"])

def test_links_of_readme_lead_to_files():
    for target in re.findall(r"\]\(([^)#\s]+)\)", readme()):
        assert target.startswith("https://") or (project() / target).is_file(), target

# Whole pages

@pytest.mark.parametrize("path", notebooks(), ids=bare_name)
def test_a_page_loses_no_line_of_code(path, soups):
    shown = {line.rstrip() for code in soups[bare_name(path)].select("pre.code") for line in code.get_text().splitlines()}
    for cell in nbformat.read(path, 4).cells:
        hidden = re.search(r"^#\|\s*(hide|export|default_exp|echo: false|include: false)\s", cell.source + "\n", re.M)
        if cell.cell_type != "code" or hidden: continue
        code = [line.rstrip() for line in cell.source.splitlines() if not line.startswith("#|")]
        assert not [line for line in code if line and line not in shown]

def test_titles_hold_no_markup(soups):
    pages = [plain_pages.read_page(path) for path in notebooks()]
    assert not [page.file for page in pages if re.search("[`*$]", page.title + page.subtitle)]

def test_only_chapters_which_install_the_package_lead_to_colab():
    for path in notebooks():
        installs = r'find_spec(\"mnist_graph_tutorial\")' in path.read_text()
        with contextlib.chdir(project()): assert ("Run it in Colab" in manuscript.notebook_links(path)) == installs

def test_front_page_and_readme_name_the_pad_as_both_may():
    "The page begins with it; README has none."
    assert "at the top" not in readme()
    assert "**6. [Draw a digit](nbs/06_draw_a_digit.ipynb).** The pad of the front page, from the inside" in readme()

# Glossary

def eligible(soup):
    "The text of a page in which terms may be linked, piece by piece, and whether the piece is a link to the glossary."
    stop = ["a", "code", "pre", "h1", "h2", "h3", "h4", "math", "script", "style", "svg", "summary", "b", "button", "label"]
    for piece in soup.find_all(string=True):
        if piece.find_parent(class_="output") or piece.find_parent(class_="file"): continue
        link = piece.find_parent("a", href=re.compile(r"^glossary\.html#"), title=True)
        if link: yield piece, link["href"].partition("#")[2]
        elif not piece.find_parent(stop): yield piece, None

def passed_over(path):
    "Names of the terms that a notebook means in another sense."
    return not_meant(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")

def test_words_in_another_sense_are_terms_and_are_not_linked(soups):
    names = {bare_name(path): passed_over(path) for path in notebooks() if path.name != PAGE}
    assert names["explore"] == {"session", "weights"}
    assert set().union(*names.values()) <= {term.name for term in glossary()}
    assert not soups["explore"].select('a[href="glossary.html#session"], a[href="glossary.html#weights"]')

@pytest.mark.parametrize("path", notebooks(), ids=bare_name)
def test_each_term_is_linked_from_its_first_use_and_only_there(path, soups):
    if path.name == PAGE: return
    forms = {" ".join(form.lower().split()): term for term in glossary() for form in term.forms}
    ending = lambda form: re.escape(form).replace(r"\ ", r"\s+")
    words = "|".join(sorted([*map(ending, forms), "environment variables?", "jupyter session", "unit tests?"], key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./-])({words})(?:e?s)?(?![\w-])", re.I)
    seen = {manuscript.anchor(name) for name in passed_over(path)}
    for piece, linked in eligible(soups[bare_name(path)]):
        if linked:
            assert linked not in seen, f"{linked} is linked twice"
            seen.add(linked)
            continue
        for found in pattern.finditer(piece):
            term = forms.get(" ".join(found[1].lower().split()))
            assert term is None or manuscript.anchor(term.name) in seen, f"{term.name} is not linked in: {piece[:100]}"

def test_links_to_the_glossary_have_a_target_and_say_what_is_meant(soups):
    names = {node["id"] for node in soups["glossary"].find_all("h3")}
    links = [link for soup in soups.values() for link in soup.select('a[href^="glossary.html#"][title]')]
    assert len(links) > 150
    for link in links: assert link["href"].partition("#")[2] in names and len(link["title"].split()) > 3, str(link)

def test_the_glossary_leads_from_entry_to_entry_and_to_chapters(soups):
    soup = soups["glossary"]
    names = [heading.get_text() for heading in soup.find_all("h3")]
    key = lambda name: re.sub("[^a-z0-9]", "", name.lower())
    assert names == sorted(names, key=key) and len(names) == len(set(names)) == len(glossary()) >= 70
    for heading in soup.find_all("h3"):
        texts = []
        for node in heading.find_next_siblings():
            if node.name in ("h2", "h3"): break
            texts.append(node)
        assert any(link["href"].endswith(".html") for text in texts for link in text.find_all("a")), heading.get_text()
        assert not any(link["href"] == f"#{heading['id']}" for text in texts for link in text.find_all("a"))
    assert len(soup.select('a[href^="#"]')) > 60

WANTED = """tensor, variable, operation, graph, tracing, retracing, concrete function, eager, session, placeholder, feed, fetch, gradient,
    tape, loss, logits, softmax, one-hot, cross-entropy, epoch, batch, learning rate, gradient descent, Adagrad, momentum,
    condition number, residual, Newton-Schulz, dense layer, hidden layer, activation, activation function, ReLU, dead unit, bias,
    weights, He initialisation, overfitting, validation, test set, accuracy, confusion matrix, fingerprint, t-SNE,
    cosine similarity, activation maximisation, L1, L2, total variation, regularisation, quantisation, XLA, compile, device,
    replica, all-reduce, ring all-reduce, strategy, worker, checkpoint, room"""

def test_the_glossary_has_the_terms_of_the_book():
    names = {term.name for term in glossary()}
    assert {" ".join(name.split()) for name in WANTED.split(",")} <= names

@pytest.mark.parametrize("word", """backpropagation neuron visualise visualize normalise normalize handwriting vanishing stuck inverted
    photo input_data next_batch 0.098 feed_dict""".split())
def test_words_that_learners_look_for_are_found_in_the_glossary(word, soups):
    assert word in soups["glossary"].get_text()

def test_a_term_is_linked_in_text_alone():
    term = Term("loss", ["loss", "cost function"], "How wrong it is")
    link = lambda text: links_to([term], PAGE, set())(text)
    linked = '[{}](51_glossary.ipynb#loss "How wrong it is")'.format
    for text in ("`loss`", "## The loss", "$loss$", "$$\nloss\n$$", "[the loss](x.ipynb)", "![loss](x.png)", "<b>loss</b>", "<i title='loss'>",
                 "```python\nloss\n```", "glossary", "loss-free", "x.loss", "[`f`](x.ipynb#loss){.doc}", "<summary>loss</summary>"):
        assert link(text) == text
    assert link("The loss, the loss.") == f"The {linked('loss')}, the loss."
    assert link("Two *losses*") == f"Two *{linked('losses')}*" and link("a cost\nfunction") == f"a {linked('cost' + chr(10) + 'function')}"
    assert link("`loss` and loss") == f"`loss` and {linked('loss')}"

# Bibliography

def works():
    "The entries of the bibliography, as they are written."
    cells = nbformat.read(project() / "nbs/52_bibliography.ipynb", 4).cells
    return [" ".join(work.split()) for cell in cells if cell.cell_type == "markdown" for work in re.split(r"^- ", cell.source, flags=re.M)[1:]]

def test_each_work_has_an_address_and_a_page_that_uses_it():
    assert len(works()) >= 20
    for work in works():
        assert re.search(r"\]\(https://", work) and re.search(r"\]\(\w+\.ipynb\)", work), work
        assert re.match(r"[^(]+ \((?:\d+ \w+ )?(?:19|20)\d\d\)\. \*\*.+?\.\*\* ", work), work
        for doi, address in re.findall(r"\[doi:(.+?)\]\(([^)\s]+)\)", work): assert unquote(address) == f"https://doi.org/{doi}", work

# 2018 and today

def test_every_row_of_2018_and_today_is_run_or_says_that_it_is_not():
    cells = nbformat.read(project() / "nbs/53_tf1_and_today.ipynb", 4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code" and not cell.source.startswith("#| check"))
    code = re.sub(r"^try:.*?^except", "", code, flags=re.M | re.S)
    table = next(cell.source for cell in cells if "| in 2018 | today |" in cell.source)
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    assert len(rows) >= 25
    for _, then, _, change, _ in rows:
        not_run = [name for name in re.findall(r"`(?:tf\.)?([\w.]+)", then) if not re.search(rf"{re.escape(name)}[(=]", code)]
        assert not not_run or "*not run*" in change, f"{not_run} is not run"

# Change this book

def test_the_table_of_rooms_is_that_of_the_package(soups):
    modules = {path.stem for path in (project() / "mnist_graph_tutorial").glob("[a-z]*.py")}
    table = next(table for table in soups["change_this_book"].find_all("table") if table.find("th").get_text() == "floor")
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in table.find_all("tr")[1:]]
    assert {room for _, room, _, _ in rows} == modules
    floors = {room: int(floor) for floor, room, _, _ in rows}
    for _, room, job, below in rows:
        told = set(below.split(", ")) - {""}
        code = ast.parse((project() / f"mnist_graph_tutorial/{room}.py").read_text())
        near = [node for node in ast.walk(code) if isinstance(node, ast.ImportFrom) and node.level == 1]
        real = {name for node in near for name in ([node.module] if node.module else [alias.name for alias in node.names])} & modules
        assert told == real and all(floors[other] < floors[room] for other in told), room
        assert len(job.split()) >= 3, room

def test_change_this_book_explains_every_directive_that_is_used(soups):
    used = {line for path in notebooks() for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"
            for line in re.findall(r"^#\|\s*([\w-]+)", cell.source, re.M)}
    told = {re.match(r"#\| ([\w-]+)", code.get_text())[1] for code in soups["change_this_book"].select("td:first-child code") if "#|" in code.get_text()}
    assert used <= told, used - told

# What lies beside the book

def test_citation_says_what_the_package_says():
    cited = yaml.safe_load((project() / "CITATION.cff").read_text())
    said = tomllib.loads((project() / "pyproject.toml").read_text())["project"]
    assert cited["version"] == mnist_graph_tutorial.__version__ and cited["license"] == said["license"]
    assert cited["cff-version"] == "1.2.0" and " ".join(cited["abstract"].split()) == said["description"]
    assert cited["repository-code"] == said["urls"]["Source"] and cited["url"] == said["urls"]["Homepage"]
    assert cited["references"][0]["date-released"] == "2018-10-07"

def test_changelog_and_contributing_are_there():
    assert f"## {mnist_graph_tutorial.__version__}" in (project() / "CHANGELOG.md").read_text()
    target = re.search(r"\]\((\S+54_change_this_book\.ipynb)\)", (project() / "CONTRIBUTING.md").read_text())[1]
    assert (project() / target).is_file()

# Reference

FIFTEEN = """load_mnist read_idx graph_of learn_inverse learn_inverse_in_session MnistNet train evaluate post_cross_entropy
    softmax_cross_entropy fingerprints ideal_images mean_images DigitPad explore""".split()

def test_the_reference_begins_with_the_fifteen_names(soups):
    soup = soups["reference"]
    calls = [code.get_text() for code in soup.find_all("pre") if code.get_text().startswith("from mnist_graph_tutorial")]
    assert [re.search(r"import (\w+)", call)[1] for call in calls] == FIFTEEN
    for call, name in zip(calls, FIFTEEN):
        line, _, shown = call.partition("\n")
        module = importlib.import_module(line.split()[1])
        thing = getattr(module, name)
        for argument in inspect.signature(thing).parameters.values():
            assert re.search(rf"\b{argument.name}\b", shown), (name, argument.name)
    headings = [heading.get_text() for heading in soup.find_all("h3")]
    assert headings[:15] == FIFTEEN
