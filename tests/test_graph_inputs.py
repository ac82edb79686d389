"""What people bring to graph_of, beside functions of tensors: keywords, signatures, traced functions, graphs of 2018, saved models,
partials, networks; the names that inputs, results, variables, calls and loops get; and what is refused, in one line."""
import collections, dataclasses, functools, pathlib, re, xml.etree.ElementTree as ET
import keras, numpy as np, pytest
from browser import visit
from graph_cases import collatz
from mnist_graph_tutorial.graph_drawing import svg_text
from mnist_graph_tutorial.graph_layers import Node
from mnist_graph_tutorial.graph_layout import arrange, half_size
from mnist_graph_tutorial.graph_view import graph_of
import tensorflow as tf

v1 = tf.compat.v1
ONE, TWO, GRID = tf.constant(1.), tf.constant(2.), tf.constant([[1., 2.], [3., 4.]])

def labels(view, *kinds): return [node.label for node in view.nodes if not kinds or node.kind in kinds]
def inputs(view): return labels(view, "input")
def results(view): return labels(view, "output")
def operations(view): return [text for text in labels(view, "operation", "box")]
def inside(view, ending): return next(part for title, part in view.parts.items() if title.endswith(ending))

def values(view) -> list:
    "The results of the steps, in the order of the drawing."
    steps = view.steps()
    return [steps.values[node.name] for node in steps.nodes if node.kind == "output"]

def agrees(view, eager):
    "Whether the steps end with what a call returns."
    found = values(view)
    expected = tf.nest.flatten(eager) if len(found) > 1 or isinstance(eager, dict) else [np.asarray(eager)]
    return len(found) == len(expected) and all(np.allclose(*pair) for pair in zip(found, expected))

def refused(*args, kind=ValueError, **named) -> str:
    "The one line that a refusal is."
    with pytest.raises(kind) as caught: graph_of(*args, **named)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 450 and " at 0x" not in text
    return text

# ---- keywords --------------------------------------------------------------------------------------------------------

def power(x, n=2, *, scale=1.): return scale * x ** n

def test_keywords_go_to_the_function():
    view = graph_of(power, TWO, scale=tf.constant(3.))
    assert inputs(view) == ["x", "scale"] and agrees(view, power(TWO, scale=3.))
    assert labels(graph_of(power, TWO, n=5), "constant") == ["5", "1"] and agrees(graph_of(power, TWO, n=5), 32.)
    assert inputs(graph_of(power, x=TWO)) == ["x"]

def test_keywords_in_another_order_keep_their_places():
    def minus(x, y): return x - y
    for fn in (minus, tf.function(minus)):
        view = graph_of(fn, y=ONE, x=TWO)
        assert inputs(view) == ["x", "y"] and agrees(view, 1.)

def test_any_number_of_inputs_and_of_keywords():
    view = graph_of(lambda *xs, **more: tf.add_n(xs) - more["zeta"] * more["alpha"], ONE, TWO, zeta=TWO, alpha=tf.constant(5.))
    assert inputs(view) == ["xs/0", "xs/1", "zeta", "alpha"] and agrees(view, -7.)
    keyed = tf.function(lambda d, **more: d["u"] - d["b"] + more["z"] * more["c"])
    view = graph_of(keyed, {"u": ONE, "b": TWO}, z=tf.constant(5.), c=tf.constant(7.))
    assert sorted(inputs(view)) == ["c", "d/b", "d/u", "z"] and agrees(view, 34.)

def test_limit_is_graph_ofs_and_fn_is_the_functions():
    def cut(x, limit): return tf.minimum(x, limit)
    assert agrees(graph_of(cut, TWO, ONE), 1.) and graph_of(cut, TWO, ONE, limit=3).limit == 3
    assert refused(cut, TWO, limit=3) == ("cut(x, limit) got 1 inputs: missing a required argument: 'limit'; "
                                          "limit= is for graph_of, so give it by its place")
    view = graph_of(lambda fn, nodes, name: fn * nodes - name, fn=TWO, nodes=ONE, name=ONE)
    assert inputs(view) == ["fn", "nodes", "name"] and agrees(view, 1.)

def test_a_network_in_training():
    net = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(name="norm")])
    still, moving = graph_of(net, GRID), graph_of(net, GRID, training=True)
    assert labels(still, "update") == [] and len(labels(moving, "update")) == 2
    assert inputs(still) == inputs(moving) == ["inputs"] and agrees(still, net(GRID))
    assert "Dense" in repr(graph_of(keras.layers.Dense(1), GRID, training=True))

# ---- signatures ------------------------------------------------------------------------------------------------------

@tf.function(input_signature=[tf.TensorSpec([None])])
def doubled(x): return 2 * x

@tf.function(input_signature=[{"q": tf.TensorSpec([None, 2]), "k": (tf.TensorSpec([None, 2]), tf.TensorSpec([]))}])
def attended(d): return {"sum": d["q"] * d["k"][1] + d["k"][0]}

def test_an_input_signature_is_enough_to_draw():
    view = graph_of(doubled)
    assert inputs(view) == ["x"] and operations(view) == ["× mul"] and "(?,)" in view.svg
    with pytest.raises(ValueError, match="^x has a shape but no values to step through$"): view.steps()
    assert agrees(graph_of(doubled, [1., 2.]), [2., 4.]) and agrees(graph_of(doubled, np.float64([1, 2])), [2., 4.])

def test_a_nested_signature():
    view, given = graph_of(attended), graph_of(attended, {"q": GRID, "k": (GRID, TWO)})
    assert sorted(inputs(view)) == ["d/k/0", "d/k/1", "d/q"] and results(view) == ["returns sum"]
    assert agrees(given, 3 * GRID)
    with pytest.raises(ValueError, match="^d/k/0, d/k/1, d/q have shapes but no values"): view.steps()

class Scaled(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(3., name="w")
    @tf.function(input_signature=[tf.TensorSpec([]), tf.TensorSpec([])])
    def __call__(self, zeta, alpha): return {"scaled": self.w * zeta - alpha, "alpha": alpha}
    @tf.function
    def either(self, x, flag=True): return x * self.w if flag else x - self.w

def test_a_module_with_a_signature_of_its_own():
    view, module = graph_of(Scaled()), Scaled()
    assert inputs(view) == ["zeta", "alpha"] and labels(view, "variable") == ["w"] and labels(view, "box") == []
    assert agrees(graph_of(module, TWO, ONE), module(TWO, ONE)) and repr(view).startswith("Graph of Scaled:")
    assert operations(graph_of(module.either, TWO, flag=False)) == ["− sub"] and agrees(graph_of(module.either, TWO), 6.)

# ---- traced functions ------------------------------------------------------------------------------------------------

def test_a_concrete_function_without_a_box_around_it():
    concrete = doubled.get_concrete_function()
    for view in (graph_of(concrete), graph_of(concrete, tf.constant([1., 2.]))):
        assert inputs(view) == ["x"] and operations(view) == ["× mul"] and repr(view).startswith("Graph of doubled")
    assert agrees(view, [2., 4.])

def test_a_concrete_function_with_nested_inputs_and_arrays():
    concrete = attended.get_concrete_function()
    assert agrees(graph_of(concrete, {"q": GRID.numpy(), "k": (GRID, 2.)}), concrete({"q": GRID, "k": (GRID, TWO)}))

@pytest.mark.parametrize("given, said", [
    (({"q": ONE, "k": (GRID, ONE)},), "attended cannot take this d/q: ValueError: float32 () was given, where float32 (None, 2) is asked for"),
    (({"q": tf.constant([[1, 2]]), "k": (GRID, ONE)},), "attended cannot take this d/q: ValueError: int32 (1, 2) was given, where float32"),
    (({"q": GRID},), "attended takes d/k/0, d/k/1, d/q, and 1 values were given"),
    ((GRID, GRID), "attended(d) got 2 inputs: too many positional arguments")])
def test_inputs_that_do_not_fit_a_concrete_function(given, said):
    assert refused(attended.get_concrete_function(), *given).startswith(said)

def test_a_concrete_function_that_was_traced_otherwise():
    module = Scaled()
    concrete = module.either.get_concrete_function(ONE, flag=False)
    assert refused(concrete, ONE, True) == "either was traced with flag=False, not True"
    del module
    assert "variables which have been deleted" in refused(concrete)

def test_captured_values_and_variables_of_a_concrete_function():
    w, table = tf.Variable([1., 2.], name="w"), tf.constant([5., 6., 7., 8.])
    concrete = tf.function(lambda x: w * x + table[:2]).get_concrete_function(tf.TensorSpec([2]))
    view = graph_of(concrete, tf.constant([1., 1.]))
    assert labels(view, "variable") == ["w"] and "constant (4,)" in labels(view, "constant") and agrees(view, [6., 8.])

# ---- partials, decorated functions, methods --------------------------------------------------------------------------

def test_partials_have_no_box_around_them():
    view = graph_of(functools.partial(functools.partial(lambda a, b, c: a - b * c, b=2.), c=TWO), ONE)
    assert inputs(view) == ["a", "c"] and labels(view, "constant") == ["2"] and agrees(view, -3.)
    view = graph_of(functools.partial(tf.function(power), n=3), TWO)
    assert operations(view)[0] == "Pow" and repr(view).startswith("Graph of power:") and agrees(view, 8.)
    net = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    assert len(labels(graph_of(functools.partial(net, training=True), GRID), "update")) == 2

def test_a_decorated_function_gets_what_was_given():
    def twice(fn):
        @functools.wraps(fn)
        def wrapper(*args, **named): return 2 * fn(*args, **named)
        return wrapper
    @twice
    def times(x, y=2.): return x * y
    assert inputs(graph_of(times, ONE)) == ["x"] and inputs(graph_of(times, ONE, y=TWO)) == ["x", "y"]
    assert agrees(graph_of(times, ONE, y=TWO), 4.) and agrees(graph_of(tf.raw_ops.Sub, x=TWO, y=ONE), 1.)

# ---- names -----------------------------------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "left right")

@dataclasses.dataclass(frozen=True)
class Batch:
    words: tf.Tensor
    mask: tf.Tensor = 2.

class Masked(tf.experimental.ExtensionType):
    values: tf.Tensor
    mask: tf.Tensor

CASES = {
    "dictionary": (lambda inputs: inputs["words"] * inputs["mask"], ({"words": GRID, "mask": TWO},), ["inputs/mask", "inputs/words"], ["returns"]),
    "nested": (lambda d: {"sum": d["a"]["b"] + d["l"][1]}, ({"a": {"b": ONE}, "l": [ONE, TWO]},), ["d/a/b", "d/l/0", "d/l/1"], ["returns sum"]),
    "named tuple": (lambda p: Pair(p.right, 2 * p.left), (Pair(ONE, TWO),), ["p/left", "p/right"], ["returns left", "returns right"]),
    "tuple in a dictionary": (lambda d: {"o": Pair(d["n"].right, d["n"].left)}, ({"n": Pair(ONE, TWO)},), ["d/n/left", "d/n/right"],
                              ["returns o/left", "returns o/right"]),
    "nested results": (lambda x: (x, [2 * x, {"minus": -x}]), (ONE,), ["x"], ["returns 0", "returns 1/0", "returns 1/1/minus"]),
    "array": (lambda x, y: x * y, (np.float64(2), np.arange(3.)), ["x", "y"], ["returns"]),
    "constant": (lambda x, n, mask=None: x * n, (ONE, 3), ["x"], ["returns"]),
    "one in a list": (lambda x: [2 * x], (ONE,), ["x"], ["returns"]),
    "none among them": (lambda x: (None, x), (ONE,), ["x"], ["returns 1"])}

@pytest.mark.parametrize("name", CASES)
def test_parts_are_called_by_their_keys_and_fields(name):
    fn, given, named, returned = CASES[name]
    view = graph_of(fn, *given)
    assert sorted(inputs(view)) == named and results(view) == returned
    assert agrees(view, [value for value in tf.nest.flatten(fn(*given)) if value is not None])

def test_fields_of_dataclasses():
    view = graph_of(lambda b, more: Batch(b.words * more[0].words, {"deep": b.mask}), Batch(GRID, TWO), [Batch(ONE)])
    assert inputs(view) == ["b/words", "b/mask", "more/0/words"] and sorted(results(view)) == ["returns mask/deep", "returns words"]
    assert agrees(view, [2., GRID])

def test_parts_of_other_tensors():
    view = graph_of(lambda e: Masked(2 * e.values, e.mask), Masked(ONE, tf.constant(True)))
    assert inputs(view) == ["e/values", "e/mask"] and results(view) == ["returns values", "returns mask"] and agrees(view, [2., True])
    view = graph_of(lambda r: r.values * 2, tf.ragged.constant([[1.], [2., 3.]]))
    assert inputs(view) == ["r/values", "r/row_splits"] and agrees(view, [[2., 4., 6.]])
    view = graph_of(tf.sparse.to_dense, tf.sparse.from_dense([[0., 5.]]))
    assert [text.split("/")[1] for text in inputs(view)] == ["indices", "values", "dense_shape"] and agrees(view, [[[0., 5.]]])

def test_a_data_set_is_an_input():
    view = graph_of(lambda ds: ds.reduce(0., lambda a, b: a + b), tf.data.Dataset.from_tensor_slices([1., 2.]))
    assert inputs(view) == ["ds"] and agrees(view, 3.)

class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.first, self.norm = keras.layers.Dense(2, name="first"), keras.layers.BatchNormalization(name="norm")
    def call(self, x, training=False): return self.norm(self.first(x), training=training)

def test_variables_of_a_network_have_keras_path():
    net = Net()
    net(GRID)
    assert sorted(labels(graph_of(net, GRID), "variable")) == sorted(v.path for v in net.variables)
    assert "net/first/kernel" in labels(graph_of(lambda x: net(x) + 1., GRID), "variable")

def test_variables_of_an_optimizer_have_keras_path():
    layer, optimizer = keras.layers.Dense(1, name="line", use_bias=False), keras.optimizers.SGD(0.1, momentum=.9, name="sgd")
    layer.build((None, 2))
    optimizer.build(layer.trainable_variables)
    def step(x):
        with tf.GradientTape() as tape: loss = tf.reduce_sum(layer(x) ** 2)
        optimizer.apply(tape.gradient(loss, layer.trainable_variables))
        return loss
    assert {v.path for v in optimizer.variables[2:]} <= set(labels(graph_of(step, GRID, limit=99), "variable"))

def test_a_network_with_several_inputs():
    first, second = keras.Input((2,), name="image"), keras.Input((2,), name="text")
    net = keras.Model({"image": first, "text": second}, {"sum": keras.layers.Add()([first, second]), "image": first * 2})
    view, alone = graph_of(net, {"image": GRID, "text": -GRID}), graph_of(net)
    assert inputs(view) == inputs(alone) == ["inputs/image", "inputs/text"] and results(view) == ["returns image", "returns sum"]
    assert agrees(view, [2 * GRID, 0 * GRID])
    with pytest.raises(ValueError, match="^inputs/image, inputs/text have shapes but no values"): alone.steps()

def test_a_call_is_called_by_its_function():
    @tf.function
    def inner(x): return tf.sin(x)
    view = graph_of(lambda x: inner(x) + inner(2 * x), ONE)
    assert labels(view, "box") == ["inner", "inner"] and list(view.parts) == ["inner: inside", "inner (2): inside"]
    assert "PartitionedCall" not in view._repr_html_() and agrees(view, tf.sin(1.) + tf.sin(2.))
    alone = graph_of(lambda x: inner(x), ONE)
    assert labels(alone) == ["x", "Sin", "returns"] and agrees(alone, tf.sin(1.))

# ---- names in loops --------------------------------------------------------------------------------------------------

def powers(x, times):
    total = 0.
    for i in tf.range(times):
        inner = 1.
        while inner < x: inner *= 2.
        total += inner * tf.cast(i, tf.float32)
    return total

def calls_collatz(n): return collatz(n)

@pytest.mark.parametrize("fn", [collatz, tf.function(collatz), calls_collatz], ids=["function", "tf.function", "called"])
def test_variables_of_a_loop_have_the_readers_names(fn):
    view = graph_of(fn, tf.constant(7))
    body = inside(view, "body")
    assert sorted(inputs(body)) == ["most", "n", "steps"] and sorted(labels(view, "part")) == ["last most", "last steps"]
    assert sorted(results(body)) == ["next most", "next n", "next steps"] and inputs(inside(view, "condition")) == ["n"]
    assert agrees(view, collatz(tf.constant(7)))

def test_loops_in_loops():
    view = graph_of(powers, tf.constant(5.), tf.constant(3))
    body = inside(view, "body")
    assert {"i", "total", "x"} <= set(inputs(body)) and "inner" in inputs(inside(body, "body")) and agrees(view, 24.)

def test_a_loop_over_dictionaries():
    def loop(x): return tf.while_loop(lambda s: s["k"] < 3, lambda s: [{"k": s["k"] + 1, "v": 2. * s["v"]}], [{"k": tf.constant(0), "v": x}])
    view = graph_of(loop, ONE)
    assert inputs(inside(view, "body")) == ["k", "v"] and labels(view, "part") == ["last k", "last v"]
    assert results(view) == ["returns 0/k", "returns 0/v"] and agrees(view, [3, 8.])

# ---- graphs of 2018 --------------------------------------------------------------------------------------------------

def of_2018(resource=True):
    graph = tf.Graph()
    with graph.as_default():
        x, t = v1.placeholder(tf.float32, [None], name="x"), v1.placeholder(tf.float32, [None], name="t")
        a, b = (v1.Variable(value, use_resource=resource, name=name) for name, value in (("a", 2.), ("b", 1.)))
        loss = tf.reduce_mean(tf.square(a * x + b - t), name="loss")
        v1.train.GradientDescentOptimizer(.25).minimize(loss)
        v1.train.Saver()
        v1.global_variables_initializer()
    return graph

@pytest.mark.parametrize("resource", [True, False], ids=["today's variables", "references"])
def test_the_graph_of_2018(resource):
    view = graph_of(of_2018(resource))
    assert inputs(view) == ["x", "t"] and results(view) == ["returns loss"]
    assert sorted(labels(view, "variable")) == ["a", "b"] and operations(view) == ["× mul", "+ add", "− sub", "Square", "Mean"]
    assert sorted(labels(view, "update")) == ["a ApplyGradientDescent", "b ApplyGradientDescent"] and labels(view, "gradient")
    with pytest.raises(ValueError, match="^x, t have shapes but no values"): view.steps()

def test_a_graph_of_2018_without_variables_steps():
    graph = tf.Graph()
    with graph.as_default():
        x, n = v1.placeholder(tf.float32, [2], name="data/x"), v1.placeholder(tf.float32, (), name="n")
        y = tf.cond(x[0] > 0, lambda: x * n, lambda: -x)
        tf.identity(v1.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * 2), (0, y))[1], name="out")
    view = graph_of(graph, [1., 2.], n=3.)
    assert inputs(view) == ["data/x", "n"] and results(view) == ["returns out"] and labels(view, "box") == ["if", "while loop"]
    assert "× mul" in labels(inside(view, "if true")) and agrees(view, [[24., 48.]])
    with pytest.raises(ValueError, match="^data/x, n have shapes but no values"): graph_of(graph).steps()
    assert refused(graph, nosuch=1) == "graph has the placeholders data/x, n, and no others"
    assert refused(graph, tf.constant([1, 2])).endswith("int32 (2,) was given, where float32 (2,) is asked for")

def test_gradients_are_results_where_nothing_is_updated():
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float32, [2], name="x")
        v1.gradients(tf.reduce_sum(tf.sin(x)), x)
        v1.gradients(tf.reduce_sum(x * x), x)
    view = graph_of(graph, [1., 2.])
    assert len([text for text in results(view) if "gradients" in text]) == 2
    made = {node.label for node in view.nodes if node.kind == "gradient"}
    assert "Cos" in made and labels(view, "operation").count("Sin") == 1

def old_graph(build, old, resource):
    "A graph of TensorFlow 1, with loops in its way or in today's."
    if old: v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph: build(resource)
    finally: v1.enable_control_flow_v2()
    return graph

def placed(*shapes): return [v1.placeholder(tf.float32, shape, name=name) for name, shape in zip("xt", shapes)]
def stored(value, resource, name): return v1.Variable(value, use_resource=resource, name=name)
def doubled_thrice(y): return v1.while_loop(lambda k, z: k < 3, lambda k, z: (k + 1, z * 2.), (0, y))[1]

@pytest.mark.parametrize("where, op", [("branch", "cond/AssignAdd"), ("loop", "while/AssignAdd")])
def test_a_reference_that_is_changed_inside_is_refused_with_what_would_do(where, op):
    def build(resource):
        x, a = v1.placeholder(tf.float32, (), name="x"), stored(2., resource, "a")
        def added(): return v1.assign_add(a, x)
        tf.identity(v1.cond(x > 0, added, lambda: x * a) if where == "branch" else v1.while_loop(lambda k: k < 3, lambda k: k + added(), [x]))
    assert refused(old_graph(build, True, False), 3.) == (f"TensorFlow cannot read graph: ValueError: {op} changes a variable of TensorFlow 1 in "
                                                  "a branch or a loop, which can be drawn only of variables with use_resource=True")
    assert inside(graph_of(old_graph(build, True, True), 3.), "true" if where == "branch" else "body").nodes

def trained(optimizer):
    def build(resource):
        x, t = placed([None], [None])
        a, b = stored(2., resource, "a"), stored(1., resource, "b")
        optimizer().minimize(tf.reduce_mean(tf.square(a * x + b - t), name="loss"))
        v1.global_variables_initializer()
    return build

def read_after(resource):
    x, = placed(())
    with tf.control_dependencies([v1.assign_add(stored(2., resource, "a"), x)]): tf.multiply(x, 3., name="out")

def nested(resource):
    x, = placed(())
    def turn(i, y): return i + 1, v1.cond(y > 3., lambda: y - x, lambda: doubled_thrice(y + 1.))
    tf.identity(v1.while_loop(lambda i, y: i < 4, turn, (0, x))[1], name="out")

def through_a_loop(resource):
    x, = placed(())
    a = stored(2., resource, "a")
    y = v1.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * a), (0, x))[1]
    v1.train.GradientDescentOptimizer(.25).minimize(tf.square(y, name="loss"))

def gathered(resource):
    x, = placed([3])
    array = tf.TensorArray(tf.float32, 3)
    array = v1.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t.write(i, x[i] * 2.)), (0, array))[1]
    tf.add(array.stack(), tf.scan(lambda s, v: s + v, x), name="out")

def either(resource):
    x, = placed(())
    tf.identity(v1.cond(x > 0, lambda: v1.cond(x > 2, lambda: x, lambda: x * 5.), lambda: -x), name="out")

def assigned_in_a_branch(resource):
    x, = placed(())
    a = stored(2., True, "a")
    tf.identity(v1.cond(x > 0, lambda: v1.assign(a, x), lambda: v1.assign(a, a * 2.)), name="out")

descent, moved = (lambda: v1.train.GradientDescentOptimizer(.25)), (lambda: v1.train.MomentumOptimizer(.1, .9))
OLD = {"descent": (trained(descent), [[1., 2.], [0., 1.]]), "momentum": (trained(moved), [[1., 2.], [0., 1.]]), "read after": (read_after, [3.]),
       "nested": (nested, [2.]), "through a loop": (through_a_loop, [1.]), "gathered": (gathered, [[1., 2., 3.]]), "either": (either, [1.]),
       "neither": (either, [-1.]), "assigned in a branch": (assigned_in_a_branch, [1.])}

@pytest.mark.parametrize("old", [True, False], ids=["circles", "loops of today"])
@pytest.mark.parametrize("resource", [True, False], ids=["today's variables", "references"])
@pytest.mark.parametrize("name", OLD)
def test_old_graphs_step_as_a_session_runs_them(name, resource, old):
    build, given = OLD[name]
    graph = old_graph(build, old, resource)
    view = graph_of(graph, *given)
    steps = view.steps()
    assert not {"Switch", "Merge", "Enter", "Exit", "NextIteration"} & set(labels(view)) and steps._repr_html_()
    variables = [op for op in graph.get_operations() if op.type in ("VariableV2", "VarHandleOp")]
    with graph.as_default(), v1.Session() as session:
        ops = graph.get_operations()
        now = [op.outputs[0] if op.type == "VariableV2" else tf.raw_ops.ReadVariableOp(resource=op.outputs[0], dtype=tf.float32) for op in variables]
        session.run([op for op in ops if op.name in [f"{v.name}/Assign" for v in variables]])
        done = [op for op in ops if op.type.startswith(("Apply", "ResourceApply", "AssignAdd"))]
        results = [text.removeprefix("returns ") + ":0" for text in results_of(view)]
        found, _ = session.run([results, done], {f"{key}:0": value for key, value in zip("xt", given)})
        last = dict(zip([op.name for op in variables], session.run(now)))
    shown = [steps.values[node.name] for node in steps.nodes if node.kind == "output"]
    assert results and all(np.allclose(*pair) for pair in zip(found, shown, strict=True))
    for node in steps.nodes:
        if node.kind == "update": assert np.allclose(steps.values[node.name], last[node.label.split()[0]])

def results_of(view): return labels(view, "output")

def test_steps_of_an_old_graph_leave_a_session_alone():
    graph = of_2018()
    session, count = v1.Session(graph=graph), len(graph.get_operations())
    session.run([op for op in graph.get_operations() if op.name in ("a/Assign", "b/Assign")])
    steps = graph_of(graph, [1., 2.], [0., 0.]).steps()
    assert session.run("a/Read/ReadVariableOp:0") == 2. and len(graph.get_operations()) == count
    with session, pytest.raises(RuntimeError, match="^TensorFlow only builds a graph here, as in 2018"):
        graph_of(graph, [1., 2.], [0., 0.]).steps()
    session.close()
    assert [node.value for node in steps.nodes if node.kind == "update"] == ["−1.25", "−1"]

def test_a_loop_in_the_old_way_is_a_loop():
    graph = old_graph(lambda resource: doubled_thrice(placed(())[0]), True, True)
    view = graph_of(graph, ONE)
    assert labels(view, "box") == ["while loop"] and "× mul" in labels(inside(view, "body")) and inputs(view) == ["x"]
    assert 8. in values(view) and labels(graph_of(tf.Graph())) == []

def test_an_old_graph_without_first_values_is_drawn_and_not_stepped():
    graph = tf.Graph()
    with graph.as_default():
        tf.multiply(v1.placeholder(tf.float32, (), name="x"), tf.raw_ops.ReadVariableOp(
            resource=tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=(), shared_name="w", name="w"), dtype=tf.float32), name="out")
    view = graph_of(graph, ONE)
    assert labels(view, "variable") == ["w"]
    with pytest.raises(ValueError, match="the graph has no first value for w, so there is nothing to step through"): view.steps()

# ---- saved models ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> pathlib.Path:
    "A directory with saved models: one with signatures to serve, one with a call alone, several, and one of Keras."
    folder, module = tmp_path_factory.mktemp("saved"), Scaled()
    for flag in (True, False): module.either(ONE, flag)
    tf.saved_model.save(module, folder / "serves")
    either = module.either.get_concrete_function(tf.TensorSpec([]), True)
    tf.saved_model.save(module, folder / "several", signatures={"one": module.__call__, "two": either})
    tf.saved_model.save(module, folder / "single", signatures={"only": either})
    called = tf.Module()
    called.w = tf.Variable(2., name="w")
    called.method = tf.function(lambda x: called.w * x)
    called.method(ONE)
    tf.saved_model.save(called, folder / "mute")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")], name="net").export(folder / "keras", verbose=False)
    return folder

def test_the_path_of_a_saved_model(saved):
    for path in (saved / "serves", str(saved / "serves")):
        view = graph_of(path)
        assert sorted(inputs(view)) == ["alpha", "zeta"] and results(view) == ["returns alpha", "returns scaled"]
        assert labels(view, "variable") == ["w"] and operations(view) == ["× mul", "− sub"] and repr(view).startswith("Graph of serves")
    with pytest.raises(ValueError, match="^(alpha|zeta), (alpha|zeta) have shapes but no values"): view.steps()
    assert agrees(graph_of(saved / "serves", zeta=TWO, alpha=ONE), [1., 5.]) and agrees(graph_of(saved / "serves", TWO, ONE), [1., 5.])

def test_a_loaded_model_and_what_is_in_it(saved):
    loaded = tf.saved_model.load(saved / "serves")
    for view in (graph_of(loaded, TWO, ONE), graph_of(loaded.__call__, TWO, ONE), graph_of(loaded.signatures["serving_default"], zeta=TWO, alpha=ONE)):
        assert operations(view) == ["× mul", "− sub"] and agrees(view, [1., 5.])
    assert operations(graph_of(loaded.either, TWO, flag=False)) == ["− sub"] and agrees(graph_of(loaded.either, TWO, flag=True), 6.)
    assert agrees(graph_of(loaded.either, TWO), loaded.either(TWO))
    called = graph_of(lambda x: loaded.either(x) * 2, TWO)
    assert labels(called, "box") == ["either"] and agrees(called, 12.)

def test_one_signature_is_taken_and_of_several_one_is_asked_for(saved):
    assert agrees(graph_of(saved / "single", x=TWO), 6.)
    assert refused(saved / "several") == "several has several signatures, one, two: draw one of loaded.signatures"
    assert refused(saved / "mute") == "mute has no signature and cannot be called"

def test_a_network_that_was_exported(saved):
    view = graph_of(saved / "keras", GRID)
    assert labels(view, "operation") == ["MatMul", "+ add"] and labels(view, "box") == []
    assert [text.split("/")[-1] for text in labels(view, "variable")] == ["kernel", "bias"] and view.steps()

# ---- what cannot be drawn --------------------------------------------------------------------------------------------

def test_what_is_no_function():
    for thing in (3, None, [1, 2], GRID): assert refused(thing, kind=TypeError).startswith("graph_of needs a function, not ")
    assert refused(keras.layers.Dense, GRID, kind=TypeError) == "graph_of needs a function, and Dense is a class: make an object of it first"

def test_a_path_that_leads_nowhere(tmp_path):
    assert refused("no/where") == "'no/where' is no directory of a SavedModel"
    assert refused(tmp_path) == f"'{tmp_path}' is no directory of a SavedModel"
    assert refused("net.keras").endswith("; load a file of Keras with keras.saving.load_model")
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    assert refused(tmp_path).startswith("TensorFlow cannot load ")

@pytest.mark.parametrize("fn, given, named, said", [
    (lambda x, y: x, (ONE,), {}, "lambda(x, y) got 1 inputs: missing a required argument: 'y'"),
    (lambda x: x, (ONE, ONE), {}, "lambda(x) got 2 inputs: too many positional arguments"),
    (lambda x: x, (ONE,), {"wrong": 1}, "lambda(x) got 2 inputs: got an unexpected keyword argument 'wrong'"),
    (tf.function(lambda x: x), (), {}, "lambda(x) got 0 inputs: missing a required argument: 'x'"),
    (keras.layers.Dense(2), (), {}, "Dense(inputs, training=None) got 0 inputs: missing a required argument: 'inputs'"),
    (doubled, (GRID,), {}, "TensorFlow cannot trace doubled: ValueError: float32 (2, 2) was given, where float32 (None,) is asked for"),
    (lambda d: d[1], ({1: ONE, "a": ONE},), {}, "TensorFlow cannot trace lambda: TypeError: '<' not supported")])
def test_a_call_that_cannot_be(fn, given, named, said): assert refused(fn, *given, **named).startswith(said)

def test_what_tensorflow_refuses_is_one_line_without_its_inside():
    async def later(x): return x
    class Odd(keras.layers.Layer):
        def call(self, x): return x if x[0, 0] > 0 else -x
    for fn in (later, lambda x: (i for i in x), max): assert refused(fn, GRID).startswith("TensorFlow cannot trace ")
    assert "_traced_flat" not in refused(later, GRID) and "symbolic" in refused(Odd(), GRID)

# ---- letters ---------------------------------------------------------------------------------------------------------

def test_nothing_that_cannot_be_seen_is_in_a_picture():
    w = tf.Variable(1., name="a\nb\x01")
    def named(d): return {"re\tsult\x07": w * d["ke\x00y\n"]}
    named.__name__ = "na\nme"
    view = graph_of(named, {"ke\x00y\n": ONE})
    raw = svg_text(arrange([Node("x\x0c", "input", "x\x0c\ud800", (), "\x1b")]), "title\x00")
    for text in (view.svg, raw, re.search("<svg.*?</svg>", view.steps()._repr_html_(), re.S)[0]):
        ET.fromstring(text.encode())
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
    lines = view.dot.splitlines()
    assert lines[0] == 'digraph "na me" {' and all(re.fullmatch(r'  "[^"]*" (\[label="[^"]*"\]|-> "[^"]*");', line) for line in lines[1:-1])

@pytest.mark.parametrize("label", ["日本語の長い名前です", "🙂🙂🙂🙂", "★★★★★★★★", "한국어이름입니다"])
def test_wide_letters_stay_in_their_node(label):
    latin, wide = (half_size(Node("n", "input", text))[0] for text in ("m" * len(label), label))
    assert 2 * wide >= 13 * 1.25 * len(label) * (1 if label[0] == "🙂" else .8) + 20 and wide > latin
    view = graph_of(lambda d: d[label] * 2, {label: GRID})
    assert inputs(view) == [f"d/{label}"] and agrees(view, 2 * GRID)

def test_the_picture_alone_has_a_dark_form():
    style = re.search("<style>(.*?)</style>", graph_of(doubled).svg, re.S)[1]
    assert re.search(r"@media \(prefers-color-scheme: dark\) \{ \.mgt-svg:root \{ --ink: #\w+; --paper: #\w+; \} \}", style)
    assert ":root" not in graph_of(doubled)._repr_html_()

COLOURS = "() => { const style = getComputedStyle(document.querySelector('.mgt-svg')); return [style.color, style.backgroundColor]; }"

def test_the_picture_alone_is_dark_for_a_dark_reader(chromium, tmp_path):
    (tmp_path / "graph.svg").write_text(graph_of(doubled).svg, encoding="utf-8")
    found = []
    for dark in (False, True):
        with visit(chromium, (tmp_path / "graph.svg").as_uri(), dark=dark) as page: found.append(page.evaluate(COLOURS))
    assert found == [["rgb(34, 34, 34)", "rgb(255, 255, 255)"], ["rgb(222, 226, 230)", "rgb(22, 24, 28)"]]

PLACES = {"VS Code": ('<html lang="en"><style>:root { --vscode-editor-foreground: #cccccc; --vscode-editor-background: #1f1f1f }</style>', 204, 31),
          "Colab": ('<html lang="en" theme="dark">', 227, 56), "elsewhere": ('<html lang="en">', 34, 255)}
PAPER = """() => { const svg = document.querySelector(".mgt-svg"), probe = document.body.appendChild(document.createElement("p"));
  probe.style.color = getComputedStyle(svg).getPropertyValue("--paper");
  return [getComputedStyle(svg).color, getComputedStyle(probe).color]; }"""

@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("steps", [False, True], ids=["graph", "steps"])
def test_the_drawing_is_dark_where_its_page_is(place, steps, chromium, tmp_path):
    head, ink, paper = PLACES[place]
    view = graph_of(doubled, [1., 2.])
    drawn = (view.steps() if steps else view)._repr_html_()
    (tmp_path / "page.html").write_text(f'<!doctype html>{head}<meta charset="utf-8"><title>Page</title><body>{drawn}', encoding="utf-8")
    with visit(chromium, (tmp_path / "page.html").as_uri()) as page:
        assert page.evaluate(PAPER) == [f"rgb({ink}, {ink}, {ink})", f"rgb({paper}, {paper}, {paper})"]
