"""What a drawing must hold: constants, branches, the order of arguments, results, axes, phases; and what must not break it.
What is expected is read from TensorFlow's own graph definition, or computed by a call."""
import re, xml.etree.ElementTree as ET
import keras, numpy as np, pytest
from mnist_graph_tutorial.graph_drawing import svg_text
from mnist_graph_tutorial.graph_layout import arrange
from mnist_graph_tutorial.graph_operations import effects
from mnist_graph_tutorial.graph_values import array_text
from mnist_graph_tutorial.graph_view import graph_of
import tensorflow as tf

ONE, X, GRID = tf.constant(1.), tf.constant([1., 2., 3.]), tf.constant([[1., 2.], [3., 4.]])

def labels(view, *kinds): return [node.label for node in view.nodes if not kinds or node.kind in kinds]
def of(view, label): return next(node for node in view.nodes if node.label == label)
def details(view): return {node.label: node.detail for node in view.nodes}
def last(view, **more): return view.steps(**more).captions[-1][1]
def inside(view, ending): return next(part for title, part in view.parts.items() if title.endswith(ending))

def named(view, name) -> tuple:
    "What a node's value is made of: labels all the way down."
    node = next(node for node in view.nodes if node.name == name)
    return (node.label, *(named(view, other) for other in node.inputs)) if node.inputs else node.label
def made(view): return [named(view, node.inputs[0]) for node in view.nodes if node.kind == "output"]

# ---- integers that are data ------------------------------------------------------------------------------------------

def test_a_number_that_is_compared_with_is_in_the_picture():
    five, seven = (graph_of(lambda i, n=n: i > tf.constant(n), tf.constant(3)) for n in (5, 7))
    assert labels(five, "constant") == ["5"] and labels(seven, "constant") == ["7"]
    assert made(graph_of(lambda i: i % 3 == 0, tf.constant(4))) == [("Equal", ("FloorMod", "i", "3"), "0")]

def test_integers_that_become_data_are_followed():
    assert made(graph_of(lambda: tf.cast(tf.range(3), tf.float32))) == [("Cast", ("Range", "0", "3", "1"))]
    view = graph_of(lambda x: x / tf.cast(tf.shape(x)[0], tf.float32), tf.TensorSpec((None,)))
    assert made(view) == [("÷ div", "x", ("Cast", ("StridedSlice", ("Shape", "x"))))]
    assert made(graph_of(lambda x: tf.gather(x, [2, 0]), X)) == [("GatherV2", "x", "[2, 0]")]
    chosen = graph_of(lambda x: tf.where(tf.constant([3, -1, 2]) > 0, x, 0.), X)
    assert made(chosen) == [("SelectV2", ("> greater", "[3, −1, 2]", "0"), "x", "0")]

def test_what_only_serves_is_left_out_of_the_lines():
    assert made(graph_of(lambda x: tf.reshape(x, (1, -1)), X)) == [("Reshape", "x")]
    assert made(graph_of(lambda x: tf.reduce_sum(x, 0), GRID)) == [("Sum", "x")]
    assert made(graph_of(lambda x, y: tf.zeros(tf.shape(x)) + y, tf.TensorSpec((None,)), ONE)) == [
        ("+ add", ("Fill", ("Shape", "x"), "0"), "y")]
    assert made(graph_of(lambda x, n: tf.reshape(x, (n, -1)), X, tf.constant(3))) == [("Reshape", "x", ("Pack", "n", "−1"))]

def test_random_integers_are_no_sizes():
    view = graph_of(lambda x: tf.gather(x, tf.random.uniform((2,), maxval=3, dtype=tf.int32)), X)
    assert [label for label in labels(view, "operation") if "Random" in label]

# ---- branches, loops, arrays -----------------------------------------------------------------------------------------

def test_many_arguments_are_numbered_in_few_letters():
    from mnist_graph_tutorial.graph_drawing import _numbers_text
    assert [_numbers_text(numbers) for numbers in ([2], [1, 2], [1, 2, 3], [3, 8, 9, 10, 12], [1, 3, 5])] == [
        "2", "1, 2", "1–3", "3, 8–10, 12", "1, 3, 5"]
    def listed(x): return tf.raw_ops.Pack(values=[x, x, x, x, tf.sin(x)])
    assert re.findall(r'mgt-argument"[^>]*>([^<]+)', graph_of(listed, tf.constant(1.)).svg) == ["1–4", "5"]

def test_states_of_a_loop_are_counted_from_1_and_turns_when_they_are_done():
    def loop(x): return tf.while_loop(lambda a, b: a < 9, lambda a, b: (2. * a, a + b), (1., tf.square(x)), maximum_iterations=4)
    view = graph_of(loop, tf.constant(3.))
    test, body = inside(view, "condition"), inside(view, "body")
    assert labels(test, "input") == ["turns done", "most turns", "state 1"] and labels(body, "input") == ["state 1", "Square"]
    assert labels(body, "output") == ["next state 1", "next Square"]
    steps = view.steps()
    assert ("Forward pass", "while.last state 1 = 16") in steps.captions and "state 0" not in steps._repr_html_()
    def counted(x):
        for _ in tf.range(3): x = 2. * x
        return x
    assert "turns done" in labels(inside(graph_of(counted, tf.constant(1.)), "body"), "input")

def test_a_branch_that_returns_its_input_says_so():
    view = graph_of(lambda x: tf.cond(x > 0., lambda: x, lambda: -x), ONE)
    assert made(inside(view, "if true")) == ["x"] and made(inside(view, "if false")) == [("− neg", "x")]

def test_autographs_bookkeeping_is_no_result():
    def size(x):
        if x > 0: return x
        else: return -x
    view = graph_of(size, ONE)
    assert labels(inside(view, "if true"), "output") == labels(inside(view, "if false"), "output") == ["returns"]
    assert labels(inside(view, "if true"), "constant") == [] and last(view) == "returns 1"

def test_variables_that_a_loop_exchanges_change():
    def fibonacci(n):
        p, q = 0, 1
        for _ in tf.range(n): p, q = q, p + q
        return p
    view = graph_of(fibonacci, tf.constant(6))
    body = inside(view, "body")
    assert last(view) == "returns 8" and "next p" in labels(body, "output")
    told = {node.label: named(body, node.inputs[0]) for node in body.nodes if node.kind == "output"}
    assert told["next p"] == "q" and set(told["next q"]) == {"+ add", "p", "q"}

@pytest.mark.parametrize("first", [True, False])
def test_the_result_of_a_loop_is_named_and_not_its_counter(first):
    def loop(x): return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, 2 * y), (tf.constant(0), x))[0 if first else 1]
    view = graph_of(loop, ONE)
    assert last(view) == ("returns 3" if first else "returns 8")
    box = next(node for node in view.nodes if node.kind == "box")
    assert box.detail.endswith("last state 1" if first else "last x") and box.inputs[-1] == "x"

def test_a_loop_that_fills_an_array_shows_no_counter_as_its_value():
    def squares(x):
        array = tf.TensorArray(tf.float32, 3)
        for i in tf.range(3): array = array.write(i, x[i] ** 2)
        return array.stack()
    steps = graph_of(squares, X).steps()
    box = next(node for node in steps.nodes if node.kind == "box")
    assert box.value == "" and box.note == "list" and steps.captions[-1][1] == "returns [1, 4, 9]"

def test_inputs_that_are_not_used_stay():
    assert labels(graph_of(lambda x, y: x * 2, ONE, ONE), "input") == ["x", "y"]

# ---- the order of arguments ------------------------------------------------------------------------------------------

def edges_drawn(view, fold: bool) -> dict:
    "From the SVG alone: (label of source, label of target) -> number at the end, found by where lines begin and end."
    root = ET.fromstring(svg_text(arrange(view.nodes, fold), "a graph"))
    tag = "{http://www.w3.org/2000/svg}"
    places, found = [], {}
    for g in root.iter(f"{tag}g"):
        if "mgt-node" not in g.get("class", ""): continue
        x, y = map(float, re.findall(r"[-\d.]+", g.get("transform")))
        wide = max(abs(float(n)) for n in re.findall(r"-?\d+", g.find(f"{tag}path").get("d")))
        places.append((x, y, wide, g.find(f"{tag}title").text))
    def nearest(x, y): return min(places, key=lambda at: max(abs(at[0] - x) - at[2], 0) + abs(at[1] - y))[3]
    for g in root.iter(f"{tag}g"):
        if "mgt-edge" not in g.get("class", ""): continue
        line, tip = (path.get("d") or path for path in g.findall(f"{tag}path")[:1] * 2)
        start = list(map(float, re.match(r"M([-\d.]+),([-\d.]+)", line).groups()))
        end = list(map(float, re.findall(r"[-\d.]+", g.findall(f"{tag}path")[1].get("transform"))))[:2]
        number = g.find(f"{tag}text")
        if number is not None: assert abs(float(number.get("x")) - end[0]) < 20 and abs(float(number.get("y")) - end[1]) < 20
        found[nearest(*start), nearest(*end)] = "" if number is None else number.text
    return found

def arguments(fn, *inputs) -> dict:
    "From TensorFlow's own definition: (source, target) -> places among the target's inputs, for operations of two tensors."
    given = tf.function(fn).get_concrete_function(*inputs).graph.as_graph_def()
    found = {}
    for node in given.node:
        if node.op not in ("MatMul", "Sub", "RealDiv", "Pow"): continue
        for k, name in enumerate(node.input, 1): found.setdefault((name.split(":")[0], node.name), []).append(str(k))
    return {ends: ", ".join(places) for ends, places in found.items()}

@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("fn", [
    lambda a, b: a @ b, lambda a, b: b @ a, lambda a, b: a @ (b @ a), lambda a, b: (a @ b) @ a, lambda a, b: tf.sin(a) - tf.cos(b),
    lambda a, b: tf.cos(b) - tf.sin(a), lambda a, b: a - a @ b, lambda a, b: (a @ a) / b], ids=map(str, range(8)))
def test_numbers_at_the_ends_are_the_places_of_arguments(fn, fold):
    drawn = edges_drawn(graph_of(fn, GRID, GRID), fold)
    expected = arguments(fn, GRID, GRID)
    assert expected and {ends: drawn.get(ends) for ends in expected} == expected

def test_different_products_are_different_pictures():
    functions = [lambda a, b: a @ b, lambda a, b: b @ a, lambda a, b: a @ (b @ a), lambda a, b: (a @ b) @ a]
    pictures = [graph_of(fn, GRID, GRID).svg for fn in functions]
    assert len({re.sub("<title>.*?</title>", "", picture) for picture in pictures}) == 4

def test_no_numbers_where_order_does_not_matter():
    assert set(edges_drawn(graph_of(lambda a, b: a * b + b, X, X), False).values()) == {""}
    assert set(edges_drawn(graph_of(lambda a: 2. - a, X), False).values()) == {""}
    assert edges_drawn(graph_of(lambda a: a * a, X), False)["a", "mul"] == "1, 2"

def test_a_constant_stands_where_its_argument_stands():
    for fn, first in ((lambda a: 2. - a, True), (lambda a: a - 2., False)):
        view = graph_of(fn, X)
        spots = arrange(view.nodes).spots
        constant, minus = of(view, "2").name, of(view, "− sub").name
        assert (spots[constant].x < spots[minus].x) == first

# ---- several results -------------------------------------------------------------------------------------------------

def test_results_of_one_operation_are_told_apart():
    one, other = (graph_of(fn, X[:2]) for fn in (lambda x: tf.subtract(*tf.split(x, 2)), lambda x: tf.subtract(*tf.split(x, 2)[::-1])))
    assert labels(one, "part") == ["[0]", "[1]"]
    assert made(one) == [("− sub", ("[0]", ("Split", "x")), ("[1]", ("Split", "x")))] != made(other)
    assert [text for _, text in one.steps().captions][2:5] == ["split[0] = [1]", "split[1] = [2]", "[1] − [2] = [−1]"]
    assert details(graph_of(lambda x: tf.math.top_k(x).indices, X))["TopKV2"].endswith("→ indices")
    assert "→" not in details(graph_of(lambda x: tf.math.top_k(x).values, X))["TopKV2"]

def test_the_gradients_of_an_optimizer_step_reach_it():
    layer, optimizer = keras.layers.Dense(2), keras.optimizers.SGD(0.1)
    layer.build((None, 3))
    optimizer.build(layer.trainable_variables)
    def step(x):
        with tf.GradientTape() as tape: loss = tf.reduce_sum(layer(x) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables))
        return loss
    view = graph_of(step, X[None], limit=100)
    assert "IdentityN" not in labels(view)
    kinds, by_name = {}, {node.name: node for node in view.nodes}
    for node in view.nodes: kinds[node.name] = {node.kind}.union(*(kinds[name] for name in node.inputs))
    moved = [node for node in view.nodes if node.kind == "update" and by_name[node.inputs[0]].inputs]
    assert len([node for node in moved if "gradient" in kinds[node.name]]) == 2
    bias = [node for node in view.nodes if node.kind == "gradient" and "BiasAddGrad" in node.label]
    assert [node.note for node in bias] == ["(2,)"]

# ---- the second line -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fn, shape, label, detail", [
    (lambda x: tf.reduce_sum(x, 1), (2, 3), "Sum", "axis=1"), (lambda x: tf.reduce_sum(x, -1, True), (2, 3), "Sum", "axis=-1, keep_dims"),
    (lambda x: tf.reduce_sum(x), (2, 3), "Sum", ""), (lambda x: x[0, 1:], (2, 3), "StridedSlice", "[0, 1:]"),
    (lambda x: x[..., tf.newaxis, ::2], (2, 3), "StridedSlice", "[..., newaxis, ::2]"), (tf.transpose, (2, 3), "Transpose", "perm=1,0"),
    (lambda x: tf.matmul(x, x, transpose_b=True), (2, 3), "MatMul", "transpose_b"), (lambda x: tf.cast(x, tf.int64), (2,), "Cast", "to int64"),
    (lambda x: tf.concat([x, -x], 1), (2, 3), "ConcatV2", "axis=1"), (lambda x: tf.stack([x, -x], 1), (2, 3), "Pack", "axis=1"),
    (lambda x: tf.einsum("ij,jk->ik", x, x), (2, 2), "Einsum", "equation=ij,jk->ik"), (lambda x: tf.argmax(x, 1), (2, 3), "ArgMax", "axis=1"),
    (lambda x: tf.nn.max_pool2d(x, 2, 1, "VALID"), (1, 4, 4, 1), "MaxPool", "ksize=2×2, padding=VALID"),
    (lambda x: tf.nn.conv2d(x, x, 2, "SAME"), (1, 1, 1, 1), "Conv2D", "strides=2×2, padding=SAME"),
    (lambda x: tf.slice(x, [0, 1], [2, 1]), (2, 3), "Slice", "begin=0,1, size=2,1"), (lambda x: tf.gather(x, 0, axis=1), (2, 3), "GatherV2", "axis=1"),
    (lambda x: tf.nn.leaky_relu(x, .1), (2,), "LeakyRelu", "alpha=0.1"), (lambda x: tf.tile(x, [2]), (3,), "Tile", "multiples=2"),
    (lambda x: tf.one_hot(tf.cast(x, tf.int32), 4), (2,), "OneHot", "depth=4"), (lambda x: tf.cumsum(x, reverse=True), (3,), "Cumsum", "axis=0, reverse")])
def test_attributes_are_said(fn, shape, label, detail):
    assert details(graph_of(fn, tf.ones(shape)))[label] == detail

def test_a_stopped_gradient_is_seen():
    assert made(graph_of(lambda x: tf.stop_gradient(x) * x, ONE)) == [("× mul", ("StopGradient", "x"), "x")]

# ---- phases ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def a(): return tf.Variable(2., name="a")

def phases(view):
    steps = view.steps()
    moments = [node.name for node in steps.nodes if node.at and node.kind != "constant"]
    return dict(zip(moments, [phase for phase, _ in steps.captions[1:]]))

def test_a_forward_loop_under_a_tape_is_forward(a):
    def step(x):
        with tf.GradientTape() as tape:
            y = x
            for _ in tf.range(3): y = y * a
            z = y * y + y
        a.assign_sub(0.1 * tape.gradient(z, a))
        return z
    found = phases(graph_of(step, ONE))
    assert found["while"] == found["mul"] == "Forward pass" and found["AssignSubVariableOp"] == found["mul_1"] == "Update"
    assert {phase for name, phase in found.items() if name.startswith(("gradient_tape", "AddN"))} == {"Gradients"}

def test_sums_of_gradients_and_custom_gradients_are_gradients(a):
    @tf.custom_gradient
    def cube(x): return x ** 3, lambda up: up * 3 * x * x
    def step(x):
        with tf.GradientTape() as tape: z = cube(a * x) + a
        return tape.gradient(z, a)
    view = graph_of(step, ONE)
    forward = {node.name for node in view.nodes if node.kind == "operation"}
    assert forward <= {"mul", "pow", "add"}
    assert last(view) == "returns 13" and of(view, "+ add").kind == "gradient"

def test_a_scope_called_gradients_makes_no_gradient():
    def named_so(x):
        with tf.name_scope("gradients"): return tf.sin(x) * x
    view = graph_of(named_so, ONE)
    assert labels(view, "gradient") == [] and set(phases(view).values()) == {"Forward pass", "Result"}

def test_what_is_made_of_gradients_is_an_update_only_if_it_leads_to_one(a):
    def penalty(x):
        with tf.GradientTape() as tape: y = tf.sin(a * x)
        return tf.square(tape.gradient(y, a))
    assert phases(graph_of(penalty, ONE))["Square"] == "After the gradients"
    def plain(x):
        a.assign(x)
        return x
    assert phases(graph_of(plain, ONE))["AssignVariableOp"] == "Update"

def test_forward_and_backward_are_never_in_one_box(a):
    def chain(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for _ in range(12): y = a * tf.sin(y)
        return tape.gradient(y, x)
    view = graph_of(chain, ONE, limit=6)
    for part in view.parts.values():
        kinds = {node.kind for node in part.all_nodes} & {"operation", "gradient"}
        assert len(kinds) == 1

def test_a_folded_reshape_leaves_its_shape():
    def slope(x, b):
        with tf.GradientTape() as tape:
            tape.watch(b)
            loss = tf.reduce_sum(tf.square(x + b))
        return tape.gradient(loss, b)
    inputs = GRID, tf.constant([[1.], [2.]])
    view = graph_of(slope, *inputs)
    steps = view.steps()
    final = next(node for node in view.nodes if node.name == view.nodes[-1].inputs[0])
    assert final.note == "(2, 1)" and steps.values[final.name].shape == (2, 1)

# ---- never crashing --------------------------------------------------------------------------------------------------

TABLE = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)
MUTABLE = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
GENERATOR, VECTOR = tf.random.Generator.from_seed(1), tf.Variable([1., 2., 3.], name="vector")
ANY = tf.Variable([1., 2.], shape=tf.TensorShape(None), name="any")
LETTERS, ITERATOR, RANGE = tf.constant(["a", "c"]), iter(tf.data.Dataset.range(9)), tf.data.Dataset.range(4)
QUEUE = tf.queue.FIFOQueue(3, [tf.float32], [()])
def scattered(x):
    VECTOR.scatter_nd_add([[0]], x[:1])
    return VECTOR * 1
def total(x):
    s = 0.
    for element in RANGE.map(lambda n: n * n): s += tf.cast(element, tf.float32)
    return s * x
def reading(x):
    found = tf.TensorArray(tf.float32, 0, dynamic_size=True, clear_after_read=False)
    found = found.write(0, x[0]).write(1, x[1])
    return found.read(1) + found.stack()[0]
CASES = {
    "table": (lambda s: TABLE.lookup(s), (LETTERS,), "returns [1, −1]"),
    "scatter": (scattered, (X,), "returns [2, 2, 3]"),
    "switch": (lambda i, x: tf.switch_case(i, [lambda: VECTOR * x, lambda: x + VECTOR]), (tf.constant(1), X), "returns [2, 4, 6]"),
    "unknown shape": (lambda x: ANY * x, (ONE,), "returns [1, 2]"),
    "strings": (lambda s: tf.strings.join([s, ["!", "?"]]), (LETTERS,), "returns [a!, c?]"),
    "data set": (total, (ONE,), "returns 14"), "array": (reading, (X,), "returns 3"),
    "map": (lambda x: tf.map_fn(lambda y: 2 * y, x), (X,), "returns [2, 4, 6]"),
    "ragged": (lambda s: tf.strings.split(s).flat_values, (tf.constant(["a b", "c"]),), "returns [a, b, c]"),
    "nothing in it": (lambda x: x[:, :0], (GRID,), "returns [[], []]"),
    "complex": (lambda x: tf.complex(x, x), (ONE,), "returns 1+1j"),
    "sparse": (lambda x: tf.sparse.to_dense(tf.sparse.from_dense(x)), (X,), "returns [1, 2, 3]"),
    "bytes": (lambda s: s, (tf.constant(b"\x00two\nlines"),), "returns  two lines"),
    "assertion": (lambda x: tf.debugging.check_numerics(x, "bad") * 1, (X,), "returns [1, 2, 3]"),
    "half": (lambda x: tf.cast(x, tf.bfloat16) * 2, (ONE,), "returns 2")}

@pytest.mark.parametrize("name", CASES)
def test_stores_and_odd_types_are_drawn_and_stepped(name):
    fn, inputs, result = CASES[name]
    view = graph_of(fn, *inputs)
    for part in view.parts.values(): ET.fromstring(part.svg)
    ET.fromstring(re.search("<svg.*?</svg>", view.steps()._repr_html_(), re.S)[0])
    assert last(view) == result and "\n" not in re.sub(r'^.*?\{|\}$|";$|;$', "", view.dot.splitlines()[1])
    assert VECTOR.numpy().tolist() == [1, 2, 3]

def test_a_store_is_a_store():
    assert labels(graph_of(TABLE.lookup, LETTERS), "variable") == ["table"]
    two = graph_of(lambda: next(ITERATOR) - next(ITERATOR))
    first, second = (node for node in two.nodes if node.label == "IteratorGetNext")
    assert labels(two, "variable") == ["iterator"] and first.name in second.inputs

def test_random_numbers_of_a_generator_leave_it_alone():
    before = GENERATOR.state.numpy().tolist()
    assert last(graph_of(lambda x: x + GENERATOR.normal((3,)), X)).startswith("returns [")
    assert GENERATOR.state.numpy().tolist() == before

def test_layers_of_words():
    texts = keras.layers.TextVectorization(vocabulary=["good", "book"], output_sequence_length=3)
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"])
    assert last(graph_of(texts, tf.constant(["good book"]))) == "returns [[2, 3, 0]]"
    assert last(graph_of(lookup, LETTERS)) == "returns [1, 0]"

def test_graphs_in_cases_and_data_sets_open():
    case = graph_of(*((CASES["switch"][0],) + CASES["switch"][1]))
    assert made(inside(case, "case 0")) == [("× mul", "vector", "x")] and made(inside(case, "case 1")) == [("+ add", "x", "vector")]
    mapped = [part for part in graph_of(total, ONE).parts.values() if "× mul" in labels(part)]
    assert len(mapped) == 1 and labels(mapped[0], "output") == ["returns"]

def test_side_effects_are_refused_unless_allowed(tmp_path):
    called = []
    def noted(x):
        tf.io.write_file(str(tmp_path / "note"), tf.strings.as_string(x))
        return tf.py_function(lambda y: called.append(1) or y, [x], tf.float32)
    view = graph_of(noted, ONE)
    with pytest.raises(ValueError, match=r"^noted writes a file and calls Python, .*: steps\(allow_effects=True\) does so$"): view.steps()
    assert called == [] and not (tmp_path / "note").exists()
    assert last(view, allow_effects=True) == "returns 1" and called == [1] and (tmp_path / "note").exists()

@pytest.mark.parametrize("fn, inputs, said", [
    (lambda: next(ITERATOR), (), "takes from an iterator"), (lambda x: (MUTABLE.insert(LETTERS, x), x)[1], (tf.constant([1, 2], tf.int64),), "fills a table"),
    (lambda x: (QUEUE.enqueue(x), x)[1], (ONE,), "runs QueueEnqueueV2")])
def test_stores_are_not_changed_by_looking(fn, inputs, said):
    with pytest.raises(ValueError, match=said) as caught: graph_of(fn, *inputs).steps()
    assert "\n" not in str(caught.value) and MUTABLE.size().numpy() == 0 and QUEUE.size().numpy() == 0

def test_what_only_computes_has_no_effects(a):
    def step(x):
        a.assign_add(tf.reduce_sum(x) + tf.random.normal(()))
        tf.debugging.assert_positive(x)
        return GENERATOR.uniform(()) + tf.cast(TABLE.lookup(LETTERS)[0], tf.float32)
    assert effects(tf.function(step).get_concrete_function(X).graph) == []

def test_what_tensorflow_refuses_is_one_line():
    for fn, inputs in ((np.sin, (ONE,)), (lambda x: tf.reshape(x, (7, 7)), (X,)), (lambda x, y: x @ y, (X, X))):
        with pytest.raises(ValueError, match="^TensorFlow cannot trace ") as caught: graph_of(fn, *inputs)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    view = graph_of(lambda x, n: tf.reshape(x, n[None]), X, tf.constant(7))
    with pytest.raises(ValueError, match="^TensorFlow cannot run ") as caught: view.steps()
    assert "\n" not in str(caught.value)

@pytest.mark.parametrize("shape, text", [((0,), "[]"), ((0, 3), "[]"), ((100, 0), "no values"), ((2, 0), "[[], []]")])
def test_arrays_without_numbers(shape, text): assert array_text(np.zeros(shape)) == text

def test_a_value_after_a_call_that_writes_is_the_variables(a):
    @tf.function
    def doubled():
        a.assign(2 * a)
        return tf.constant(100.)
    def outer(x):
        y = doubled()
        a.assign_sub(x)
        return a + y
    steps = graph_of(outer, ONE).steps()
    assert steps.captions[-1][1] == "returns 103"
    update = next(node for node in steps.nodes if node.kind == "update")
    assert update.value in ("", "3")
