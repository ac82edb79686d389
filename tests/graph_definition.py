"""A second reading of a graph, from TensorFlow's definition of it alone: what is computed from what, and what a drawing may leave out.
It knows nothing of the package; `Comparison` holds a drawing against it."""
import collections, functools, re
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

PASSES = {"Identity", "IdentityN", "Snapshot", "EnsureShape"}
RESHAPES = {"Reshape", "ExpandDims", "Squeeze"}
SIZES = {"Shape", "ShapeN", "Size", "Rank", "VariableShape"}
CALLS, LOOPS = {"PartitionedCall", "StatefulPartitionedCall"}, {"While", "StatelessWhile"}
BRANCHES = {"If", "StatelessIf", "Case", "StatelessCase"}
SEEN = {"shape", "dims", "output_shape", "input_sizes", "filter_sizes", "element_shape", "num_elements", "num_segments", "orig_input_shape",
        "num_split", "num_lower", "num_upper", "alg"}  # inputs that a shape says, or that nobody asks for
SAID = {"perm", "axis", "reduction_indices", "dimension", "split_dim", "dim", "concat_dim", "multiples", "begin", "size", "end", "strides",
        "depth", "paddings", "size_splits", "block_shape", "crops", "fft_length", "num_lower", "num_upper"}
QUIET = {"container", "shared_name", "seed", "seed2", "config", "config_proto", "executor_type", "parallel_iterations", "metadata", "token",
         "message", "validate_shape", "output_shape", "axes", "incompatible_shape_error", "grad_a", "grad_b", "grad_x", "grad_y",
         "preserve_cardinality", "use_default_device", "use_inter_op_parallelism", "force_synchronous"}
RESOURCE = tf.resource.as_datatype_enum

def flat(args, attrs, told) -> list:  # told: function of an argument and a number
    "One entry for each tensor, where an argument may stand for many."
    found = []
    for arg in args:
        many = attrs[arg.number_attr].i if arg.number_attr else len(attrs[arg.type_list_attr].list.type) if arg.type_list_attr else 1
        found += [told(arg, k) for k in range(many)]
    return found

class Operation:
    "One operation of a definition."
    def __init__(self, node, numbered):  # numbered: function of an input's text
        self.name, self.op, self.attrs, self.proto = node.name, node.op, node.attr, op_def_registry.get(node.op)
        self.inputs = [numbered(text) for text in node.input if text[0] != "^"]
        self.after = [text[1:].split(":")[0] for text in node.input if text[0] == "^"]
        self.roles = flat(self.proto.input_arg, self.attrs, lambda arg, k: arg.name)
        self.outputs = flat(self.proto.output_arg, self.attrs, lambda arg, k: (arg.name, k))
        self.dtypes = flat(self.proto.output_arg, self.attrs, self._dtype)
        self.writes_one = bool(re.match("Assign|(Resource)?(Sparse)?Apply|Resource(SparseApply|Scatter|Strided)", node.op))
    def _dtype(self, arg, k):
        if arg.type_list_attr: return self.attrs[arg.type_list_attr].list.type[k]
        return arg.type or self.attrs[arg.type_attr].type
    def functions(self) -> list[str]:
        values = [self.attrs[attr.name] for attr in self.proto.attr if attr.type in ("func", "list(func)") and attr.name in self.attrs]
        return [f.name for value in values for f in ([value.func] if value.func.name else value.list.func) if f.name]
    def output_label(self, k: int) -> str:
        names = [name for name, _ in self.outputs]
        name, place = self.outputs[k]
        return f"[{place}]" if len(set(names)) == 1 else name if names.count(name) == 1 else f"{name}[{place}]"
    def value(self): return tf.make_ndarray(self.attrs["value"].tensor)

def remembered(method):
    "A method that computes once for each argument."
    @functools.wraps(method)
    def known(self, at):
        key = method.__name__, at
        if key not in self.known: self.known[key] = method(self, at)
        return self.known[key]
    return known

class Definition:
    "The operations of a graph, what comes in, and the tensors that it returns: name and number."
    def __init__(self, nodes, given: dict, results, library, gradients=(), numbered=None):  # given: name -> type
        def plain(text):
            name, _, k = text.partition(":")
            return name, int(k or 0)
        self.known = {}
        self.library, self.given, self.gradients, self.results = library, given, set(gradients), list(results)
        self.ops = {node.name: Operation(node, numbered or plain) for node in nodes if node.name not in given}
        self.shapes = {node.name: node.attr["_output_shapes"].list.shape for node in nodes if "_output_shapes" in node.attr}
        self.users = collections.defaultdict(list)
        for op in self.ops.values():
            for at in op.inputs: self.users[at].append(op.name)

    @remembered
    def inside(self, name: str):
        "The definition of a function."
        function = self.library[name]
        given, ops = {arg.name: arg.type for arg in function.signature.input_arg}, {node.name: node for node in function.node_def}
        def numbered(text):
            if text in given: return text, 0
            node, arg, k = text.split(":")
            names = flat(op_def_registry.get(ops[node].op).output_arg, ops[node].attr, lambda arg, k: arg.name)
            return node, names.index(arg) + int(k)
        results = [numbered(function.ret[arg.name]) for arg in function.signature.output_arg]
        return Definition(function.node_def, given, results, self.library, numbered=numbered)

    def acts(self, op) -> bool:
        "Whether an operation does something besides computing."
        if op.op in PASSES | {"ReadVariableOp", "VarHandleOp"}: return False
        if re.search(r"Find|Export|TableSize|IsInitialized|ResourceGather|VariableShape|ArraySize", op.op): return False
        return op.proto.is_stateful and all(attr.name != "seed2" for attr in op.proto.attr)

    @remembered
    def written(self, name: str) -> frozenset:
        "The stores that an operation writes to, as they are called here."
        op = self.ops[name]
        stores = [(k, self.origin(at)[0]) for k, at in enumerate(op.inputs) if self.dtype(at) == RESOURCE]
        if not stores or not self.acts(op): return frozenset()
        if op.op not in CALLS | LOOPS | BRANCHES: return frozenset(store for _, store in stores)
        found = set()
        for inner in map(self.inside, op.functions()):
            changed = set().union(*(inner.written(other) for other in inner.ops))
            first = len(op.inputs) - len(inner.given)
            found |= {store for k, store in stores if k >= first and list(inner.given)[k - first] in changed}
        return frozenset(found)

    def dtype(self, at): return self.given[at[0]] if at[0] in self.given else self.ops[at[0]].dtypes[at[1]]

    def origin(self, at):
        "Where a tensor comes from, through what only passes it on, and a store through loops."
        while at[0] in self.ops:
            op = self.ops[at[0]]
            if op.op not in PASSES and not (op.op in LOOPS and self.dtype(at) == RESOURCE): break
            at = op.inputs[at[1]]
        return at

    @functools.cached_property
    def before(self) -> dict:
        "The operations before each operation."
        found = {}
        for name in self.ops:
            todo = [name]
            while todo:
                here = self.ops[todo[-1]]
                direct = [at for at in [*(at for at, _ in here.inputs), *here.after] if at in self.ops]
                rest = [at for at in direct if at not in found]
                if rest: todo += rest
                else: found[todo.pop()] = set(direct).union(*(found[at] for at in direct))
        return found

    def last_write(self, store: str, before: str):
        "The last operation that wrote to a store before an operation."
        writers = [name for name in self.before[before] if store in self.written(name)]
        return max(writers, key=lambda name: len(self.before[name]), default=None)

    def source(self, at, user: str=""):
        "What a tensor is: (operation, output); of a store, ('store', its name, the last write)."
        at = self.origin(at)
        if at[0] in self.ops and self.ops[at[0]].op == "ReadVariableOp": at, user = self.origin(self.ops[at[0]].inputs[0]), at[0]
        if self.dtype(at) == RESOURCE: return "store", at[0], self.last_write(at[0], user) if user else None
        return at

    @remembered
    def of_sizes(self, at) -> bool:
        "Whether a whole number is a constant or a size, or made of those alone."
        name, k = self.origin(at)
        if name in self.given or not tf.dtypes.as_dtype(self.dtype((name, k))).is_integer: return False
        op = self.ops[name]
        if op.op in SIZES | {"Const"}: return True
        whole = tf.dtypes.as_dtype(op.dtypes[0]).is_integer and not op.proto.is_stateful
        return whole and bool(op.inputs) and all(self.of_sizes(each) for each in op.inputs)

    def constant(self, at):
        "The value of a constant; None if it is none."
        op = self.ops.get(self.origin(at)[0])
        return op.value() if op is not None and op.op == "Const" else None

def parsed(text: str):
    "The numbers in a label."
    text = re.sub(r"\bnan\b", "float('nan')", re.sub(r"\binf\b", "float('inf')", text.replace("−", "-")))
    return np.asarray(eval(text, {"__builtins__": {}}, {"float": float}))

def says(label: str, value) -> bool:
    "Whether the label of a constant says its value, or, of many numbers, its shape."
    if value.size > 3: return label.startswith("constant ") and str(tuple(value.shape)) in label
    if value.dtype == object:
        words = [word.decode(errors="replace").translate(dict.fromkeys(range(32), " ")) for word in value.ravel()]
        return all(word[:19] in label for word in words) and all(len(word) <= 20 or "…" in label for word in words)
    if value.size == 0: return label in ("[]", "[[]]", "no values")
    return parsed(label).shape == value.shape and np.allclose(parsed(label), value, rtol=6e-3, equal_nan=True)

def sizes_text(proto) -> str:
    "A shape of a definition, as a person writes it."
    if proto.unknown_rank: return "(...)"
    sizes = ["?" if dim.size < 0 else str(dim.size) for dim in proto.dim]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"

class Comparison:
    "A drawing held against a definition: `wrong` is what differs."
    def __init__(self, definition, name, nodes, inner, used=None, kinds=True):  # inner: of a node's graphs: title -> nodes and inner ones
        self.definition, self.name, self.all_nodes, self.inner, self.kinds = definition, name, nodes, inner, kinds
        self.nodes, self.wrong, self.bound = {node.name: node for node in nodes}, [], {}
        self.drawn_name, self.reached = self._names(), {}
        self._results(used)
        self._walk()
        self._nothing_else()

    def no(self, text): self.wrong.append(f"{self.name}: {text}")

    def _names(self) -> dict:
        "What each operation is called in the drawing: calls by their function."
        found, boxes = {}, {}
        for node in self.all_nodes:
            if node.kind in ("box", "gradient") and node.name in self.inner: boxes.setdefault(re.sub(r" \(\d+\)$", "", node.name), []).append(node.name)
        for op in self.definition.ops.values():
            name, again = op.name, f"{op.name} (2)"
            if name in self.nodes and self.nodes[name].kind in ("input", "variable") and again in self.nodes: name = again
            if op.op in CALLS:
                place = re.sub(r"(Stateful)?PartitionedCall(_\d+)?$", "", name)
                function = re.sub(r"^(__(inference|forward|backward)_)+|(_\d+)+$", "", op.functions()[0])
                keys = [f"{place}{function}", f"{place}gradient of {function}"]
                if function == "restored_function_body": keys = [key for key in boxes if key not in self.definition.ops]
                alike = next((boxes[key] for key in keys if boxes.get(key)), [name])
                if self._live_users(op) or self.definition.acts(op): name = alike.pop(0)
            found[op.name] = name
        return found

    def _live_users(self, op): return [k for k in range(len(op.outputs)) if self.definition.users[op.name, k]
                                       or (op.name, k) in self.definition.results]

    def drawn_source(self, node):
        "The node that a drawn input stands for: not a part, nor a variable after a box has written to it."
        if node.kind == "part" or node.kind == "variable" and node.inputs: return self.nodes[node.inputs[0]]
        return node

    def unfolded(self, source):
        "A source, before the reshapes of gradients that are not drawn."
        while source[0] in self.definition.ops and self.definition.ops[source[0]].op in RESHAPES \
                and self.drawn_name[source[0]] not in self.nodes:
            if self.kinds and source[0] not in self.definition.gradients: self.no(f"{source[0]} is not drawn")
            source = self.definition.source(self.definition.ops[source[0]].inputs[0], source[0])
        return source

    def fits(self, source, node, gradient=False) -> bool:
        "Whether a drawn input is that source."
        source, ops = self.unfolded(source), self.definition.ops
        if source[0] == "store":
            if source[2]: return self.drawn_source(node).name == self.drawn_name[source[2]]
            if source[1] in ops and ops[source[1]].op != "VarHandleOp": return self.drawn_source(node).name == self.drawn_name[source[1]]
            return self._same(source[1], node)
        if source[0] in self.definition.given: return self._same(source[0], node)
        op = ops[source[0]]
        if op.op == "Const": return node.kind == "constant" and says(node.label, op.value())
        if self.drawn_source(node).name != self.drawn_name[op.name]: return False
        if node.kind == "part": return op.op in LOOPS or node.label == op.output_label(source[1])
        return len(op.outputs) == 1 or self._only_one(op, source[1], node, gradient)

    def _only_one(self, op, k, node, gradient) -> bool:
        "Whether a node without parts may stand for this output: it says which it is."
        parts = [each for each in self.nodes.values() if each.kind == "part" and each.inputs[0] == node.name]
        if parts: return gradient and op.output_label(k) not in [part.label for part in parts]
        if op.op in LOOPS | CALLS | BRANCHES or op.dtypes[k] in (RESOURCE, tf.variant.as_datatype_enum): return True
        return k == 0 or gradient or "→ " + op.output_label(k) in node.detail

    def _same(self, name, node) -> bool:
        if node.kind not in ("input", "variable", "constant") or node.inputs: return False
        if node.kind == "constant": return self.bound.setdefault(name, node.label) == node.label
        if name not in self.bound and node.name in self.bound.values(): return False
        return self.bound.setdefault(name, node.name) == node.name

    def _results(self, used):
        self.results = results = [at for k, at in enumerate(self.definition.results) if used is None or k in used]
        outputs = [node for node in self.all_nodes if node.kind == "output"]
        if len(results) != len(outputs): self.no(f"{len(outputs)} results drawn, of {len(results)}")
        for at, node in zip(results, outputs):
            if not self.fits(self.definition.source(at), self.nodes[node.inputs[0]]): self.no(f"{node.label} is not {at}")
        acting = [op.name for op in self.definition.ops.values() if self.definition.acts(op)]
        self.todo = [source for at in results for source in [self.definition.source(at)]] + [(name, 0) for name in acting]

    def _walk(self):
        while self.todo:
            source = self.unfolded(self.todo.pop())
            name = source[2] or source[1] if source[0] == "store" else source[0]
            op = self.definition.ops.get(name)
            if op is None or name in self.reached or op.op in ("Const", "Placeholder", "VarHandleOp"): continue
            self.reached[name] = op
            node = self.nodes.get(self.drawn_name[name])
            if node is None: self.no(f"{name} ({op.op}) is not drawn")
            else: self._inputs(op, node)

    def _wanted(self, op) -> list:  # of role, place and source
        "What an operation is computed from, in the order in which it is drawn."
        found = [(role, at, self.definition.source(at, op.name)) for role, at in zip(op.roles, op.inputs)]
        if op.op in LOOPS:
            def list_of_gradients(at): return at[0] in self.definition.ops and self.definition.ops[at[0]].op == "EmptyTensorList"
            return [each for k, each in enumerate(found) if k not in self._books(op) and not list_of_gradients(each[1])]
        if not op.writes_one: return found
        store = found[0][2]
        rest = sorted(found[1:], key=lambda each: self.definition.dtype(each[1]) != RESOURCE)
        return rest + ([("before", None, store)] if store[2] else [])

    def _books(self, op) -> set[int]:
        "Numbers of a loop's variables that need not be drawn: its counter, and the most turns, where those are said or come in anyway."
        body = list(self.definition.inside(op.functions()[1]).given)
        if not (len(body) > 1 and re.search(r"loop_counter(_\d+)?$", body[0]) and re.search(r"maximum_iterations(_\d+)?$", body[1])): return set()
        most, node = self.definition.constant(op.inputs[1]), self.nodes.get(self.drawn_name[op.name])
        if most is not None and most >= 0 and node and f", at most {most} turn" not in node.detail: self.no(f"{op.name} does not say {most}")
        return {0, 1} if most is not None or self.definition.origin(op.inputs[1]) in map(self.definition.origin, op.inputs[2:]) else {0}

    def _inputs(self, op, node):
        drawn, gradient = [self.nodes[name] for name in node.inputs], op.name in self.definition.gradients or node.kind == "gradient"
        for role, at, source in self._wanted(op):
            serves = role in SEEN | SAID and self.definition.of_sizes(at)
            if drawn and self.fits(source, drawn[0], gradient):
                drawn.pop(0)
                self.todo.append(source)
            elif serves: self._left_out(op, node, role, at)
            else: self.no(f"{op.name}: {role} should be {source}, drawn are {[each.name for each in drawn]}")
        if drawn: self.no(f"{op.name}: also drawn {[each.name for each in drawn]}")
        self._told(op, node)

    def _left_out(self, op, node, role, at):
        "What is left out has to be said, or to be seen in a shape."
        value = self.definition.constant(at)
        if role not in SAID or value is None or value.size == 0 or node.detail.endswith("…") or role == "size" and op.op != "Slice": return
        if op.op == "StridedSlice": return
        reduction = role == "reduction_indices" and "axis" not in node.detail or role == "axis" and op.op == "GatherV2" and not value.any()
        if op.op in ("Sum", "Mean", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm") and reduction:
            shapes = self.definition.shapes.get(op.inputs[0][0])
            if shapes and len(shapes[op.inputs[0][1]].dim) != value.size: self.no(f"{op.name} does not say its axes {value}")
            return
        missing = [n for n in value.ravel().tolist() if str(n) not in node.detail]
        if missing and not (op.op == "GatherV2" and not value.any()): self.no(f"{op.name} does not say {role}={value.tolist()}: {node.detail!r}")

    def _told(self, op, node):
        "Its kind, what it has been told by attributes, and its shape."
        gradient = op.name in self.definition.gradients
        if self.kinds and node.kind in ("operation", "gradient") and (node.kind == "gradient") != gradient:
            self.no(f"{op.name} is drawn as {node.kind}")
        if op.writes_one != (node.kind == "update"): self.no(f"{op.name} is drawn as {node.kind}")
        if op.functions() and op.op in CALLS | LOOPS | BRANCHES: return
        if op.op not in ("StridedSlice", "Cast", "Bitcast") and not node.detail.endswith("…"):
            for name, told in self._attributes(op, node):
                if not all(str(each) in node.detail for each in told): self.no(f"{op.name} does not say {name}={told}: {node.detail!r}")
        if op.op in ("Cast", "Bitcast") and tf.dtypes.as_dtype(op.dtypes[0]).name not in node.detail: self.no(f"{op.name} does not say its type")
        self._shape(op, node)

    def _attributes(self, op, node):
        "Name and values of each attribute that is not what it is by default."
        counts = {arg.number_attr for arg in (*op.proto.input_arg, *op.proto.output_arg)}
        for attr in op.proto.attr:
            value = op.attrs[attr.name]
            told = {"int": [value.i], "float": [f"{value.f:g}"], "bool": [attr.name], "string": [value.s.decode(errors="replace")],
                    "list(int)": list(value.list.i), "list(float)": [f"{f:g}" for f in value.list.f]}.get(attr.type)
            if told is None or attr.name in QUIET | counts or attr.HasField("default_value") and value == attr.default_value: continue
            if attr.name == "keep_dims" and node.kind == "gradient": continue  # the reshape after it is not drawn
            pixels = attr.name in ("strides", "ksize", "dilations")
            yield attr.name, [each for each in told if each != 1] if pixels else told

    def _shape(self, op, node):
        "The shape of its only result."
        shapes = self.definition.shapes.get(op.name, ())
        users = [self.definition.ops[user] for k in range(len(op.outputs)) for user in self.definition.users[op.name, k]]
        folded = any(user.op in RESHAPES and self.drawn_name[user.name] not in self.nodes for user in users)
        if len(shapes) != 1 or node.kind not in ("operation", "gradient") or folded: return
        dtype = tf.dtypes.as_dtype(op.dtypes[0])
        text = sizes_text(shapes[0]) if dtype == tf.float32 else f"{dtype.name} {sizes_text(shapes[0])}"
        if dtype != tf.variant and node.note != text: self.no(f"{op.name} has the shape {text}, drawn {node.note}")

    def _nothing_else(self):
        drawn = {node.name for node in self.all_nodes if node.kind in ("operation", "gradient", "box", "update")}
        if extra := drawn - {self.drawn_name[name] for name in self.reached}: self.no(f"drawn, and nothing leads there: {sorted(extra)}")

    def parts(self):
        "The comparisons of the graphs within the graph."
        for name, op in self.reached.items():
            node = self.drawn_name[name]
            graphs = self.inner.get(node, {})
            if len(graphs) != len(op.functions()): self.no(f"{len(graphs)} graphs in {node}, of {len(op.functions())}")
            for each, (title, (nodes, inner)) in zip(op.functions(), graphs.items()):
                definition = self.definition.inside(each)
                wanted = self._wanted_inside(op, node, definition)
                yield Comparison(definition, f"{self.name}, {node}, {title}", nodes, inner, wanted, kinds=False)

    def differences(self) -> list[str]:
        "What is wrong, and what is wrong within."
        return [*(text for part in self.parts() for text in part.differences()), *self.wrong]

    def _wanted_inside(self, op, node, inner):
        if op.op in LOOPS:
            if len(inner.results) == 1 and inner.dtype(inner.results[0]) == tf.bool.as_datatype_enum: return None
            lists = {k for k, at in enumerate(op.inputs) if at[0] in self.definition.ops and self.definition.ops[at[0]].op == "EmptyTensorList"}
            books = self._books(op)
            return [k for k, at in enumerate(inner.results) if k not in books | lists and inner.origin(at)[0] != list(inner.given)[k]]
        if op.op not in CALLS | BRANCHES: return None
        def outside(k): return [user for user in self.definition.users[op.name, k] if self._is_live(user)]
        returned = {self.definition.origin(at) for at in self.results}
        used = [k for k in range(len(op.outputs)) if op.dtypes[k] != RESOURCE and (outside(k) or (op.name, k) in returned)]
        forward = [k for k in used if (op.name, k) in returned or node in self.nodes and self.nodes[node].kind == "gradient"
                   or any(user not in self.definition.gradients for user in outside(k))]
        return forward or used[:1] or [0][:len(op.outputs)]

    def _is_live(self, user) -> bool:
        if user in self.reached: return True
        op = self.definition.ops[user]
        if op.op not in PASSES | RESHAPES | SIZES and not op.dtypes: return False
        return any(self._is_live(each) for k in range(len(op.outputs)) for each in self.definition.users[user, k]) or any(
            at[0] == user for at in self.results)
