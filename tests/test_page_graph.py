"""Graphs that run in the page, against TensorFlow: every operation over shapes and values, whole graphs, and the figure itself."""
import contextlib
import numpy as np
import pytest
from browser import address, axe_findings, page_file, visit
from mnist_graph_tutorial.explore import static
from mnist_graph_tutorial.graph_inputs import trace
from mnist_graph_tutorial.graph_names import values_of
from mnist_graph_tutorial.graph_reading import read_function
from mnist_graph_tutorial.graph_steps import captions, gapped_captions
from mnist_graph_tutorial.graph_values import all_values, array_text
from mnist_graph_tutorial.graph_view import graph_of
from mnist_graph_tutorial.page_graph import graph_program
import tensorflow as tf

raw, rng = tf.raw_ops, np.random.default_rng(0)
ODD = np.float32([-np.inf, -2.5, -1, -.5, -0., 0, .3, .5, 1, 1.5, 2.5, 40, np.inf, np.nan])
REAL = [ODD, np.float32(.7), rng.normal(0, 2, (2, 3)).astype(np.float32), rng.normal(0, 2, (2, 1, 3)), np.zeros((0, 3), np.float32)]
WHOLE = [np.int32([-7, -3, -1, 1, 2, 9]), np.int64([[-5, 4], [3, -2]])]
def normal(*shape): return rng.normal(0, 1.5, shape).astype(np.float32)
def whole(*shape, low=0, high=9): return rng.integers(low, high, shape).astype(np.int32)

def calling(name, *arguments, **settings):
    "A function that calls an operation by the names of its arguments."
    return lambda *given: getattr(raw, name)(**dict(zip(arguments, given)), **settings)

UNARY = {name: [(calling(name, "x"), (x,)) for x in REAL]
         for name in "Neg Abs Sign Exp Expm1 Log Log1p Sqrt Rsqrt Square Reciprocal Inv Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Sigmoid "
                     "Floor Ceil Round Rint IsNan IsInf IsFinite".split()}
for name in "Neg Abs Sign Square".split(): UNARY[name] += [(UNARY[name][0][0], (x,)) for x in WHOLE]
for name in "Relu Relu6 Elu Softplus LeakyRelu".split():
    UNARY[name] = [(calling(name, "features"), (x,)) for x in REAL]
UNARY["LeakyRelu"].append((lambda x: raw.LeakyRelu(features=x, alpha=.05), (ODD,)))
UNARY["LogicalNot"] = [(lambda x: raw.LogicalNot(x=x), (np.array([True, False]),))]

PAIRS = [(normal(2, 3), normal(2, 3)), (normal(2, 3), normal(3)), (normal(4, 1), normal(1, 3)), (normal(2, 1, 3), np.float32(.5)),
         (ODD[1:12].reshape(-1, 1), ODD[1:12]), (rng.normal(size=(2, 2)), rng.normal(size=2)), (np.zeros((0, 3), np.float32), normal(3))]
WHOLES = [(whole(2, 3, low=-9), np.int32([2, -3, 4])), (np.int64([[7], [-7]]), np.int64([2, -2, 3]))]
def pairs(name, *more, real=PAIRS):
    return [(calling(name, "x", "y"), pair) for pair in [*real, *more]]
BOTH = "Add AddV2 Sub Mul Maximum Minimum SquaredDifference FloorDiv FloorMod Less LessEqual Greater GreaterEqual Equal NotEqual".split()
BINARY = {name: pairs(name, *WHOLES) for name in BOTH}
BINARY |= {name: pairs(name) for name in "RealDiv Div MulNoNan DivNoNan Xdivy Xlogy Atan2".split()}
BINARY |= {name: pairs(name, real=WHOLES) for name in ("TruncateDiv", "TruncateMod")}
BINARY["Div"] += pairs("Div", real=WHOLES)
BINARY["Mod"] = pairs("Mod", *WHOLES, real=[])
POWERS = [(whole(2, 3, low=-3, high=4), np.int32([0, 1, 3])), (np.float32([[-2], [0], [3]]), np.float32([0, 1, 2, .5, -1]))]
BINARY["Pow"] = pairs("Pow", *POWERS, real=PAIRS[:4])
TRUTHS = np.array([[True], [False]]), np.array([True, False])
BINARY |= {name: pairs(name, real=[TRUTHS]) for name in ("LogicalAnd", "LogicalOr")}
GRADIENTS = {name: [(calling(name, "y", "dy"), pair) for pair in (PAIRS[0], PAIRS[5][:1] * 2)]
             for name in "TanhGrad SigmoidGrad SqrtGrad RsqrtGrad ReciprocalGrad InvGrad".split()}
GRADIENTS |= {name: [(calling(name, "gradients", "features"), (normal(2, 3) * 3, normal(2, 3) * 3)),
                     (calling(name, "gradients", "features"), (np.float32([1, 1, 1]), np.float32([0, 6, -1])))]
              for name in "ReluGrad Relu6Grad LeakyReluGrad SoftplusGrad".split()}
GRADIENTS["EluGrad"] = [(lambda g, y: raw.EluGrad(gradients=g, outputs=y), (normal(4), np.float32([-.9, -.1, 0, 2])))]

AXES = [((2, 3), [0], False), ((2, 3), [1], True), ((2, 3, 4), [0, 2], False), ((2, 3, 4), [-1], True), ((5,), [0], False),
        ((2, 3), [0, 1], False), ((2, 3), [], False)]
REDUCTIONS = {name: [(calling(name, "input", axis=np.int32(axes), keep_dims=keep), (normal(*shape),))
                     for shape, axes, keep in AXES] for name in "Sum Mean Prod Max Min EuclideanNorm".split()}
for name in "Sum Prod Max Min".split():
    REDUCTIONS[name].append((calling(name, "input", axis=1), (whole(3, 4, low=-4),)))
REDUCTIONS |= {name: [(calling(name, "input", axis=0), (np.array([[True, False], [True, True]]),))] for name in ("All", "Any")}

X, ROW, CUBE, LOGITS = normal(3, 4), normal(4), normal(2, 3, 4), np.float32([[1, 2, 3], [100, -100, 0], [.5, .5, .5]])
SOME, SHARES = np.array([True, False, True]), np.float32([[0, 0, 1], [.5, .5, 0], [1, 0, 0]])

def case(name, arguments, *inputs, **settings):
    "An operation, called by the names of its arguments, with inputs and settings."
    return name, calling(name, *arguments.split(), **settings), inputs
def on_list(name, *inputs, argument="values", **settings):
    return name, lambda *given: getattr(raw, name)(**{argument: given}, **settings), inputs
def constant(value): return "Const", lambda x: tf.constant(value), (X,)
def cut(f, *shape): return "StridedSlice", f, (normal(*(shape or (4, 5, 2))),)
def cut_back(f, *shape): return "StridedSliceGrad", lambda slope, x: tf.gradients(f(x), x, slope)[0], (normal(*shape), normal(4, 5))
def axes(*shapes): return "BroadcastGradientArgs", calling("BroadcastGradientArgs", "s0", "s1"), tuple(map(np.int32, shapes))

OTHERS = [
    on_list("AddN", X, X, X, argument="inputs"), case("Select", "condition x y", X > 0, X, -X), case("Select", "condition x y", SOME, X, -X),
    case("SelectV2", "condition t e", X[:, :1] > 0, X, ROW), case("ClipByValue", "t", X, clip_value_min=-.5, clip_value_max=.5),
    case("L2Loss", "t", X), case("BiasAdd", "value bias", X, ROW), case("BiasAddGrad", "out_backprop", CUBE),
    *(case("Cast", "x", x, DstT=to) for x, to in [
        (X, tf.int32), (X, tf.float64), (X, tf.bool), (whole(3), tf.float32), (X > 0, tf.float32), (X > 0, tf.int32),
        (np.float64([.1, 1e-3]), tf.float32), (whole(3, low=-3), tf.bool), (np.int32([1, 200]), tf.uint8), (np.int64([3]), tf.int32)]),
    case("ArgMax", "input", X, dimension=1), case("ArgMax", "input", np.float32([[1, 2], [1, 0]]), dimension=0, output_type=tf.int32),
    case("ArgMin", "input", X, dimension=-1), case("Cumprod", "x", X, axis=-1),
    *(case("Cumsum", "x", CUBE, axis=1, exclusive=exclusive, reverse=reverse) for exclusive in (False, True) for reverse in (False, True)),
    *(case("MatMul", "a b", normal(*((4, 3) if a else (3, 4))), normal(*((2, 4) if b else (4, 2))), transpose_a=a, transpose_b=b)
      for a in (False, True) for b in (False, True)), case("MatMul", "a b", whole(2, 3), whole(3, 2)),
    case("BatchMatMul", "x y", CUBE, normal(2, 5, 4), adj_y=True), case("BatchMatMulV2", "x y", normal(2, 1, 3, 4), normal(5, 4, 2)),
    case("BatchMatMulV2", "x y", normal(4, 3), normal(6, 4, 2), adj_x=True), case("BatchMatMulV3", "x y", CUBE, normal(4, 2), Tout=tf.float32),
    case("Reshape", "tensor", X, shape=[2, -1]), case("Reshape", "tensor", normal(1, 1), shape=[]),
    *(case("ExpandDims", "input", X, axis=axis) for axis in (0, 1, 2, -1, -2)),
    case("Squeeze", "input", normal(1, 3, 1)), case("Squeeze", "input", normal(1, 3, 1), axis=[-1]),
    case("Tile", "input", X, multiples=[2, 3]), case("Tile", "input", X, multiples=[2, 0]), case("BroadcastTo", "input", normal(3, 1), shape=[2, 3, 4]),
    case("Transpose", "x", CUBE, perm=[2, 0, 1]), case("Transpose", "x", X, perm=[1, 0]), *(on_list("Pack", X, -X, axis=axis) for axis in (0, 1, -1)),
    *(case("Unpack", "value", X, num=num, axis=axis) for axis, num in ((0, 3), (1, 4), (-2, 3))),
    case("Split", "value", X, axis=1, num_split=2), case("SplitV", "value", X, size_splits=[1, -1], axis=0, num_split=2),
    on_list("ConcatV2", X, normal(1, 4), axis=0), on_list("ConcatV2", X, normal(3, 1), X, axis=-1),
    case("Slice", "input", X, begin=[1, 0], size=[-1, 2]), *map(cut, (
        lambda x: x[1:], lambda x: x[-1], lambda x: x[:, 1:-1], lambda x: x[::-1], lambda x: x[3:0:-2, 1], lambda x: x[..., 0],
        lambda x: x[:, None, 2:], lambda x: x[1, ..., None, -1], lambda x: x[2:2], lambda x: x[-9:9:2])),
    cut_back(lambda x: x[1:], 3, 5), cut_back(lambda x: x[:, ::-2], 4, 3), cut_back(lambda x: x[2], 5), cut_back(lambda x: x[None, :, 1], 1, 4),
    case("Gather", "params indices", X, np.int32([2, 0, 2])), *(case("GatherV2", "params indices", X, indices, axis=axis) for axis, indices in (
        (0, np.int32([[2, 0], [1, 1]])), (1, np.int32(3)), (-1, np.int64([0])))),
    case("UnsortedSegmentSum", "data segment_ids", X, np.int32([2, 0, 2]), num_segments=4), case("Pad", "input", X, paddings=[[1, 0], [0, 2]]),
    case("PadV2", "input", X, paddings=[[1, 1], [0, 2]], constant_values=7.), case("ReverseV2", "tensor", CUBE, axis=[0, -1]),
    case("InvertPermutation", "x", np.int32([2, 0, 1])), ("MatrixDiagV3", lambda x: x * tf.eye(3), (normal(3),)),
    case("MatrixDiagV3", "diagonal", X, k=0, num_rows=-1, num_cols=-1, padding_value=.5), case("Fill", "value", np.float32(.1), dims=[2, 3]),
    case("Range", "limit", np.int32(10), start=0, delta=3), case("Range", "limit", np.float32(-1), start=1., delta=-.3),
    case("LinSpace", "start", np.float32(-1), stop=1., num=7), case("LinSpace", "start", np.float32(-1), stop=1., num=1),
    *(case("OneHot", "indices", np.int32([[0, 3], [9, -1]]), depth=4, on_value=1., off_value=0., axis=axis) for axis in (-1, 0, 1)),
    case("ZerosLike", "x", X), case("OnesLike", "x", X), case("Shape", "input", X), on_list("ShapeN", X, ROW, argument="input"),
    case("Size", "input", X), case("Rank", "input", X),
    *(axes(*both) for both in (([2, 3], [3]), ([3], [2, 3]), ([2, 1], [1, 3]), ([], [2]), ([2, 3], [2, 3]), ([1], [1]), ([1, 3], [3]))),
    case("Softmax", "logits", LOGITS), case("Softmax", "logits", CUBE), case("LogSoftmax", "logits", LOGITS),
    case("SoftmaxCrossEntropyWithLogits", "features labels", LOGITS, SHARES),
    case("SparseSoftmaxCrossEntropyWithLogits", "features labels", LOGITS, np.int32([0, 2, 1])),
    case("Identity", "input", X), on_list("IdentityN", X, ROW, argument="input"), case("StopGradient", "input", X),
    case("PreventGradient", "input", X), case("Snapshot", "input", X), case("EnsureShape", "input", X, shape=[3, 4]),
    constant([[1, 2], [3, 4]]), constant([[0., 0.], [0., 0.]]), constant([True, False]), constant([.1, np.inf, -np.inf, np.nan])]

TABLES = [(name, fn, inputs) for table in (UNARY, BINARY, GRADIENTS, REDUCTIONS) for name, cases in table.items() for fn, inputs in cases]
CASES = [(f"{k}-{name}", name, fn, inputs) for k, (name, fn, inputs) in enumerate(TABLES + OTHERS)]

# ---- running programs in a browser -----------------------------------------------------------------------------------

RUN = """runs => runs.map(({program, changes, times}) => {
  const {run, whyNot, written, textOf} = mgtGraph, why = whyNot(program);
  if (why) return {why};
  let values = program.feeds.map((feed, k) => written({...feed, ...(changes[k] ?? {})})), done;
  const plain = (x) => ({shape: x.shape, values: [...x.data].map(String), text: textOf(x)});
  try {
    for (let time = 0; time < times; time++) { done = run(program, values); values = done.after; }
    return {outputs: program.graphs[0].outputs.map((k) => plain(done.tensors[k])), after: values.map(plain)};
  } catch (error) { return {error: error.message}; }
})"""

@pytest.fixture(scope="module")
def runs(chromium, tmp_path_factory):
    "Runs programs in a page: a list of (program, numbers for feeds by their position, how often)."
    with visit(chromium, page_file(tmp_path_factory.mktemp("graph"), f"<script>{static('graph.js')}</script>")) as page:
        page.set_default_timeout(120_000)
        plain = lambda changes: {k: dict(values=np.ravel(value).tolist()) for k, value in changes.items()}
        yield lambda *asked: page.evaluate(RUN, [dict(program=program, changes=plain(changes), times=times) for program, changes, times in asked])

def traced(fn, inputs):
    "A function's concrete function and program."
    given = [tf.constant(value) for value in inputs]
    concrete = tf.function(fn, autograph=False).get_concrete_function(*given)
    found = trace(concrete, given)
    reading = read_function(found)
    return concrete, graph_program(found, reading, reading.finished(), all_values(found.graph, values_of(found)))

def array(found, dtype) -> np.ndarray:
    "What a page hands out as an array."
    numbers = [float(text.replace("Infinity", "inf")) for text in found["values"]]
    return np.array(numbers, np.float64).reshape(found["shape"]).astype(dtype)

def same(found, expected, **tolerance):
    "Whether what a page hands out is what TensorFlow does."
    expected = [np.asarray(value) for value in tf.nest.flatten(expected)]
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected):
        assert tuple(mine["shape"]) == theirs.shape
        if theirs.dtype.kind == "f": np.testing.assert_allclose(array(mine, theirs.dtype), theirs, **dict(rtol=1e-5, atol=1e-6) | tolerance)
        else: np.testing.assert_array_equal(array(mine, theirs.dtype), theirs)

@pytest.fixture(scope="module")
def operations(runs):
    "What every case gives here and in the page."
    made = [(*traced(fn, inputs), inputs) for _, _, fn, inputs in CASES]
    found = runs(*((program, {}, 1) for _, program, _ in made))
    return {case[0]: (concrete, inputs, each) for case, (concrete, _, inputs), each in zip(CASES, made, found)}

@pytest.mark.parametrize("name, type", [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_an_operation_is_tensorflows(operations, name, type):
    concrete, inputs, found = operations[name]
    assert type in {op.type for op in concrete.graph.get_operations()}
    assert "outputs" in found, found
    same(found["outputs"], concrete(*map(tf.constant, inputs)))

WITH_VARIABLES = {"ReadVariableOp", "VariableShape", "ResourceGather", "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"}
CONTROL = {"While", "StatelessWhile", "If", "StatelessIf", "PartitionedCall", "StatefulPartitionedCall"}

def test_every_operation_of_the_page_is_tested(chromium, tmp_path):
    with visit(chromium, page_file(tmp_path, f"<script>{static('graph.js')}</script>")) as page: names = set(page.evaluate("mgtGraph.names"))
    updates = {name for name in names if name.startswith("ResourceApply")}
    assert names - {case[1] for case in CASES} == WITH_VARIABLES | CONTROL | updates and updates == {f"ResourceApply{name}" for name in UPDATES}

# ---- variables -------------------------------------------------------------------------------------------------------

RATES, MOMENTUM = dict(lr=.1), dict(lr=.1, momentum=.9)
ADAM = dict(beta1_power=.9, beta2_power=.99, lr=.1, beta1=.9, beta2=.99, epsilon=1e-7)
BOTH_WAYS = dict(use_nesterov=False), dict(use_nesterov=True)
UPDATES = dict(
    GradientDescent=("var", "delta", [dict(alpha=.1)]), Momentum=("var accum", "grad", [MOMENTUM | way for way in BOTH_WAYS]),
    KerasMomentum=("var accum", "grad", [MOMENTUM | way for way in BOTH_WAYS]),
    Adagrad=("var accum", "grad", [RATES | dict(update_slots=growing) for growing in (False, True)]),
    AdagradV2=("var accum", "grad", [RATES | dict(epsilon=1e-3)]), Adam=("var m v", "grad", [ADAM | way for way in BOTH_WAYS]))

def after_steps(runs, fn, inputs, variables, times, changes=()):
    "Steps in the page and here, from the same variables; leaves these as they were."
    start = [variable.numpy() for variable in variables]
    concrete, program = traced(fn, inputs)
    changes = dict(changes)
    (found,) = runs((program, changes, times))
    assert "outputs" in found, found
    given = [tf.constant(np.asarray(changes.get(k, value), np.asarray(value).dtype)) for k, value in enumerate(inputs)]
    for variable in concrete.graph.variables:
        place = [feed["name"] for feed in program["feeds"]].index(variable.name.split(":")[0])
        if place in changes: variable.assign(np.reshape(changes[place], variable.shape))
    for _ in range(times): expected = concrete(*given)
    own = {variable.name.split(":")[0]: variable.numpy() for variable in concrete.graph.variables}
    for variable, value in zip(variables, start): variable.assign(value)
    return program, found, expected, own

@pytest.mark.parametrize("name, settings", [(name, settings) for name, (_, _, each) in UPDATES.items() for settings in each])
def test_updates_of_optimisers(runs, name, settings):
    own, slope, _ = UPDATES[name]
    starts = dict(v=[1, -2, .5], m=[.1, .2, .3], s=[.3, .2, .1])
    variables = [tf.Variable(np.float32(start), name=label) for label, start in starts.items()]
    handles = {argument: variable.handle for argument, variable in zip(own.split(), variables)}
    def step(g):
        getattr(raw, f"ResourceApply{name}")(**handles, **{slope: g * variables[0]}, **settings)
        return variables[0] + variables[1] + variables[2]
    program, found, expected, own = after_steps(runs, step, (np.float32([1, .5, -2]),), variables, 5)
    assert f"ResourceApply{name}" in {op[0] for op in program["graphs"][0]["ops"]}
    same(found["outputs"], expected)
    for feed, after in zip(program["feeds"], found["after"]):
        if feed["variable"]: np.testing.assert_allclose(array(after, np.float32), own[feed["name"]], rtol=1e-5, err_msg=feed["name"])

def test_assignments_come_in_the_order_of_the_lines(runs):
    a, table = tf.Variable(2., name="a"), tf.Variable(np.arange(6.).reshape(3, 2).astype(np.float32), name="table")
    def step(x):
        a.assign_add(x)
        y = a * 2
        a.assign(y)
        a.assign_sub(1.)
        table.assign(table + a)
        return a + 1, tf.gather(table, [2, 0]), raw.VariableShape(input=table.handle)
    program, found, expected, own = after_steps(runs, step, (np.float32(1),), [a, table], 3)
    assert WITH_VARIABLES <= {op[0] for op in program["graphs"][0]["ops"]}
    same(found["outputs"], expected)
    assert own["a"] == float(array(found["after"][1], np.float32))

# ---- graphs in the graph ---------------------------------------------------------------------------------------------

A = tf.Variable(2., name="A")
def looped(x, n): return tf.while_loop(lambda k, y: k < n, lambda k, y: (k + 1, A * y), (0, x))[1]
def branched(x, n): return tf.cond(x > 5, lambda: 10 * tf.sign(x), lambda: A * x)
def written_in_a_branch(x, n):
    tf.cond(x > 5, lambda: A.assign_add(x), lambda: A.assign(x))
    return A * 1
def written_in_a_loop(x, n): return tf.while_loop(lambda k: k < n, lambda k: (k + tf.cast(A.assign_add(x) > -1e9, tf.int32),), (0,))[0], A * 1
def nested(x, n):
    def turn(k, y): return k + 1, tf.cond(y > 3, lambda: y / 2, lambda: looped(y, k))
    return tf.while_loop(lambda k, y: k < n, turn, (0, x))[1]
def called(x, n): return tf.function(lambda y: A * y + 1)(x) + tf.function(lambda y: A.assign_add(y))(x)
def called_gradient(x, n):
    with tf.GradientTape() as tape: y = tf.function(lambda y: tf.sin(A * y) ** 2)(x)
    return tape.gradient(y, A)

@pytest.mark.parametrize("fn", [looped, branched, written_in_a_branch, written_in_a_loop, nested, called, called_gradient])
def test_loops_branches_and_calls(runs, fn):
    for x, n in ((1, 3), (6, 0), (-2, 5), (5, 1)):
        _, found, expected, own = after_steps(runs, fn, (np.float32(x), np.int32(n)), [A], 2)
        same(found["outputs"], expected)

def test_a_loop_without_an_end_is_given_up(runs):
    _, program = traced(lambda x: tf.while_loop(lambda y: y > 0, lambda y: y, (x,))[0], (np.float32(0),))
    kept, endless = runs((program, {}, 1), (program, {0: 1}, 1))
    assert kept["outputs"] and endless == dict(error="it takes too long for a page")

def test_what_tensorflow_refuses_is_refused(runs):
    asked = [traced(fn, inputs)[1] for fn, inputs in [
        (lambda x: 6 // x, (np.int32(1),)), (lambda x: tf.gather([1, 2], x), (np.int32(1),)), (lambda x: tf.zeros(x), (np.int32(1),)),
        (lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(x[None], tf.zeros((1, 3))), (np.int32(1),))]]
    found = runs(*((program, {0: value}, 1) for program, value in zip(asked, (0, 2, 2_000_000, 3))))
    assert [each["error"] for each in found] == ["a whole number is divided by zero", "there is no entry 2 among 2",
                                                 "a tensor would have 2,000,000 numbers", "label 3 is none of 3 classes"]

@pytest.mark.parametrize("fn, value, why", [
    (lambda x: tf.nn.conv2d(x, tf.ones((2, 2, 1, 1)), 1, "SAME"), np.zeros((1, 3, 3, 1), np.float32), "Conv2D does not run in the page"),
    (lambda x: x + tf.random.normal((3,)), np.zeros(3, np.float32), "RandomStandardNormal does not run in the page"),
    (lambda x: x * 2, np.complex64(1), "the page has no numbers of type complex64"),
    (lambda x: tf.strings.join([x, "!"]), np.array(b"hi"), "StringJoin does not run in the page"),
    (lambda x: x * 2, np.float16(1), "the page has no numbers of type float16"),
    (lambda x: x * 2, np.arange(6000.), "x has 6,000 numbers, too many for a page")])
def test_what_does_not_run_is_said(runs, fn, value, why): assert runs((traced(fn, (value,))[1], {}, 1)) == [dict(why=why)]

# ---- words -----------------------------------------------------------------------------------------------------------

def test_numbers_are_written_as_in_python(runs):
    numbers = (0, -0., 1, 2.5, .03125, .0078125, 1.125, -1.375, .1, 1 / 3, 99.95, 999.5, 1000, 1234.5, 1e-4, 9.996e-5, -1.25e-7, 1e20, 16777216,
               2.675, np.inf, -np.inf, np.nan)
    few = [1, -2], [[1, 2], [3, 4]], [.123, -.123, 1e-5]
    many = [1] * 9, [1, 2, 3, 4, 5, 6, 7, np.nan], [np.nan] * 8, [[1e-10, 2e10, 3.5]] * 3, [np.inf] * 9, [0, np.inf] * 5, np.linspace(.996, 1.004, 9)
    arrays = [np.float32(value) for value in (*numbers, *few, *many)]
    arrays += [np.float64(.1), np.linspace(100, 104, 9), np.int32(-12345), np.int32([1, 2, 3]), np.int32([3] * 8), np.arange(8),
               np.bool_(True), np.array([True, False]), np.array([True] * 8), np.zeros((0,)), np.zeros((100, 0), np.float32)]
    arrays += [normal(*shape) * scale for shape in ((), (2,), (2, 2), (7,), (3, 4)) for scale in (1e-6, 1, 1e4)]
    programs = [traced(tf.identity, (value,))[1] for value in arrays]
    found = runs(*((program, {}, 1) for program in programs))
    assert [each["outputs"][0]["text"] for each in found] == [array_text(value) for value in arrays]

# ---- the book's graphs -----------------------------------------------------------------------------------------------

a, b, w = tf.Variable(2., name="a"), tf.Variable(1., name="b"), tf.Variable(np.float32([[.5, -1], [2, .3]]), name="w")
x, t, one = tf.constant([-1., 1.]), tf.constant([-3., 3.]), tf.constant(1.)
def line(x): return a * x + b
def step(x, t):
    with tf.GradientTape() as tape: loss = tf.reduce_mean(tf.square(line(x) - t))
    da, db = tape.gradient(loss, [a, b])
    a.assign_sub(0.25 * da)
    b.assign_sub(0.25 * db)
    return loss
def front(x, t):
    with tf.GradientTape() as tape: loss = tf.square(a * x - t)
    a.assign_sub(0.05 * tape.gradient(loss, a))
    return loss
velocity = tf.Variable(0., name="v")
def momentum_step(x, t):
    with tf.GradientTape() as tape: loss = tf.reduce_mean(tf.square(line(x) - t))
    velocity.assign(0.9 * velocity - 0.25 * tape.gradient(loss, a))
    a.assign_add(velocity)
    return loss
bias = tf.Variable(np.float32([.1, -.2, .3]), name="bias")
weights = tf.Variable(normal(4, 3), name="weights")
def network_step(images, labels):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.nn.relu(images @ weights + bias))
        loss = tf.reduce_mean(losses)
    for variable, gradient in zip([weights, bias], tape.gradient(loss, [weights, bias])): variable.assign_sub(0.1 * gradient)
    return loss
def post_step(images, labels):
    with tf.GradientTape() as tape:
        y = tf.clip_by_value(tf.nn.softmax(tf.nn.relu(images @ weights + bias)), 1e-10, 0.9999999)
        targets = tf.one_hot(labels, 3)
        loss = -tf.reduce_mean(tf.reduce_sum(targets * tf.math.log(y) + (1 - targets) * tf.math.log(1 - y), axis=1))
    for variable, gradient in zip([weights, bias], tape.gradient(loss, [weights, bias])): variable.assign_sub(0.1 * gradient)
    return loss
def inverse_step(A):
    with tf.GradientTape() as tape: loss = tf.reduce_sum(tf.abs(w @ A - tf.eye(2)))
    w.assign_sub(0.01 * tape.gradient(loss, w))
    return loss
def newton(A): return w @ (2 * tf.eye(2) - A @ w)
VARIABLES = [a, b, w, velocity, bias, weights]
IMAGES, LABELS, MATRIX = normal(5, 4), np.int32([0, 2, 1, 1, 0]), normal(2, 2)
BOOK = {"line": (line, (x,)), "step": (step, (x, t)), "front page": (front, (np.float32(3), np.float32(9))), "momentum": (momentum_step, (x, t)),
        "network": (network_step, (IMAGES, LABELS)), "post": (post_step, (IMAGES, LABELS)), "inverse": (inverse_step, (MATRIX,)),
        "newton": (newton, (MATRIX,))}

@pytest.mark.parametrize("name", BOOK)
@pytest.mark.parametrize("changed", [False, True], ids=["as given", "with other numbers"])
def test_a_graph_of_the_book_and_twenty_steps_of_it(runs, name, changed):
    fn, inputs = BOOK[name]
    inputs = [np.asarray(value) for value in inputs]
    rows = np.random.default_rng(3)
    other = {k: rows.normal(0, .7, value.shape) for k, value in enumerate(inputs) if value.dtype == np.float32} if changed else {}
    _, program = traced(fn, inputs)
    names = [feed["name"] for feed in program["feeds"]]
    if changed: other |= {names.index(v.name.split(":")[0]): rows.normal(0, .7, v.shape) for v in VARIABLES if v.name.split(":")[0] in names}
    for times in (1, 20):
        program, found, expected, own = after_steps(runs, fn, inputs, VARIABLES, times, other)
        same(found["outputs"], expected, rtol=1e-5 if times == 1 else 2e-4, atol=1e-6 if times == 1 else 1e-5)
        for feed, after in zip(program["feeds"], found["after"]):
            if feed["variable"]: np.testing.assert_allclose(array(after, np.float32), own[feed["name"]], rtol=1e-5 if times == 1 else 2e-4, atol=1e-5)

def filled(pieces, texts) -> str:
    "A caption with its gaps filled, as the page does it."
    def fill(gap):
        long = "…" in texts[gap[0]]
        return gap[1] if long and gap[1] else texts[gap[0]] + (gap[2] if long else "")
    return "".join(piece if isinstance(piece, str) else fill(piece) for piece in pieces)

@pytest.mark.parametrize("name", BOOK)
def test_gaps_filled_are_the_captions(name):
    nodes = graph_of(BOOK[name][0], *BOOK[name][1]).steps().nodes
    texts = [node.value for node in nodes]
    assert [(phase, filled(pieces, texts)) for phase, *pieces in gapped_captions(nodes)] == captions(nodes)

# ---- the figure ------------------------------------------------------------------------------------------------------

def capped(x):
    if x > 5: x = 10 * tf.sign(x)
    else: x = a * x
    return x
def logarithms(x): return tf.math.log(x) * 2
def grid(x, n): return x * tf.cast(n, tf.float32)

@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    "A page of graphs: a step, a branch, logarithms, a grid of numbers, one that does not run."
    images = np.linspace(0, 1, 36, dtype=np.float32).reshape(1, 4, 9, 1)
    graphs = [graph_of(step, x, t), graph_of(capped, one), graph_of(logarithms, tf.constant([1., 2.])),
              graph_of(grid, tf.constant([[1., 2.], [3., 4.]]), tf.constant([True, False])),
              graph_of(lambda pixels: tf.nn.max_pool2d(pixels, 2, 1, "VALID"), images)]
    return page_file(tmp_path_factory.mktemp("figures"), *(view.steps()._repr_html_() for view in graphs))

@pytest.fixture
def shown(chromium, figures):
    "Opens the page, with a part of its address; hands out the page and the figures on it."
    with contextlib.ExitStack() as stack:
        def show(address="", **settings):
            page = stack.enter_context(visit(chromium, figures + address, **settings))
            return page, page.locator(".mgt-steps").all()
        yield show

def values_in(figure) -> list:
    "What stands in the nodes of the drawing that is shown."
    return figure.locator(".mgt-drawing:visible").first.locator("text.mgt-value").all_text_contents()

@pytest.mark.parametrize("width", [390, 1200])
def test_a_changed_number_changes_the_drawing_and_the_captions(shown, width):
    _, (figure, *_) = shown(width=width)
    before = values_in(figure)
    figure.get_by_label("x, entry 1").fill("0.5")
    assert figure.locator(".mgt-says").inner_text() == "Computed in this page: returns 12.5; new a = 1.38; new b = −0.25."
    other = np.float32([.5, 1]), t
    assert sorted(values_in(figure)) == sorted(node.value for node in graph_of(step, *other).steps().nodes if node.value) != sorted(before)
    expected = graph_of(step, *other).steps().captions
    for k in (17, 16, 3, 0):
        figure.get_by_role("slider").fill(str(k))
        assert figure.locator(".mgt-caption").inner_text().split("\u2002")[1].strip() == expected[k][1]
    every = figure.locator(".mgt-drawing").all()
    assert len(every) == 2 and every[0].locator("text.mgt-value").all_text_contents() == every[1].locator("text.mgt-value").all_text_contents()

def test_another_step_fits_the_line_and_reset_begins_again(shown):
    _, (figure, *_) = shown()
    begin = values_in(figure)
    for _ in range(20): figure.get_by_role("button", name="Another step").click()
    says = figure.locator(".mgt-says")
    a_now, b_now = (float(figure.get_by_label(name, exact=True).input_value()) for name in "ab")
    assert abs(a_now - (3 - 2 ** -20)) < 1e-6 and abs(b_now - 2 ** -20) < 1e-6
    assert says.inner_text().startswith("After 20 more steps: returns ") and "new a = 3; new b = 4.77e−7" in says.inner_text()
    figure.get_by_role("button", name="Reset").click()
    assert values_in(figure) == begin and figure.get_by_label("a", exact=True).input_value() == "2"

def test_numbers_of_a_step_are_seen_whole(shown):
    _, (figure, *_) = shown()
    for _ in range(9): figure.get_by_role("button", name="Another step").click()
    for name in "ab":
        field = figure.get_by_label(name, exact=True)
        assert len(field.input_value()) > 8 and field.evaluate("(field) => field.scrollWidth <= field.clientWidth")

def test_the_plot_grows_with_every_step_and_is_emptied(shown):
    _, (figure, second, *_) = shown()
    course = figure.locator(".mgt-course")
    def plotted(): return course.get_by_role("img").get_attribute("aria-label"), course.locator("path").get_attribute("d")
    assert course.is_hidden() and second.locator(".mgt-course").count() == 0
    for _ in range(3): figure.get_by_role("button", name="Another step").click()
    words, path = plotted()
    assert "What the graph returns, against steps taken." in course.inner_text()
    assert words == "What the graph returns, against steps taken: 2 at first, 0.0312 after 3."
    points = np.array([point.split(" ") for point in path[1:].split("L")], float)       # each loss is a quarter of the one before
    np.testing.assert_allclose(points, [[200 * k, 100 * (1 - .25 ** k)] for k in range(4)], atol=.01)
    assert course.locator(".mgt-ticks").inner_text().split() == ["2", "0"]
    for _ in range(4): figure.get_by_role("button", name="Another step").click()
    assert plotted()[1].count("L") == 7 and course.locator(".mgt-across").inner_text().split() == ["0", "steps", "taken", "7"]
    figure.get_by_label("x, entry 1").fill("0.5")
    assert course.is_hidden()
    figure.get_by_role("button", name="Another step").click()
    assert course.is_visible()
    figure.get_by_role("button", name="Reset").click()
    assert course.is_hidden()

def test_a_branch_goes_the_other_way(shown):
    _, (_, figure, *_) = shown()
    for number, result in (("5", "10"), ("4", "8"), ("20", "10"), ("-1", "−2")):
        figure.get_by_label("x", exact=True).fill(number)
        assert figure.locator(".mgt-says").inner_text() == f"Computed in this page: returns {result}."
    assert figure.get_by_role("button", name="Another step").count() == 0

def test_what_is_no_finite_number_is_said(shown):
    page, (_, _, figure, *_) = shown()
    field, says = figure.get_by_label("x, entry 1"), figure.locator(".mgt-says")
    field.fill("0")
    assert says.inner_text() == "Computed in this page: returns [−inf, 1.39]. Not a finite number first at Log: [−inf, 0.693]."
    field.fill("-1")
    assert "returns [nan, 1.39]" in says.inner_text() and "[nan, 0.693]" in values_in(figure)
    field.fill("")
    assert says.inner_text() == "x, entry 1: a number is missing, or too large. The values are those of before."
    assert [figure.get_by_label(f"x, entry {k}").get_attribute("aria-invalid") for k in (1, 2)] == ["true", "false"]
    assert "[nan, 0.693]" in values_in(figure)
    field.fill("1e60")
    assert "returns [inf, 1.39]" in says.inner_text()

def test_fields_have_names_and_types(shown):
    _, (_, _, _, figure, _) = shown()
    assert figure.get_by_role("spinbutton").evaluate_all("fields => fields.map((field) => field.ariaLabel)") == [
        f"x, row {row}, column {column}" for row in (1, 2) for column in (1, 2)]
    figure.get_by_role("checkbox", name="n, entry 2").check()
    figure.get_by_label("x, row 2, column 2").fill("7")
    assert "returns [[1, 2], [3, 7]]" in figure.locator(".mgt-says").inner_text()

def test_a_graph_that_does_not_run_says_so_and_keeps_its_steps(shown):
    _, (*_, figure) = shown()
    assert figure.locator(".mgt-says").inner_text() == "This graph's values were computed in Python: MaxPool does not run in the page."
    assert figure.get_by_role("button", name="Reset").count() == 0 and figure.get_by_role("slider").count() == 1

def test_the_address_keeps_what_was_changed(shown):
    page, (figure, second, *_) = shown()
    figure.get_by_label("x, entry 2").fill("0.1")
    figure.get_by_role("button", name="Another step").click()
    second.get_by_label("x", exact=True).fill("6")
    state, texts = address(page).partition("#")[2], [values_in(each) for each in (figure, second)]
    page, (figure, second, *_) = shown(f"#{state}")
    assert [values_in(each) for each in (figure, second)] == texts and figure.get_by_label("x, entry 2").input_value() == "0.1"
    figure.get_by_role("button", name="Reset").click()
    assert "graph-step" not in address(page) and "graph-" in address(page)

BROKEN = "step=x:1", "step=x:1;2;3", "step=x:a;b,a:", "step=,,:", "step=a:%22%3E", "grid=n:2;0.5", "step"
@pytest.mark.parametrize("address", [f"#graph-{state}" for state in BROKEN])
def test_a_broken_address_is_harmless(shown, address):
    _, (figure, *_) = shown(address)
    assert figure.get_by_label("a", exact=True).input_value() == "2" and figure.get_by_label("x, entry 1").input_value() == "-1"

def test_by_keyboard_and_by_touch(shown):
    page, (figure, *_) = shown()
    figure.get_by_label("x, entry 1").focus()
    page.keyboard.press("ArrowUp")
    assert figure.get_by_label("x, entry 1").input_value() == "0"
    figure.get_by_role("button", name="Another step").press("Enter")
    assert figure.locator(".mgt-says").inner_text().startswith("After 1 more step: ")
    page, (figure, *_) = shown(width=360, height=740, has_touch=True, is_mobile=True)
    figure.get_by_role("button", name="Another step").tap()
    assert "new a = 2.75" in figure.locator(".mgt-says").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_after_use(shown, axe, dark):
    page, (figure, *_) = shown(dark=dark)
    figure.get_by_label("x, entry 1").fill("0.123")
    figure.get_by_role("button", name="Another step").click()
    figure.get_by_role("slider").press("Home")
    assert axe_findings(page, axe) == []

def test_long_values_stay_in_their_nodes(shown):
    _, (figure, *_) = shown()
    figure.get_by_label("x, entry 1").fill("-0.00012345")
    figure.get_by_label("x, entry 2").fill("-0.00023456")
    over = """figure => [...figure.querySelectorAll('.mgt-node')].filter((node) => node.getBBox().width &&
        node.querySelector('text.mgt-value')?.getBBox().width > node.querySelector('path').getBBox().width).length"""
    assert figure.evaluate(over) == 0

def test_pictures_of_many_numbers_follow(chromium, tmp_path):
    scale = tf.Variable(1., name="scale")
    view = graph_of(lambda rows: scale * rows, np.linspace(-1, 1, 40, dtype=np.float32).reshape(5, 8))
    with visit(chromium, page_file(tmp_path, view.steps()._repr_html_())) as page:
        picture = page.locator(".mgt-operation image")
        before = picture.get_attribute("href")
        page.get_by_label("scale", exact=True).fill("-1")
        assert picture.get_attribute("href") not in (before, None) and picture.is_visible()
        page.get_by_label("scale", exact=True).fill("0")
        assert not picture.is_visible() and page.locator(".mgt-operation .mgt-value").last.text_content() in ("all 0", "all −0")
