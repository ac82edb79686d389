"""Graphs that chapters do not show: odd inputs, state, nesting, size; and drawings that no node or line may spoil."""
import re, xml.etree.ElementTree as ET
import numpy as np, pytest
from mnist_graph_tutorial.device import compiled
from mnist_graph_tutorial.graph_drawing import svg_text
from mnist_graph_tutorial.graph_layers import Node, best_order, crossings
from mnist_graph_tutorial.graph_layout import arrange, half_size
from mnist_graph_tutorial.graph_values import array_text
from mnist_graph_tutorial.graph_view import graph_of
import tensorflow as tf

ONE, THREE = tf.constant(1.), tf.constant([1., 2., 3.])

@pytest.fixture
def a(): return tf.Variable(2., name="a")

def labels(view, kind): return [node.label for node in view.nodes if node.kind == kind]
def last(view): return view.steps().captions[-1][1]

def test_what_cannot_be_called_or_not_like_that():
    with pytest.raises(TypeError, match="^graph_of needs a function, not 3$"): graph_of(3)
    with pytest.raises(ValueError, match="^f.x, y. got 1 inputs: missing a required argument: 'y'$"):
        def f(x, y): return x + y
        graph_of(f, ONE)
    with pytest.raises(ValueError, match="^limit is 0"): graph_of(lambda x: x, ONE, limit=0)

def test_inputs_left_to_their_defaults_are_inputs_too():
    two = np.float32(2)
    def positional(x, z=3 * ONE, y=two): return x * z - y
    def named(x, *, z=3 * ONE, y=two): return x * z - y
    for f in (positional, named, tf.function(positional)):
        view = graph_of(f, THREE[1])
        assert labels(view, "input") == ["x", "z", "y"] and last(view) == "returns 4"

def test_one_variable_twice_and_ragged_tensors_can_be_stepped_through(a):
    ragged = tf.ragged.constant([[1.], [2., 3.]])
    assert last(graph_of(lambda u, v: u * v, a, a)) == last(graph_of(tf.function(lambda u, v: u * v), a, a)) == "returns 4"
    assert last(graph_of(lambda x: x.values * 2, ragged)) == "returns [2, 4, 6]"

@pytest.mark.parametrize("numbers, text", [
    ([1, 2, 3, 4, 5, 6, 7, np.nan], "1 of 8 nan, else 1 … 7"), ([np.nan] * 8, "all nan"), (np.linspace(.996, 1.004, 9), "0.996 … 1"),
    (np.linspace(100, 104, 9), "100 … 104"), ([1.] * 9, "all 1"), ([True] * 8 + [False], "False … True"), ([np.inf] * 8, "all inf")])
def test_many_numbers_are_told_by_their_ends(numbers, text): assert array_text(np.array(numbers)) == text

def test_values_leave_variables_alone_and_agree_with_a_call(a):
    def step(x):
        with tf.GradientTape() as tape: loss = tf.square(a * x - 1)
        a.assign_sub(0.1 * tape.gradient(loss, a))
        return loss
    steps = graph_of(step, THREE[1]).steps()
    assert a.numpy() == 2
    assert last(graph_of(step, THREE[1])) == "returns 9"
    step(THREE[1])
    assert np.isclose(steps.values["AssignSubVariableOp"], a.numpy())

def test_a_variable_read_after_an_assignment_hangs_on_it(a):
    def twice(x):
        a.assign_add(x)
        y = a * 2
        a.assign(y)
        return a + 1
    view = graph_of(twice, ONE)
    assert labels(view, "update") == ["a +=", "a ="] and last(view) == "returns 7"
    assert {node.name: node for node in view.nodes}["mul"].inputs[0] == "AssignAddVariableOp"

def test_an_assignment_says_its_new_value_as_such_where_there_is_one(a):
    velocity = tf.Variable(1., name="v")
    def momentum(x):
        velocity.assign(0.5 * velocity + x)
        a.assign_add(velocity)
        a.assign_sub(x)
        return a * velocity
    view = graph_of(momentum, ONE)
    steps = view.steps()
    assert labels(view, "update") == labels(steps, "update") == ["v =", "a +=", "a −="]
    told = [text for _, text in steps.captions]
    assert told[-5:] == ["v = 1.5; new v = 1.5", "a += 1.5; new a = 3.5", "a −= 1; new a = 2.5", "2.5 × 1.5 = 3.75", "returns 3.75"]
    drawn = ET.fromstring(re.search("<svg.*?</svg>", steps._repr_html_(), re.S)[0])
    texts = [[text.text for text in node if text.tag.endswith("text")] for node in drawn.iter() if "mgt-update" in node.get("class", "")]
    assert [text for text in texts if len(text) == 2] == [["new v", "1.5"], ["new a", "3.5"], ["new a", "2.5"]]
    assert ">a −=<" in view.svg and "new a" not in view.svg and "a += new v" in view._repr_html_()

@pytest.mark.parametrize("kind", ["loop", "branch"])
def test_a_variable_written_inside_a_box_shows_its_new_value(a, kind):
    def loop(x):
        for _ in tf.range(3): a.assign_add(x)
        return a * 1.
    def branch(x):
        if x > 0: a.assign(5.)
        return a * 1.
    view = graph_of({"loop": loop, "branch": branch}[kind], ONE)
    assert last(view) == "returns 5" and a.numpy() == 2
    assert any(" after " in text and "5" in text for _, text in view.steps().captions)

def test_gradients_of_loops_whose_operations_are_out_of_order(a):
    def gradient(x):
        with tf.GradientTape() as tape:
            y = x
            for _ in tf.range(3): y = y * a
        return tape.gradient(y, a)
    view = graph_of(gradient, ONE)
    assert last(view) == "returns 12" and any("body" in title for title in view.parts)

def test_nested_and_compiled_functions(a):
    @tf.function
    def inner(x): return a * x
    view = graph_of(lambda x: inner(x) + 1, ONE)
    assert labels(view, "box") == ["inner"] and last(view) == "returns 3"
    (part,) = view.parts.values()
    assert labels(part, "operation") == ["× mul"]
    with pytest.raises(ValueError, match="part of a graph"): part.steps()
    assert last(graph_of(compiled(lambda x: x + 1), ONE)) == "returns 2"

@pytest.mark.parametrize("fn, inputs, result", [
    (lambda: tf.constant(3.), (), "returns 3"),
    (lambda x: x, (ONE,), "returns 1"),
    (lambda x, n: x * n, (ONE, 3), "returns 3"),
    (lambda x: tf.shape(x)[0] + 1, (THREE,), "returns 4"),
    (lambda x: tf.strings.join([x, "!"]), (tf.constant("hi"),), "returns hi!"),
    (lambda d: {"sum": d["p"] + d["q"]}, ({"p": ONE, "q": ONE},), "returns sum 2"),
    (lambda *xs: tf.add_n(xs), (ONE, ONE, ONE), "returns 3"),
    (lambda x: tf.scan(lambda s, v: s + v, x)[-1], (THREE,), "returns 6"),
    (lambda x: x + 1, (np.float32([1, 2]),), "returns [2, 3]"),
], ids=["nothing", "itself", "python", "shape", "text", "dictionary", "variadic", "scan", "array"])
def test_odd_functions(fn, inputs, result):
    view = graph_of(fn, *inputs)
    assert last(view) == result
    ET.fromstring(view.svg)
    assert view.dot.startswith("digraph ")

def test_a_shape_has_no_values():
    view = graph_of(lambda x: x + 1, tf.TensorSpec((None, 2)))
    assert view.nodes[0].note == "(?, 2)"
    with pytest.raises(ValueError, match="x has a shape but no values"): view.steps()

def test_what_leads_nowhere_is_not_drawn(a):
    def wasteful(x):
        tf.sin(x)
        return a * x
    assert labels(graph_of(wasteful, ONE), "operation") == ["× mul"]

def test_many_operations_are_closed_into_few_boxes(a):
    def long(x):
        for _ in range(150): x = a * tf.sin(x)
        return x
    view = graph_of(long, ONE, limit=15)
    boxes = [node for node in view.nodes if node.kind == "box"]
    assert len(boxes) == 12 and sum(int(node.detail.split()[0]) for node in boxes) == 300
    assert sum(len(part.all_nodes) > 2 for part in view.parts.values()) == 12

def test_scopes_that_would_make_a_circle_stay_open():
    def knot(x):
        with tf.name_scope("s"): x = tf.sin(x)
        x = tf.cos(x)
        with tf.name_scope("s/"): return tf.exp(x)
    view = graph_of(knot, ONE, limit=2)
    assert len(labels(view, "operation") + labels(view, "box")) <= 2 and not any(node.name in node.inputs for node in view.nodes)

def test_outputs_reproduce(a):
    fn = lambda x: tf.reduce_sum(a * x)
    views = [graph_of(fn, tf.ones(100)) for _ in range(2)]
    assert views[0]._repr_html_() == views[1]._repr_html_()
    assert views[0].steps()._repr_html_() == views[1].steps()._repr_html_()
    assert " id=" not in views[0]._repr_html_() and "http" not in re.sub("http://www.w3.org/2000/svg", "", views[0]._repr_html_())

def random_graph(seed):
    "Nodes with up to three inputs each, the last third of them late."
    rng, nodes, n = np.random.default_rng(seed), [], int(np.random.default_rng(seed).integers(1, 30))
    for k in range(n):
        names = [f"n{i}" for i in rng.choice(k, size=min(k, int(rng.integers(0, 4))), replace=False)]
        kind = "gradient" if k > 2 * n / 3 else "operation" if names else rng.choice(["input", "variable", "constant"])
        nodes.append(Node(f"n{k}", str(kind), f"label {k} " + "x" * int(rng.integers(0, 12)), tuple(names), "(100, 10)"))
    late = {}
    for node in nodes: late[node.name] = node.kind == "gradient" or any(late[name] for name in node.inputs)
    return [node._replace(late=late[node.name]) for node in nodes]

@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("fold", [False, True])
def test_no_node_overlaps_another_and_none_lies_outside(seed, fold):
    nodes = random_graph(seed)
    drawing = arrange(nodes, fold)
    boxes = {}
    for node in nodes:
        (w, h), spot = half_size(node), drawing.spots[node.name]
        y = (spot.start + spot.end) / 2
        boxes[node.name] = spot.x - w, spot.x + w, y - h, y + h
        assert -1 < spot.x - w and spot.x + w < drawing.width + 1 and -1 < y - h and y + h < drawing.height + 1
    for k, (name, (l, r, t, b)) in enumerate(boxes.items()):
        for other, (l2, r2, t2, b2) in list(boxes.items())[k + 1:]:
            assert r <= l2 + .5 or r2 <= l + .5 or b <= t2 + .5 or b2 <= t + .5, (name, other)
    assert set(drawing.edges) == {(name, node.name) for node in nodes for name in node.inputs}
    ET.fromstring(svg_text(drawing, "a graph"))

def test_best_order_untangles_nearly_all():
    before, after = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = [[f"{r}{k}" for k in range(5)] for r in range(3)]
        pieces = [(f"{r}{i}", f"{r + 1}{j}") for r in range(2) for i, j in rng.integers(0, 5, (6, 2))]
        before, after = before + crossings(rows, pieces), after + crossings(best_order(rows, pieces), pieces)
    assert before > 150 and after < 10

def points(path):
    "Points along an edge, close enough together to hit any node that it runs through."
    at, found = np.zeros(2), []
    for command, text in re.findall("([MVHCQ])([^MVHCQ]*)", path):
        values = [float(number) for number in re.split("[ ,]+", text.strip())]
        ends = {"V": lambda: [(at[0], values[0])], "H": lambda: [(values[0], at[1])]}.get(command, lambda: zip(values[::2], values[1::2]))()
        curve = [at if command != "M" else np.array(values), *map(np.array, ends)]
        for share in np.linspace(0, 1, 40):
            level = curve
            while len(level) > 1: level = [(1 - share) * a + share * b for a, b in zip(level, level[1:])]
            found.append(level[0])
        at = curve[-1]
    return np.array(found)

SELECT = [Node("x", "input", "x"), Node("one", "constant", "1"), Node("zero", "constant", "0"),
          Node("select", "operation", "Select", ("x", "one", "zero"))]

@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("nodes", [SELECT, *map(random_graph, range(12))], ids=lambda nodes: nodes[-1].name)
def test_no_edge_runs_through_a_node(nodes, fold):
    drawing = arrange(nodes, fold)
    for ends, (path, _) in drawing.edges.items():
        x, y = points(path).T
        for node in (node for node in nodes if node.name not in ends):
            (w, h), spot = half_size(node), drawing.spots[node.name]
            middle = (spot.start + spot.end) / 2
            assert not ((abs(x - spot.x) < w - 1) & (abs(y - middle) < h - 1)).any(), (ends, node.name)
