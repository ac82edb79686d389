"""A graph's drawing in a browser: boxes open in place, nodes light up and are found; pan and zoom, keys and fingers."""
import contextlib, html, re
import numpy as np, pytest
from browser import axe_findings, page_file, visit
from mnist_graph_tutorial.graph_view import _in_page, graph_of
import tensorflow as tf

a, ONE = tf.Variable(2., name="a"), tf.ones(2)

def looped(x):
    for _ in tf.range(3):
        if tf.reduce_sum(x) > 0: x = x * a
        else: x = x - 1
    return x

def blocks(x):
    "Six blocks of three units of three operations each."
    for k in range(6):
        with tf.name_scope(f"block{k}"):
            for j in range(3):
                with tf.name_scope(f"unit{j}"): x = tf.sin(tf.cos(x) * 2.) + x
    return x

def many(x):
    "More than a page has room for."
    for k in range(9):
        with tf.name_scope(f"part{k}"):
            for _ in range(30): x = tf.sin(x)
    return x

def step(x):
    with tf.GradientTape() as tape: y = tf.reduce_sum(tf.square(a * x - 1))
    a.assign_sub(.1 * tape.gradient(y, a))
    return y

@pytest.fixture(scope="module")
def views():
    drawn = {fn.__name__: graph_of(fn, ONE) for fn in (looped, many, step)}
    return drawn | dict(blocks=graph_of(blocks, ONE, limit=10))

@pytest.fixture(scope="module")
def url(tmp_path_factory, views):
    "A page: blocks in blocks, a loop, more than there is room for, and steps of a loop and of a gradient."
    drawn = [views["blocks"], views["looped"], views["many"], views["looped"].steps(), views["step"].steps()]
    return page_file(tmp_path_factory.mktemp("graphs"), *(each._repr_html_() for each in drawn))

@pytest.fixture
def shown(chromium, url):
    "Opens the page; hands out it and its drawings."
    with contextlib.ExitStack() as stack:
        def show(**settings):
            page = stack.enter_context(visit(chromium, url, **settings))
            return page, page.locator(".mgt-graph").all()
        yield show

def phone(**more): return dict(width=390, height=844, has_touch=True, is_mobile=True) | more
def svg(figure): return figure.locator(":scope > .mgt-drawing:visible > svg")
def node(figure, text): return svg(figure).locator(f'.mgt-node:has(> .mgt-label:text-is("{text}"))').first
def outline(locator): return locator.locator(":scope > path").first.bounding_box()
def head(locator): return locator.locator(":scope > .mgt-label").first
def inside(locator): return locator.locator(":scope > .mgt-inside > .mgt-node")
def says(figure): return figure.locator(".mgt-looks .mgt-told").inner_text()
def focused(page): return page.evaluate("document.activeElement.querySelector('title').textContent")

# ---- boxes open in place ---------------------------------------------------------------------------------------------

def test_a_box_opens_in_its_place_and_closes_again(shown, views):
    page, (figure, *_) = shown()
    box, before = node(figure, "block2"), svg(figure).get_attribute("viewBox")
    shapes, place = svg(figure).inner_html(), head(box).bounding_box()
    assert box.get_attribute("aria-expanded") == "false"
    head(box).click()
    assert box.get_attribute("aria-expanded") == "true" and head(box).bounding_box() == pytest.approx(place, abs=1)
    assert inside(box).count() == len(views["blocks"].parts["block2"].nodes) > 3
    outer = outline(box)
    for each in inside(box).all():
        inner = outline(each)
        assert outer["x"] <= inner["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        assert outer["y"] <= inner["y"] and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    head(box).click()
    assert box.get_attribute("aria-expanded") == "false" and svg(figure).get_attribute("viewBox") == before
    def kept(text): return re.findall(r' (?:d|transform)="[^"]*"', text)
    assert kept(svg(figure).inner_html()) == kept(shapes)

def test_boxes_open_in_boxes_and_all_parts_of_one_open_together(shown):
    page, (_, figure, *_) = shown()
    loop = node(figure, "while loop")
    head(loop).click()
    assert loop.locator(":scope > .mgt-inside > .mgt-detail").all_text_contents() == ["condition", "body"]
    branch = loop.locator('.mgt-node:has(> .mgt-label:text-is("if"))')
    head(branch).click()
    assert branch.locator(".mgt-label").all_text_contents().count("returns") == 2
    assert branch.get_attribute("aria-expanded") == "true"
    branch.locator(".mgt-sign").click()
    assert branch.get_attribute("aria-expanded") == "false" and loop.get_attribute("aria-expanded") == "true"

# The rectangles of all nodes; which nodes each is inside of; each line's ends, what it is inside of, and points.
SPOTS = """figure => {
  const svg = [...figure.querySelectorAll(":scope > .mgt-drawing > svg")].find((each) => each.clientWidth);
  const all = [...svg.querySelectorAll(".mgt-node")];
  const rects = all.map((el) => el.querySelector("path").getBoundingClientRect());
  const outside = (el) => all.flatMap((other, k) => (other !== el && other.contains(el) ? [k] : []));
  const line = (edge) => {
    const path = edge.querySelector("path"), way = path.getScreenCTM(), length = path.getTotalLength();
    const own = edge.parentNode.querySelectorAll(":scope > .mgt-node");
    const ends = [own[edge.dataset.a], own[edge.dataset.b], edge.parentNode.closest(".mgt-node")];
    const points = Array.from({length: 60}, (_, k) => path.getPointAtLength(length * k / 59).matrixTransform(way));
    return {ends: ends.map((el) => all.indexOf(el)), points: points.map(({x, y}) => [x, y])};
  };
  return {rects: rects.map(({left, right, top, bottom}) => [left, right, top, bottom]), around: all.map(outside),
    lines: [...svg.querySelectorAll(".mgt-edge")].map(line)};
}"""

def overlapping(rects, around) -> list:
    "Pairs of nodes that overlap, unless one is inside the other."
    def apart(a, b): return a[0] >= b[1] - 1 or b[0] >= a[1] - 1 or a[2] >= b[3] - 1 or b[2] >= a[3] - 1
    return [(i, j) for i, a in enumerate(rects) for j, b in enumerate(rects[:i])
            if i not in around[j] and j not in around[i] and not apart(a, b)]

def run_through(line, rects, around) -> list:
    "Nodes that a line runs through, other than those at its ends, and what is around or inside these."
    x, y = np.array(line["points"]).T
    first, last, holder = line["ends"]
    known = {first, last, holder, *around[first], *around[last]}
    return [i for i, (l, r, t, b) in enumerate(rects) if i not in known and not {first, last} & set(around[i])
            and ((l + 2 < x) & (x < r - 2) & (t + 2 < y) & (y < b - 2)).any()]

def loose(line, rects) -> list:
    "Ends of a line that are off their nodes."
    def on(point, rect): return rect[0] - 2 <= point[0] <= rect[1] + 2 and rect[2] - 2 <= point[1] <= rect[3] + 2
    return [end for end, k in zip(line["ends"], (0, -1)) if not on(line["points"][k], rects[end])]

def tangled(figure) -> list:
    "What is wrong with a drawing."
    found = figure.evaluate(SPOTS)
    rects, around = found["rects"], found["around"]
    wrong = [run_through(line, rects, around) + loose(line, rects) for line in found["lines"]]
    return overlapping(rects, around) + [each for each in wrong if each]

@pytest.mark.parametrize("width", [390, 1280])
def test_no_node_overlaps_and_no_line_crosses_a_node_with_boxes_open(shown, width):
    page, (blocks, loop, *_) = shown(width=width)
    for figure, texts in ((blocks, ["block1", "block3", "unit1"]), (loop, ["while loop", "if"])):
        assert tangled(figure) == []
        for text in texts:
            node(figure, text).press("Enter")
            assert tangled(figure) == [], text

kept = [tf.Variable(tf.ones(3), name=f"v{k}") for k in range(12)]

def trained(x):
    "A training step of twelve variables in three scopes."
    with tf.GradientTape() as tape:
        for k, v in enumerate(kept):
            with tf.name_scope(f"layer{k // 4}"): x = tf.sin(x) * v
        loss = tf.reduce_sum(x)
    for v, slope in zip(kept, tape.gradient(loss, kept)): v.assign_sub(.1 * slope)
    return loss

def test_no_sign_hides_what_is_written_beside_a_line(chromium, tmp_path):
    view = graph_of(trained, tf.TensorSpec((100_000, 26_000, 26_000, 3)), limit=20)
    with visit(chromium, page_file(tmp_path, view._repr_html_()), width=1600) as page:
        page.evaluate("document.body.style.maxWidth = 'none'")
        drawn = svg(page.locator(".mgt-graph"))
        notes, signs = (drawn.locator(f".{kind}").evaluate_all("all => all.map((el) => el.getBoundingClientRect())") for kind in ("mgt-note", "mgt-sign"))
        assert len(notes) > 5 and len(signs) > 5 and page.locator(".mgt-wide").is_visible()
        for a in notes:
            for b in signs: assert a["right"] < b["left"] or b["right"] < a["left"] or a["bottom"] < b["top"] or b["bottom"] < a["top"]

@pytest.mark.parametrize("form", ["tall", "wide"])
def test_a_training_step_opens_whole_in_either_form(form, chromium, tmp_path):
    view = graph_of(trained, tf.ones(3), limit=15)
    with visit(chromium, page_file(tmp_path, view._repr_html_()), width=dict(tall=390, wide=1600)[form]) as page:
        if form == "wide": page.evaluate("document.body.style.maxWidth = 'none'")
        figure = page.locator(".mgt-graph")
        assert figure.locator(f":scope > .mgt-{form}").is_visible()
        closed, count = svg(figure).locator(".mgt-opens[aria-expanded=false]"), 0
        while closed.count():
            closed.first.press("Enter")
            count += 1
        assert count >= 5 and {"update", "gradient", "box"} <= {each.kind for each in view.nodes}
        assert tangled(figure) == []

def test_the_legend_names_what_is_inside(shown):
    page, (_, figure, *_) = shown()
    legend = svg(figure).locator(".mgt-legend")
    assert "operation" not in legend.locator("text").all_text_contents()
    node(figure, "while loop").press("Enter")
    assert "operation" in legend.locator("text").all_text_contents()

def test_what_is_not_in_the_page_is_said_and_opens_from_python(shown, views, chromium, tmp_path):
    page, (_, _, figure, *_) = shown()
    view = views["many"]
    left = figure.locator(":scope > details > ul > li[data-box]").all_text_contents()
    assert left and len(left) + figure.locator(":scope > details[data-box]").count() == len(view.parts)
    title = left[0].removeprefix(".open('").removesuffix("')")
    assert left == [f".open('{each}')" for each in view.parts if (each,) not in _in_page(view)]
    box = node(figure, title)
    assert box.get_attribute("aria-expanded") is None and "not in this page" in box.get_attribute("aria-label")
    box.press("Enter")
    assert says(figure).endswith(f"Type .open('{title}') after graph_of(…).")
    assert f"in a notebook, .open('{title}') opens it" in box.get_attribute("aria-label")
    with visit(chromium, page_file(tmp_path, view.open(title)._repr_html_())) as other:
        opened = node(other.locator(".mgt-graph"), title)
        assert opened.get_attribute("aria-expanded") == "true"
        assert inside(opened).count() == len(view.parts[title].nodes)

def test_in_steps_what_opens_a_box_leads_to_steps_again(views):
    view, steps = views["many"], views["many"].steps()
    calls = re.findall(r"<li data-box=[^>]+><code>([^<]+)</code>", html.unescape(steps._repr_html_()))
    assert calls and all(call.endswith(".steps()") for call in calls)
    opened = eval(f"view{calls[0]}", dict(view=view))
    assert opened.captions == steps.captions and len(opened.view.opened) == 1

def test_outer_boxes_come_before_inner_ones(views):
    view = views["blocks"]
    outer = {(title,) for title in view.parts}
    room = sum(len(part.nodes) for part in view.parts.values())
    assert _in_page(view, room) == outer < _in_page(view)

def test_what_was_opened_adds_up_and_needs_no_room(views):
    view = views["blocks"]
    opened = view.open("block1").open("block2", "block2/unit0")
    paths = {("block1",), ("block2",), ("block2", "block2/unit0")}
    assert view.opened == set() and opened.opened == paths == _in_page(opened, 0)
    with pytest.raises(ValueError, match=r"^block1 has no box 'unit7': there are 'block1/unit0', 'block1/unit1', "):
        view.open("block1", "unit7")

# ---- steps -----------------------------------------------------------------------------------------------------------

def test_steps_and_new_numbers_go_on_with_a_box_open(shown):
    page, (*_, figure, _) = shown()
    values = lambda: svg(figure).locator(".mgt-node:not(.mgt-inside *) > text.mgt-value").all_text_contents()
    steps = page.locator(".mgt-steps").first
    before = values()
    node(figure, "while loop").press("Enter")
    assert values() == before and says(figure) == "A step takes a box as a whole: inside it, no values are shown."
    assert figure.locator("p.mgt-whole").inner_text() == says(figure)  # without scripts, too
    steps.get_by_label("a", exact=True).fill("3")
    assert values() != before and "27" in "".join(values())
    steps.get_by_role("slider").fill("0")
    assert "mgt-later" in node(figure, "while loop").get_attribute("class")
    node(figure, "while loop").press("Enter")
    assert says(figure) == "" and page.locator(".mgt-steps").last.locator("p.mgt-whole").count() == 0  # it has no box

# ---- lines light up --------------------------------------------------------------------------------------------------

LIT = """figure => [...figure.querySelectorAll(":scope > .mgt-drawing > svg .mgt-edge")].flatMap((edge) =>
  [...(edge.matches(".mgt-comes") ? [["in", +edge.dataset.a]] : []),
  ...(edge.matches(".mgt-goes") ? [["out", +edge.dataset.b]] : [])])"""

CONTRAST = dict(forced_colors="active")

@pytest.mark.parametrize("settings", [{}, dict(dark=True), CONTRAST, CONTRAST | dict(dark=True)],
                         ids=["light", "dark", "forced", "forced dark"])
def test_a_node_lights_up_with_its_inputs_and_outputs(shown, views, settings):
    page, (_, _, _, _, figure) = shown(**settings)
    names = [each.name for each in views["step"].nodes]
    mul = next(each for each in views["step"].nodes if each.label == "× mul")
    wanted = [["in", names.index(name)] for name in mul.inputs]
    wanted += [["out", k] for k, each in enumerate(views["step"].nodes) if mul.name in each.inputs]
    drawn = svg(figure).locator(".mgt-node").nth(names.index(mul.name))
    plain = svg(figure).locator(".mgt-edge > path").first.evaluate("path => getComputedStyle(path).stroke")
    drawn.hover()
    assert sorted(figure.evaluate(LIT)) == sorted(wanted)
    line = svg(figure).locator(".mgt-comes > path").first
    assert line.evaluate("path => getComputedStyle(path).stroke") != plain
    assert line.evaluate("path => getComputedStyle(path).strokeWidth") == "2.6px"
    page.mouse.move(1, 1)
    assert figure.evaluate(LIT) == []
    drawn.focus()
    assert sorted(figure.evaluate(LIT)) == sorted(wanted)

def test_a_tap_lights_up_too(shown):
    page, (figure, *_) = shown(**phone())
    node(figure, "x").tap()
    assert figure.evaluate(LIT) and all(way == "out" for way, _ in figure.evaluate(LIT))

# ---- keys ------------------------------------------------------------------------------------------------------------

def test_a_drawing_is_one_stop_and_arrows_go_on_from_there(shown, views):
    page, figures = shown()
    figure, names = figures[0], [each.name for each in views["blocks"].nodes]
    for figure_ in figures: assert figure_.locator(":scope > .mgt-drawing:visible [tabindex='0']").count() == 1
    node(figure, "x").focus()
    def pressed(key):
        page.keyboard.press(key)
        return focused(page)
    keys = dict(ArrowDown=1, ArrowUp=0, End=-1, Home=0)
    for key, k in keys.items(): assert pressed(key) == names[k], key
    assert pressed("ArrowUp") == names[0]  # there is none before it
    assert svg(figure).locator("[tabindex='0']").count() == 1
    box = node(figure, "block0")
    assert [pressed("ArrowDown"), pressed("ArrowRight")] == [names[1]] * 2
    assert box.get_attribute("aria-expanded") == "true"
    assert pressed("ArrowRight") == inside(box).first.locator("title").first.text_content()
    assert pressed("ArrowLeft") == names[1] and box.get_attribute("aria-expanded") == "true"
    assert pressed("ArrowLeft") == names[1] and box.get_attribute("aria-expanded") == "false"
    assert pressed(" ") == names[1] and box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.mgt-drawing')") is None

def test_focus_can_be_seen_and_nodes_say_what_they_are(shown, views):
    page, (_, figure, *_) = shown()
    node(figure, "x").focus()
    page.keyboard.press("ArrowDown")
    ring = page.evaluate("getComputedStyle(document.activeElement.querySelector('path')).outlineStyle")
    assert ring == "solid" and page.evaluate("document.activeElement.closest('[data-lm-suppress-shortcuts]') !== null")
    assert node(figure, "while loop").get_attribute("role") == "treeitem"
    said = [node(figure, text).get_attribute("aria-label") for text in ("while loop", "x")]
    assert "while loop(" in said[0] and said[1].startswith("x: input")

# ---- pan and zoom ----------------------------------------------------------------------------------------------------

def scale(figure): return svg(figure).evaluate("svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width")

def test_only_a_drawing_larger_than_the_page_has_buttons(shown):
    page, figures = shown(width=1280, height=2000)
    for k in (1, -1): assert not figures[k].get_by_role("button", name="Zoom in").is_visible()
    page, figures = shown(width=1280, height=500)
    assert figures[0].get_by_role("button", name="Zoom in").is_visible()

def test_buttons_zoom_and_fit_and_the_mouse_drags(shown):
    page, (figure, *_) = shown(width=1280, height=500)
    first, box = scale(figure), figure.locator(".mgt-drawing").first
    for _ in range(6): figure.get_by_role("button", name="Zoom in").click()
    assert scale(figure) == pytest.approx(first * 1.25 ** 6, rel=.02)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    spot, where = box.bounding_box(), lambda: box.evaluate("box => [box.scrollLeft, box.scrollTop]")
    x, y, before = spot["x"] + 200, spot["y"] + 100, where()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=4)
    page.mouse.up()
    assert where() == pytest.approx([before[0] + 60, before[1] + 40], abs=1)
    assert svg(figure).locator("[aria-expanded=true]").count() == 0  # the end of a drag is no click
    figure.get_by_role("button", name="Zoom out").click()
    assert scale(figure) == pytest.approx(first * 1.25 ** 5, rel=.02)
    fit = figure.get_by_role("button", name="Fit")
    fit.click()
    assert all(0 <= each["y"] and each["y"] + each["height"] <= 500 for each in map(outline, svg(figure).locator(".mgt-node").all()))
    assert scale(figure) < .9 * first
    fit.click()
    assert scale(figure) == pytest.approx(first, rel=.01)

def swiped(page, right: int=0, down: int=0):
    "A finger that moves from the middle of the window."
    client, middle = page.context.new_cdp_session(page), {way: size / 2 for way, size in zip("xy", page.viewport_size.values())}
    def touch(kind, *points): client.send("Input.dispatchTouchEvent", dict(type=kind, touchPoints=list(points)))
    touch("touchStart", middle)
    for k in range(1, 9): touch("touchMove", dict(x=middle["x"] + right * k / 8, y=middle["y"] + down * k / 8))
    touch("touchEnd")
    page.wait_for_timeout(100)

def test_what_is_too_large_is_dragged_as_it_is_with_mouse_and_finger(shown):
    for settings in (dict(width=1280, height=500), phone(height=400)):
        page, (figure, *_) = shown(**settings)
        box, y = figure.locator(".mgt-drawing:visible"), lambda: page.evaluate("scrollY")
        assert box.evaluate("box => box.scrollHeight <= box.clientHeight + 1") and box.bounding_box()["height"] > settings["height"]
        if "is_mobile" in settings: swiped(page, down=-80)
        else:
            spot = box.bounding_box()
            page.mouse.move(spot["x"] + 100, spot["y"] + 150)
            page.mouse.down()
            page.mouse.move(spot["x"] + 90, spot["y"] + 70, steps=4)
            page.mouse.up()
            assert y() == pytest.approx(80, abs=2)
        assert y() > 30

def test_a_finger_pans_what_is_too_wide_and_scrolls_the_page(shown):
    page, (_, figure, *_) = shown(**phone(height=400))
    node(figure, "while loop").tap()
    box = figure.locator(".mgt-drawing:visible")
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") > 100
    x, y = lambda: box.evaluate("box => box.scrollLeft"), lambda: page.evaluate("scrollY")
    box.evaluate("box => box.scrollIntoView()")
    before = x(), y()
    swiped(page, right=-80)
    assert x() > before[0] + 20 and y() == before[1]
    swiped(page, down=-80)
    assert y() > before[1] + 20

def test_a_box_that_was_opened_comes_into_view(chromium, tmp_path):
    view = graph_of(trained, tf.ones(3), limit=15)
    with visit(chromium, page_file(tmp_path, view._repr_html_()), width=600, height=500) as page:
        figure, opened = page.locator(".mgt-graph"), 0
        frame = figure.locator(".mgt-drawing:visible")
        while (closed := svg(figure).locator(".mgt-opens[aria-expanded=false]")).count():
            name = closed.first.locator("title").first.text_content()
            head(closed.first).click()
            opened += 1
            box, outer = svg(figure).locator(f'.mgt-opens:has(> title:text-is("{name}"))').first, frame.bounding_box()
            inner, bar = outline(box), figure.locator(".mgt-looks").bounding_box()
            assert inner["x"] >= outer["x"] and inner["y"] >= bar["y"] + bar["height"], name
            over = inner["x"] + inner["width"] - outer["x"] - outer["width"]
            below = inner["y"] + inner["height"] - 500
            assert over <= 0 or inner["x"] < outer["x"] + 20, name
            assert below <= 0 or inner["y"] < bar["y"] + bar["height"] + 20, name
        assert opened >= 5

def test_ctrl_and_wheel_zoom_at_the_mouse_and_a_plain_wheel_is_the_pages(shown):
    page, (figure, *_) = shown(width=1280, height=500)
    first, label = scale(figure), head(node(figure, "block0"))
    before = label.bounding_box()
    width = svg(figure).evaluate("svg => svg.clientWidth")
    page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -40)
    page.keyboard.up("Control")
    page.wait_for_function("([svg, width]) => svg.clientWidth > 1.2 * width", arg=[svg(figure).element_handle(), width])
    after = label.bounding_box()
    assert after["y"] + after["height"] / 2 == pytest.approx(before["y"] + before["height"] / 2, abs=2)
    for _ in range(2): figure.get_by_role("button", name="Fit").click()
    page.mouse.wheel(0, 120)
    page.wait_for_function("() => scrollY > 0")
    assert scale(figure) == pytest.approx(first, rel=.01)

def test_two_fingers_zoom(shown):
    page, (figure, *_) = shown(**phone(height=600))
    first, spot = scale(figure), svg(figure).bounding_box()
    client = page.context.new_cdp_session(page)
    def touch(kind, apart):
        points = [dict(x=spot["x"] + 150 + way * apart, y=spot["y"] + 200, id=k) for k, way in enumerate((-1, 1))]
        client.send("Input.dispatchTouchEvent", dict(type=kind, touchPoints=points if kind != "touchEnd" else []))
    touch("touchStart", 30)
    for apart in (40, 50, 60): touch("touchMove", apart)
    touch("touchEnd", 0)
    assert scale(figure) == pytest.approx(2 * first, rel=.05) and page.evaluate("visualViewport.scale") == 1

# ---- search ----------------------------------------------------------------------------------------------------------

def test_only_many_nodes_have_a_search(shown):
    _, figures = shown()
    assert [figure.get_by_role("searchbox").count() for figure in figures] == [1, 0, 1, 0, 0]

def in_sight(page, figure, located) -> bool:
    "Whether a node is to be seen, and the search above it."
    bar, box = figure.locator(".mgt-looks").bounding_box(), outline(located)
    below = box["y"] + box["height"] <= page.viewport_size["height"]
    return 0 <= bar["y"] and bar["y"] + bar["height"] <= box["y"] and below

def test_search_counts_lights_up_opens_and_goes_on(shown):
    page, (figure, *_) = shown()
    field = figure.get_by_role("searchbox", name="Search a node")
    field.fill("block1/unit2/sin")
    assert says(figure).startswith("1 node found") and "mgt-holds" in node(figure, "block1").get_attribute("class")
    assert svg(figure).locator("[aria-expanded=true]").count() == 0  # nothing opens before it is asked for
    field.press("Enter")
    current = svg(figure).locator(".mgt-current")
    assert current.locator("title").first.text_content() == "block1/unit2/Sin" and says(figure).startswith("1 of 1: ")
    assert in_sight(page, figure, current)
    field.fill("sin")
    assert says(figure).startswith("18 nodes found")
    for _ in range(2): field.press("Enter")
    assert says(figure).startswith("2 of 18: ") and current.locator("title").first.text_content() == "block0/unit1/Sin"
    for _ in range(2): field.press("Shift+Enter")
    assert says(figure).startswith("18 of 18: ")
    field.press("Enter")
    assert says(figure).startswith("1 of 18: ") and in_sight(page, figure, current)
    field.fill("nothing like it")
    assert says(figure) == "No node has nothing like it in its name."
    assert svg(figure).locator(".mgt-found, .mgt-holds, .mgt-current").count() == 0
    field.fill("")
    assert says(figure) == ""

def test_what_is_found_is_large_enough_to_read_and_is_where_tab_stops(shown):
    _, (figure, *_) = shown(**phone(height=300))
    for _ in range(9): figure.get_by_role("button", name="Zoom out").tap()
    assert outline(node(figure, "block1"))["height"] < 12
    field = figure.get_by_role("searchbox")
    field.fill("block1/unit2/sin")
    field.press("Enter")
    current = svg(figure).locator(".mgt-current")
    assert outline(current)["height"] > 16 and current.get_attribute("tabindex") == "0"
    assert svg(figure).locator(".mgt-node[tabindex='0']").count() == 1

def test_an_open_box_that_is_found_does_not_hide_what_is_found_in_it(shown):
    _, (figure, *_) = shown()
    node(figure, "block1").press("Enter")
    figure.get_by_role("searchbox").fill("block")
    fill = "path => getComputedStyle(path).fill"
    opened, closed = (node(figure, name).locator(":scope > path").first.evaluate(fill) for name in ("block1", "block2"))
    found = inside(node(figure, "block1")).first
    assert "mgt-found" in found.get_attribute("class") and found.locator(":scope > path").first.evaluate(fill) == closed != opened

# ---- for every reader ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [dict(), dict(dark=True), phone(), phone(dark=True)],
                         ids=["light", "dark", "phone", "dark phone"])
def test_axe_finds_nothing_after_use_and_the_page_stays_as_wide(shown, axe, settings):
    page, (blocks, loop, *_) = shown(**settings)
    for figure, text in ((blocks, "block1"), (loop, "while loop"), (loop, "if")): node(figure, text).press("Enter")
    blocks.get_by_role("searchbox").fill("block4")
    blocks.get_by_role("searchbox").press("Enter")
    assert axe_findings(page, axe, "main > figure:nth-of-type(-n+2)") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]

def test_without_scripts_the_parts_stand_below(shown, chromium, url):
    with visit(chromium, url, java_script_enabled=False) as page:
        figure = page.locator(".mgt-graph").first
        assert figure.locator(".mgt-looks").count() == 0 and figure.locator("svg").first.get_attribute("role") == "img"
        figure.get_by_text("Inside block1", exact=True).click()
        assert figure.locator("details[open] > .mgt-drawing > svg:visible").count() == 1

def test_a_page_has_one_copy_of_the_scripts_and_figures_that_come_later_are_set_up(chromium, tmp_path, views):
    first, second = views["looped"]._repr_html_(), views["step"]._repr_html_()
    without = re.sub(r'<(style|script) data-once="[^"]+">.*?</\1>', "", second, flags=re.S)
    assert "mgtUnfold" in second and "mgtUnfold" not in without and "mgt-looks" not in without
    text = first + without
    with visit(chromium, page_file(tmp_path, text)) as page: assert page.locator(".mgt-graph[data-ready]").count() == 2
