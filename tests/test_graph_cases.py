"""All functions of `graph_cases` drawn: what a drawing holds is what TensorFlow's definition of the graph says, read by other code;
what steps show is what happens when the function is called; and what is first seen fits a page."""
import contextlib, functools, xml.etree.ElementTree as ET
import numpy as np, pytest
from graph_cases import CASES
from graph_definition import Comparison, Definition
from mnist_graph_tutorial import graph_inputs
from mnist_graph_tutorial.graph_layout import PAGE, column_width
from mnist_graph_tutorial.graph_view import graph_of
import tensorflow as tf
from tensorflow.python.framework import op_callbacks

GRADIENTS = [(tf.GradientTape, "gradient"), (tf.GradientTape, "jacobian"), (tf.GradientTape, "batch_jacobian"), (tf, "gradients")]

class Drawn:
    "A function drawn once, with what TensorFlow was seen to do meanwhile."
    def __init__(self, name):
        self.case = CASES[name]
        self.fn = self.case.make()
        self.made = {}  # names of a graph's operations that were made to compute gradients, by the graph's id
        with pytest.MonkeyPatch.context() as patch:
            for place, key in GRADIENTS: patch.setattr(place, key, self._noting(getattr(place, key)))
            patch.setattr(graph_inputs, "traced_by", self._keeping(graph_inputs.traced_by))
            self.view = graph_of(self.fn, *self.case.inputs)

    def _noting(self, fn):
        def noting(*args, **named):
            graph = tf.compat.v1.get_default_graph()
            before = {op.name for op in graph.get_operations()}
            try: return fn(*args, **named)
            finally: self.made.setdefault(id(graph), set()).update({op.name for op in graph.get_operations()} - before)
        return noting

    def _keeping(self, traced_by):
        def keeping(concrete, *rest):
            self.traced = traced_by(concrete, *rest)
            return self.traced
        return keeping

    @functools.cached_property
    def steps(self): return self.view.steps()

    def definition(self) -> Definition:
        graph = self.traced.graph
        given = {tensor.op.name: tensor.dtype.as_datatype_enum for tensor in graph.inputs}
        results = [(tensor.op.name, tensor.value_index) for tensor in graph.outputs]
        graph_def = graph.as_graph_def(add_shapes=True)
        library = {function.signature.name: function for function in graph_def.library.function}
        return Definition(graph_def.node, given, results, library, self.made.get(id(graph), ()))

@pytest.fixture(scope="module")
def drawn():
    "The drawings of all functions, each made once."
    made = {}
    def get(name):
        if name not in made: made[name] = Drawn(name)
        return made[name]
    return get

each = pytest.mark.parametrize("name", CASES)

def within(readings) -> dict:
    "The nodes in the graphs within a graph: by node, title -> nodes, and those within them."
    return {node: {title: (part.finished(), within(part.parts)) for title, part in parts.items()} for node, parts in readings.items()}

@each
def test_a_drawing_holds_what_the_definition_says(name, drawn):
    one = drawn(name)
    compared = Comparison(one.definition(), name, one.view.all_nodes, within(one.view.readings))
    assert compared.differences() == []

def changed(node, **more): return lambda nodes: [each._replace(**more) if each.name == node else each for each in nodes]
def without(node): return lambda nodes: [each._replace(inputs=tuple(n for n in each.inputs if n != node)) for each in nodes if each.name != node]
WRONG = {
    "arguments exchanged": ("differences", changed("sub", inputs=("y", "x"))), "an argument lost": ("differences", changed("sub", inputs=("x",))),
    "another result": ("differences", changed("returns", inputs=("sub",))), "an operation lost": ("differences", without("sub_1")),
    "a wrong shape": ("differences", changed("sub", note="(4,)")), "no gradient": ("slope", changed("gradient_tape/Cos", kind="operation")),
    "a gradient too many": ("stable_gradient", changed("Exp", kind="gradient")), "another number": ("whole_numbers", changed("mul/y", label="6")),
    "no axis": ("reductions", changed("Max", detail="keep_dims")), "another slice's end": ("halved", changed("split[2]", label="[1]")),
    "an assignment that is none": ("read_after_write", changed("AssignVariableOp", kind="operation")),
    "an old value": ("read_after_write", changed("mul_1", inputs=("a", "x"))),
    "a loop without an end": ("while_loop_at_most", changed("while", detail="4 operations"))}

@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_noticed(wrong, drawn):
    name, change = WRONG[wrong]
    one = drawn(name)
    nodes = change(one.view.all_nodes)
    assert nodes != one.view.all_nodes and Comparison(one.definition(), name, nodes, within(one.view.readings)).differences() != []

# ---- what steps show -------------------------------------------------------------------------------------------------

def variables_of(one) -> list:
    "The variables that a function uses, with what is in them."
    return [value for value in one.traced.feeds.values() if isinstance(value, tf.Variable)]

@contextlib.contextmanager
def unchanged(variables):
    before = [variable.numpy() for variable in variables]
    try: yield
    finally:
        for variable, value in zip(variables, before): variable.assign(value)

def called(one) -> tuple[list, dict]:
    "What a call returns, and the results of all operations that it runs, by their type."
    seen = {}
    def note(op_type, inputs, attrs, outputs, op_name=None, graph=None):
        if graph is None: seen.setdefault(op_type if isinstance(op_type, str) else op_type.decode(), []).append(list(outputs))
    op_callbacks.add_op_callback(note)
    fn = tf.function(one.fn) if one.case.lazy else one.fn
    try: found = fn(*one.case.inputs)
    finally: op_callbacks.remove_op_callback(note)
    return tf.nest.flatten(found, expand_composites=True), seen

def close(a, b) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind in "OSUb" or b.dtype.kind in "OSUb": return a.shape == b.shape and (a == b).all()
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)

def compared(one, steps, seen) -> list[str]:
    "Where a step differs from what the same operation gave in a call, for types that both have equally often."
    found, graph = [], one.traced.graph
    for op_type in {op.type for op in graph.get_operations()} & seen.keys():
        ops = [op for op in graph.get_operations() if op.type == op_type]
        if len(ops) != len(seen[op_type]): continue
        for op, outputs in zip(ops, seen[op_type]):
            value = steps.values.get(op.name)
            node = next((node for node in one.view.all_nodes if node.name == op.name), None)
            if value is None or node is None or node.kind == "update" or np.shape(value) not in [tuple(out.shape) for out in outputs]: continue
            one.agreed += 1
            if not any(close(value, out.numpy()) for out in outputs): found.append(f"{op.name}: {value} is not {outputs[0].numpy()}")
    return found

@each
def test_steps_show_what_happens_in_a_call(name, drawn):
    one = drawn(name)
    if one.case.still or one.case.effects:
        with pytest.raises(ValueError, match=one.case.effects or one.case.still): one.view.steps()
        return
    variables, one.agreed = variables_of(one), 0
    before = [variable.numpy() for variable in variables]
    steps = one.steps
    assert all(close(variable, value) for variable, value in zip(variables, before))
    with unchanged(variables):
        results, seen = called(one)
        results = [np.asarray(value) for value in results if value is not None]
        nodes = [node for node in steps.nodes if node.kind == "output"]
        if one.case.random: return
        shown = [steps.values[node.name] for node in nodes]
        assert len(shown) == len(results) or len(nodes) == 1
        assert all(close(*pair) for pair in zip(shown, results))
        assert compared(one, steps, seen) == []
        for node in one.view.all_nodes: check_new_value(node, one, steps)

def check_new_value(node, one, steps):
    "The value of a variable's last update is what the variable has after a call."
    later = {name for other in one.view.all_nodes for name in other.inputs if other.kind in ("update", "variable")}
    value = steps.values.get(node.name)
    if node.kind != "update" or value is None or node.name in later: return
    label = node.label.rpartition(" ")[0]
    known = [v for v in variables_of(one) if (getattr(v, "path", None) or v.name.split(":")[0]) == label]
    if len(known) == 1: assert close(known[0].numpy(), value), (node.name, value, known[0].numpy())

# ---- phases ----------------------------------------------------------------------------------------------------------

def phases_of(one, nodes, drawn_name) -> dict:
    "The phase of each step, from the operations that TensorFlow made while it computed gradients, and from what leads to what."
    slopes = {drawn_name[name] for name in one.made.get(id(one.traced.graph), ()) if name in drawn_name}
    after, leading, found = {}, set(), {}
    for node in nodes: after[node.name] = node.name in slopes or any(after[name] for name in node.inputs)
    for node in reversed(nodes):
        if node.kind == "update" or node.name in leading:
            leading.add(node.name)
            if node.name not in slopes: leading.update(node.inputs)
    for node in nodes:
        if node.kind == "output": found[node.name] = "Result"
        elif node.name in slopes or node.kind == "part" and found[node.inputs[0]] == "Gradients": found[node.name] = "Gradients"
        elif node.kind == "update" or after[node.name] and node.name in leading: found[node.name] = "Update"
        else: found[node.name] = "After the gradients" if after[node.name] else "Forward pass"
    return found

@each
def test_phases_are_those_of_the_work(name, drawn):
    one = drawn(name)
    if one.view.groups or one.case.still or one.case.effects: return
    steps, names = one.steps, Comparison(one.definition(), name, one.view.all_nodes, within(one.view.readings)).drawn_name
    moments = [node.name for node in steps.nodes if node.at and node.kind != "constant"]
    expected = phases_of(one, steps.nodes, names)
    assert [expected[moment] for moment in moments] == [phase for phase, _ in steps.captions[1:]]

# ---- what is first seen ----------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"

def seen_in(text: str) -> tuple[list, int, float]:
    "The names of the nodes in a picture, how many lines it has, and its width in pixels."
    root = ET.fromstring(text.encode())
    nodes = [g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g") if "mgt-node" in g.get("class", "")]
    return nodes, sum("mgt-edge" in g.get("class", "") for g in root.iter(f"{SVG}g")), float(root.get("width"))

@each
def test_a_picture_holds_all_that_fits_a_page(name, drawn):
    view = drawn(name).view
    nodes, lines, wide = seen_in(view.svg)
    assert sorted(nodes) == sorted(node.name for node in view.nodes) and len(nodes) <= 40 and wide <= 1280
    assert lines == sum(len(set(node.inputs)) for node in view.nodes) == view.dot.count(" -> ")
    inside = [node.name for members in view.groups.values() for node in members]
    folded = {node.name for node in view.all_nodes if node.kind in ("variable", "input") and not node.inputs} - set(nodes)
    assert {node.name for node in view.all_nodes} - folded <= {*nodes, *inside} or "returns …" in nodes
    assert column_width(view.nodes) <= PAGE
