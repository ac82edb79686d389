// The operations of TensorFlow's graphs in plain JavaScript. A tensor is {type, shape, data}, row by row, and never
// changed; a variable is {value: tensor}. What is float32 is rounded when it is stored; sums are in double precision.
globalThis.mgtGraph = (() => {
  const NUMBERS = {float32: Float32Array, float64: Float64Array, int64: Float64Array, int32: Int32Array,
    int8: Int8Array, uint8: Uint8Array, bool: Uint8Array};
  const MOST = 1e6;    // numbers in a tensor
  const LONGEST = 3e5; // results of a run, number by number: some 20 ms of a laptop

  const countOf = (shape) => shape.reduce((product, size) => product * size, 1);
  const isWhole = ({type}) => !type.startsWith("float");

  function tensor(type, shape, data = null) {
    if (!(countOf(shape) <= MOST)) throw Error(`a tensor would have ${countOf(shape).toLocaleString("en")} numbers`);
    const Numbers = NUMBERS[type], made = data instanceof Numbers ? data : new Numbers(data ?? countOf(shape));
    return {type, shape, data: made};
  }
  const written = ({type, shape, values}) => {
    const numbers = values.map(Number);
    return tensor(type, shape, numbers.length === 1 ? new NUMBERS[type](countOf(shape)).fill(numbers[0]) : numbers);
  };
  const list = ({data}) => [...data];

  // ---- positions ----------------------------------------------------------------------------------------------------

  // How far apart in memory neighbours along each dimension are.
  function stridesOf(shape) {
    const strides = Array(shape.length).fill(1);
    for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
    return strides;
  }

  // Where each entry of an array of that shape lies in memory, for given strides.
  function positions(shape, strides, start = 0) {
    const found = new Int32Array(countOf(shape)), at = shape.map(() => 0);
    let place = start;
    for (let k = 0; k < found.length; k++) {
      found[k] = place;
      for (let d = shape.length - 1; d >= 0; d--) {
        place += strides[d];
        if (++at[d] < shape[d]) break;
        place -= strides[d] * shape[d];
        at[d] = 0;
      }
    }
    return found;
  }
  const view = (x, shape, strides, start = 0) =>
    tensor(x.type, shape, x.data.constructor.from(positions(shape, strides, start), (place) => x.data[place]));

  const sameShape = (a, b) => a.length === b.length && a.every((size, d) => size === b[d]);

  function broadcastShape(...shapes) {
    const rank = Math.max(...shapes.map((shape) => shape.length));
    return Array.from({length: rank}, (_, d) => {
      const sizes = shapes.map((shape) => shape[d - rank + shape.length] ?? 1);
      const size = sizes.find((each) => each !== 1) ?? 1;
      if (sizes.some((each) => each !== 1 && each !== size)) throw Error(`sizes ${sizes.join(" and ")} do not fit`);
      return size;
    });
  }
  function broadcast(x, shape) {
    if (sameShape(x.shape, shape)) return x;
    const own = stridesOf(x.shape), skipped = shape.length - x.shape.length;
    return view(x, shape, shape.map((_, d) => (d < skipped || x.shape[d - skipped] === 1 ? 0 : own[d - skipped])));
  }

  const axisOf = (axis, rank) => (axis < 0 ? axis + rank : axis);
  const axesOf = (axes, rank) => list(axes).map((axis) => axisOf(axis, rank));
  const reshaped = (x, shape) => tensor(x.type, shape, x.data);

  // ---- number by number ---------------------------------------------------------------------------------------------

  const mapped = (f) => ([x], _, [type]) => tensor(type, x.shape, NUMBERS[type].from(x.data, f));

  function zipped(type, f, ...parts) {
    const shape = broadcastShape(...parts.map((part) => part.shape));
    const [a, b, c] = parts.map((part) => broadcast(part, shape).data);
    const made = tensor(type, shape), data = made.data;
    for (let k = 0; k < data.length; k++) data[k] = f(a[k], b?.[k], c?.[k]);
    return made;
  }
  const each = (f) => (parts, _, [type]) => zipped(type, f, ...parts);
  const byType = (ofWhole, ofReal) => (parts, _, [type]) =>
      zipped(type, isWhole(parts[0]) ? ofWhole : ofReal, ...parts);

  const divisible = (f) => (a, b) => {
    if (b === 0) throw Error("a whole number is divided by zero");
    return f(a, b);
  };
  const floorMod = (a, b) => { const rest = a % b; return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest; };
  const product = (a, b) => a * b;
  const wholeProduct = (a, b) => (Number.isSafeInteger(a * b) ? a * b : Math.imul(a, b));
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const even = (x) => { const near = Math.round(x); return Math.abs(x % 1) === 0.5 && near % 2 ? near - 1 : near; };
  const positive = (x) => (x <= 0 ? 0 : x);  // NaN stays
  const toWhole = (type) => (type === "bool" ? (x) => x !== 0 : isWhole({type}) ? Math.trunc : (x) => x);

  const UNARY = {Neg: (x) => -x, Abs: Math.abs, Sign: Math.sign, Exp: Math.exp, Expm1: Math.expm1, Log: Math.log,
      Log1p: Math.log1p,
    Sqrt: Math.sqrt, Rsqrt: (x) => 1 / Math.sqrt(x), Square: (x) => x * x, Reciprocal: (x) => 1 / x, Inv: (x) => 1 / x,
    Sin: Math.sin, Cos: Math.cos, Tan: Math.tan, Asin: Math.asin, Acos: Math.acos, Atan: Math.atan, Sinh: Math.sinh,
    Cosh: Math.cosh, Tanh: Math.tanh, Sigmoid: sigmoid, Softplus: softplus, Relu: positive,
      Relu6: (x) => Math.min(positive(x), 6),
    Elu: (x) => (x < 0 ? Math.expm1(x) : x), Floor: Math.floor, Ceil: Math.ceil, Round: even, Rint: even,
    LogicalNot: (x) => !x, IsNan: (x) => x !== x, IsInf: (x) => Math.abs(x) === Infinity, IsFinite: Number.isFinite};

  const BINARY = {Add: (a, b) => a + b, AddV2: (a, b) => a + b, Sub: (a, b) => a - b, Pow: Math.pow,
    Maximum: (a, b) => (a > b || a !== a ? a : b), Minimum: (a, b) => (a < b || a !== a ? a : b),
    SquaredDifference: (a, b) => (a - b) ** 2, Atan2: Math.atan2,
    MulNoNan: (a, b) => (b === 0 ? 0 : a * b), DivNoNan: (a, b) => (b === 0 ? 0 : a / b),
    Xdivy: (a, b) => (a === 0 ? 0 : a / b), Xlogy: (a, b) => (a === 0 ? 0 : a * Math.log(b)),
    Less: (a, b) => a < b, LessEqual: (a, b) => a <= b, Greater: (a, b) => a > b, GreaterEqual: (a, b) => a >= b,
    Equal: (a, b) => a === b, NotEqual: (a, b) => a !== b, LogicalAnd: (a, b) => a && b, LogicalOr: (a, b) => a || b,
    TanhGrad: (y, dy) => dy * (1 - y * y), SigmoidGrad: (y, dy) => dy * y * (1 - y), SqrtGrad: (y, dy) => dy * 0.5 / y,
    RsqrtGrad: (y, dy) => -0.5 * dy * y ** 3, ReciprocalGrad: (y, dy) => -dy * y * y, InvGrad: (y, dy) => -dy * y * y,
    ReluGrad: (dy, x) => (x > 0 ? dy : 0), Relu6Grad: (dy, x) => (x > 0 && x < 6 ? dy : 0),
    EluGrad: (dy, y) => (y < 0 ? dy * (y + 1) : dy), SoftplusGrad: (dy, x) => dy * sigmoid(x)};

  const BY_TYPE = {Mul: [wholeProduct, product], RealDiv: [divisible((a, b) => a / b), (a, b) => a / b],
    Div: [divisible((a, b) => Math.trunc(a / b)), (a, b) => a / b],
      TruncateDiv: [divisible((a, b) => Math.trunc(a / b)),
      (a, b) => Math.trunc(a / b)],
    FloorMod: [divisible(floorMod), floorMod], Mod: [divisible((a, b) => a % b), (a, b) => a % b],
    TruncateMod: [divisible((a, b) => a % b), (a, b) => a % b]};

  // The quotient is rounded before it is cut off.
  function floorDiv([a, b], _, [type]) {
    const near = type === "float32" ? Math.fround : (x) => x;
    return zipped(type, isWhole(a) ? divisible((x, y) => Math.floor(x / y)) : (x, y) => Math.floor(near(x / y)), a, b);
  }
  function leaky({alpha = 0.2}) { return (x) => (x > 0 ? x : alpha * x); }

  // A condition of one dimension chooses whole rows.
  function select([condition, a, b], _, [type]) {
    const rows = condition.shape.length === 1 && a.shape.length > 1;
    const chosen = rows ? reshaped(condition, [condition.shape[0], ...a.shape.slice(1).map(() => 1)]) : condition;
    return zipped(type, (c, x, y) => (c ? x : y), chosen, a, b);
  }

  // ---- reductions ---------------------------------------------------------------------------------------------------

  function reduce(x, axes, keep, type, start, f, last = (sum) => sum) {
    const gone = new Set(axesOf(axes, x.shape.length)), kept = x.shape.map((size, d) => (gone.has(d) ? 1 : size));
    const own = stridesOf(kept), places = positions(x.shape, own.map((stride, d) => (gone.has(d) ? 0 : stride)));
    const sums = new Float64Array(countOf(kept)).fill(start), count = x.data.length / sums.length;
    for (let k = 0; k < places.length; k++) sums[places[k]] = f(sums[places[k]], x.data[k]);
    const shape = keep ? kept : kept.filter((_, d) => !gone.has(d));
    return tensor(type, shape, NUMBERS[type].from(sums, (sum) => last(sum, count)));
  }
  const reduction = (start, f, last) => ([x, axes], {keep_dims: keep}, [type]) =>
      reduce(x, axes, keep, type, start, f, last);
  const sum = (a, b) => a + b;
  const REDUCTIONS = {Sum: [0, sum], Mean: [0, sum, (total, count) => total / count], Prod: [1, product],
    Max: [-Infinity, (a, b) => (b > a || b !== b ? b : a)], Min: [Infinity, (a, b) => (b < a || b !== b ? b : a)],
    All: [1, (a, b) => a && b], Any: [0, (a, b) => a || b], EuclideanNorm: [0, (a, b) => a + b * b, Math.sqrt]};

  // Along one dimension, row after row: `f(read, length, write)` for each.
  function rowsAlong(x, axis, f) {
    const length = x.shape[axis], stride = stridesOf(x.shape)[axis];
    const heads = x.shape.map((size, d) => (d === axis ? 1 : size));
    positions(heads, stridesOf(x.shape)).forEach((start, row) => f((k) => x.data[start + k * stride], length, row,
      (k) => start + k * stride));
  }
  const furthest = (further) => ([x, dimension], _, [type]) => {
    const axis = axisOf(dimension.data[0], x.shape.length), made = tensor(type, x.shape.filter((_, d) => d !== axis));
    rowsAlong(x, axis, (at, length, row) => {
      let best = 0;
      for (let k = 1; k < length; k++) if (further(at(k), at(best))) best = k;
      made.data[row] = best;
    });
    return made;
  };
  const running = (start, f) => ([x, axis], {exclusive, reverse}, [type]) => {
    const made = tensor(type, x.shape);
    rowsAlong(x, axisOf(axis.data[0], x.shape.length), (at, length, _, place) => {
      let total = start;
      for (let step = 0; step < length; step++) {
        const k = reverse ? length - 1 - step : step, next = f(total, at(k));
        made.data[place(k)] = exclusive ? total : next;
        total = next;
      }
    });
    return made;
  };

  // ---- products of matrices -----------------------------------------------------------------------------------------

  const swapped = (x) => {
    const order = [...x.shape.keys()], [row, column] = order.splice(-2);
    return transpose(x, [...order, column, row]);
  };
  function transpose(x, order) {
    const own = stridesOf(x.shape);
    return view(x, order.map((d) => x.shape[d]), order.map((d) => own[d]));
  }
  function multiply(a, b, type) {
    const [rows, inner] = a.shape.slice(-2), [same, columns] = b.shape.slice(-2);
    if (inner !== same) throw Error(`matrices of ${inner} columns and ${same} rows do not fit`);
    const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const made = tensor(type, [...batch, rows, columns]);
    const left = broadcast(a, [...batch, rows, inner]).data, right = broadcast(b, [...batch, inner, columns]).data;
    for (let k = 0; k < countOf(batch); k++) {
      for (let i = 0; i < rows; i++) {
        const sums = new Float64Array(columns);
        for (let m = 0; m < inner; m++) {
          const factor = left[(k * rows + i) * inner + m], from = (k * inner + m) * columns;
          for (let j = 0; j < columns; j++) sums[j] += factor * right[from + j];
        }
        made.data.set(sums, (k * rows + i) * columns);
      }
    }
    return made;
  }
  const products = ([a, b], {transpose_a, transpose_b, adj_x, adj_y}, [type]) =>
    multiply(transpose_a || adj_x ? swapped(a) : a, transpose_b || adj_y ? swapped(b) : b, type);

  // ---- cutting, joining, reordering ---------------------------------------------------------------------------------

  function reshape([x, wanted]) {
    const shape = list(wanted), known = shape.filter((size) => size !== -1), open = shape.indexOf(-1);
    if (open >= 0) shape[open] = x.data.length / (countOf(known) || 1);
    const fits = countOf(shape) === x.data.length;
    if (!fits) throw Error(`${x.data.length} numbers do not fit in shape (${shape.join(", ")})`);
    return reshaped(x, shape);
  }
  function expandDims([x, axis]) {
    const shape = [...x.shape];
    shape.splice(axisOf(axis.data[0], shape.length + 1), 0, 1);
    return reshaped(x, shape);
  }
  function squeeze([x], {squeeze_dims: axes = []}) {
    const gone = axes.map((axis) => axisOf(axis, x.shape.length));
    return reshaped(x, x.shape.filter((size, d) => (axes.length ? !gone.includes(d) : size !== 1)));
  }
  function tile([x, multiples]) {
    const times = list(multiples), shape = x.shape.flatMap((size, d) => [times[d], size]);
    const spread = broadcast(reshaped(x, x.shape.flatMap((size) => [1, size])), shape);
    return reshaped(spread, x.shape.map((size, d) => size * times[d]));
  }
  function concat(parts, axis, type) {
    const [first] = parts, sizes = parts.map((part) => part.shape[axis]), shape = [...first.shape];
    shape[axis] = sizes.reduce(sum, 0);
    const made = tensor(type, shape), own = stridesOf(shape);
    let start = 0;
    parts.forEach((part, k) => {
      positions(part.shape, own, start).forEach((place, at) => { made.data[place] = part.data[at]; });
      start += sizes[k] * own[axis];
    });
    return made;
  }
  function pack(parts, {axis = 0}, [type]) {
    const at = axisOf(axis, parts[0].shape.length + 1), shape = [...parts[0].shape];
    shape.splice(at, 0, 1);
    return concat(parts.map((part) => reshaped(part, shape)), at, type);
  }
  function cut(x, axis, sizes) {
    const own = stridesOf(x.shape);
    let start = 0;
    return sizes.map((size) => {
      const part = view(x, x.shape.map((whole, d) => (d === axis ? size : whole)), own, start * own[axis]);
      start += size;
      return part;
    });
  }
  function unpack([x], {axis = 0, num = 0}) {
    const at = axisOf(axis, x.shape.length), shape = x.shape.filter((_, d) => d !== at);
    return cut(x, at, Array(num).fill(1)).map((part) => reshaped(part, shape));
  }
  function split([axis, x], {num_split: count}) {
    const at = axisOf(axis.data[0], x.shape.length);
    return cut(x, at, Array(count).fill(x.shape[at] / count));
  }
  function splitV([x, sizes, axis]) {
    const at = axisOf(axis.data[0], x.shape.length), wanted = list(sizes);
    const rest = x.shape[at] - wanted.reduce(sum, 0) - 1;
    return cut(x, at, wanted.map((size) => (size < 0 ? rest : size)));
  }
  function slice([x, begin, size]) {
    const from = list(begin), own = stridesOf(x.shape);
    const shape = list(size).map((n, d) => (n < 0 ? x.shape[d] - from[d] : n));
    if (shape.some((n, d) => from[d] < 0 || from[d] + n > x.shape[d])) throw Error("a slice lies outside of its array");
    return view(x, shape, own, from.reduce((place, at, d) => place + at * own[d], 0));
  }

  // What x[begin:end:strides] takes of a shape: where it starts, its strides, its size along each old dimension, its
  // shape.
  function section(shape, begin, end, steps, masks) {
    const has = (mask, k) => ((masks[mask] ?? 0) >> k) & 1, own = stridesOf(shape);
    const given = begin.filter((_, k) => !has("new_axis_mask", k) && !has("ellipsis_mask", k)).length;
    const found = {start: 0, sizes: [], strides: [], shape: []};
    const whole = (d) => { found.sizes.push(shape[d]); found.strides.push(own[d]); found.shape.push(shape[d]); };
    let d = 0;
    begin.forEach((_, k) => {
      if (has("new_axis_mask", k)) return found.shape.push(1);
      if (has("ellipsis_mask", k)) { for (let n = shape.length - given; n > 0; n--) whole(d++); return 0; }
      const step = has("shrink_axis_mask", k) ? 1 : steps[k], size = shape[d];
      const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
      const bound = (at) => Math.min(Math.max(axisOf(at, size), low), high);
      const one = has("shrink_axis_mask", k);
      const from = !one && has("begin_mask", k) ? (step > 0 ? low : high) : bound(begin[k]);
      const to = one ? from + 1 : has("end_mask", k) ? (step > 0 ? high : low) : bound(end[k]);
      const place = axisOf(begin[k], size);
      if (one && (place < 0 || place >= size)) throw Error(`there is no entry ${begin[k]}`);
      const count = Math.max(Math.ceil((to - from) / step), 0);
      found.start += count ? from * own[d] : 0;
      found.sizes.push(count);
      found.strides.push(step * own[d]);
      if (!one) found.shape.push(count);
      return d++;
    });
    while (d < shape.length) whole(d++);
    return found;
  }
  function stridedSlice([x, begin, end, steps], masks) {
    const {start, sizes, strides, shape} = section(x.shape, list(begin), list(end), list(steps), masks);
    return reshaped(view(x, sizes, strides, start), shape);
  }
  function stridedSliceGrad([shape, begin, end, steps, slope], masks, [type]) {
    const whole = list(shape), {start, sizes, strides} = section(whole, list(begin), list(end), list(steps), masks);
    const made = tensor(type, whole);
    positions(sizes, strides, start).forEach((place, k) => { made.data[place] = slope.data[k]; });
    return made;
  }
  function gather(x, indices, axis) {
    const before = x.shape.slice(0, axis), after = x.shape.slice(axis + 1), rows = countOf(before);
    const run = countOf(after);
    const made = tensor(x.type, [...before, ...indices.shape, ...after]), size = x.shape[axis];
    let place = 0;
    for (let row = 0; row < rows; row++) {
      for (const index of indices.data) {
        if (index < 0 || index >= size) throw Error(`there is no entry ${index} among ${size}`);
        for (let k = 0; k < run; k++) made.data[place++] = x.data[(row * size + index) * run + k];
      }
    }
    return made;
  }
  function gatherV2([x, indices, axis], {batch_dims: batch = 0}) {
    if (batch) throw Error("GatherV2 with batch dimensions does not run in the page");
    return gather(x, indices, axisOf(axis.data[0], x.shape.length));
  }
  function segmentSum([x, ids, count], _, [type]) {
    const inner = x.shape.slice(ids.shape.length), run = countOf(inner), sums = new Float64Array(count.data[0] * run);
    ids.data.forEach((id, row) => {
      for (let k = 0; id >= 0 && k < run; k++) sums[id * run + k] += x.data[row * run + k];
    });
    return tensor(type, [count.data[0], ...inner], NUMBERS[type].from(sums));
  }
  function pad([x, paddings, filling], _, [type]) {
    const before = x.shape.map((_, d) => paddings.data[2 * d]);
    const shape = x.shape.map((size, d) => size + before[d] + paddings.data[2 * d + 1]), own = stridesOf(shape);
    const made = tensor(type, shape);
    if (filling) made.data.fill(filling.data[0]);
    const start = before.reduce((place, n, d) => place + n * own[d], 0);
    positions(x.shape, own, start).forEach((place, k) => { made.data[place] = x.data[k]; });
    return made;
  }
  function reverse([x, axes]) {
    const own = stridesOf(x.shape), turned = new Set(axesOf(axes, x.shape.length));
    const start = own.reduce((place, stride, d) => place + (turned.has(d) ? stride * (x.shape[d] - 1) : 0), 0);
    return view(x, x.shape, own.map((stride, d) => (turned.has(d) ? -stride : stride)), start);
  }

  // ---- making arrays, and asking for shapes -------------------------------------------------------------------------

  const filled = (type, shape, value) => tensor(type, shape, tensor(type, shape).data.fill(value));
  const sizes = (shape, type) => tensor(type, [shape.length], shape);
  const scalar = (value, type) => tensor(type, [], [value]);
  function range([start, limit, delta], _, [type]) {
    const [from, to, step] = [start, limit, delta].map((part) => part.data[0]);
    const count = Math.max(Math.ceil((to - from) / step), 0);
    const made = tensor(type, [count]);
    return tensor(type, [count], made.data.map((_, k) => from + k * step));
  }
  function linSpace([start, stop, num], _, [type]) {
    const [from, to, count] = [start, stop, num].map((part) => part.data[0]);
    const step = (to - from) / Math.max(count - 1, 1);
    const made = tensor(type, [count]);
    return tensor(type, [count], made.data.map((_, k) => (k === count - 1 && k ? to : from + k * step)));
  }
  function oneHot([indices, depth, on, off], {axis = -1}, [type]) {
    const size = depth.data[0], made = filled(type, [...indices.shape, size], off.data[0]);
    indices.data.forEach((index, k) => { if (index >= 0 && index < size) made.data[k * size + index] = on.data[0]; });
    const last = indices.shape.length, at = axis < 0 ? last : axis, order = [...indices.shape.keys()];
    order.splice(at, 0, last);
    return transpose(made, order);
  }
  function gradientAxes([first, second], _, [type]) {
    const shapes = [list(first), list(second)], rank = Math.max(...shapes.map((shape) => shape.length));
    if (sameShape(...shapes)) return shapes.map(() => tensor(type, [0]));
    const wide = shapes.map((shape) => [...Array(rank - shape.length).fill(1), ...shape]);
    const all = broadcastShape(...shapes);
    return wide.map((shape) => {
      const axes = [...shape.keys()].filter((d) =>
          shape[d] === 1 && (all[d] !== 1 || wide.every((each) => each[d] === 1)));
      return tensor(type, [axes.length], axes);
    });
  }
  // A diagonal as a square matrix; of the operation's many other forms none is made by tf.eye.
  function diagonal([x, shift, rows, columns, padding], _, [type]) {
    const size = x.shape.at(-1), asked = [rows, columns].map(({data}) => data[0]);
    if (shift.data.some(Boolean) || asked.some((each) => each !== -1 && each !== size)) {
      throw Error("only the main diagonal of a square is made in the page");
    }
    const made = filled(type, [...x.shape, size], padding.data[0]);
    x.data.forEach((value, k) => { made.data[k * size + k % size] = value; });
    return made;
  }
  function inverted([order], _, [type]) {
    const made = tensor(type, order.shape);
    order.data.forEach((to, from) => { made.data[to] = from; });
    return made;
  }

  // ---- softmax and cross-entropy ------------------------------------------------------------------------------------

  function logSoftmax(x, type) {
    const made = tensor(type, x.shape), length = x.shape.at(-1);
    for (let start = 0; start < x.data.length; start += length) {
      const row = Float64Array.from(x.data.subarray(start, start + length)), top = Math.max(...row);
      const log = Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
      made.data.set(row.map((value) => value - top - log), start);
    }
    return made;
  }
  const softmax = ([x], _, [type]) =>
    tensor(type, x.shape, logSoftmax(x, "float64").data.map(Math.exp));
  function crossEntropy([logits, targets], _, [type]) {
    const shape = broadcastShape(logits.shape, targets.shape), labels = broadcast(targets, shape);
    const [rows, classes] = shape;
    const logs = logSoftmax(broadcast(logits, shape), "float64");
    const losses = new Float64Array(rows);
    logs.data.forEach((log, k) => {
      if (labels.data[k] !== 0) losses[Math.floor(k / classes)] -= labels.data[k] * log;
    });
    return [tensor(type, [rows], losses),
        tensor(type, shape, logs.data.map((log, k) => Math.exp(log) - labels.data[k]))];
  }
  function sparseCrossEntropy([logits, labels], settings, types) {
    const [rows, classes] = logits.shape, targets = tensor("float64", logits.shape);
    labels.data.forEach((label, row) => {
      if (label < 0 || label >= classes) throw Error(`label ${label} is none of ${classes} classes`);
      targets.data[row * classes + label] = 1;
    });
    const [losses, slopes] = crossEntropy([logits, targets], settings, types);
    return [reshaped(losses, [rows]), slopes];
  }

  // ---- variables ----------------------------------------------------------------------------------------------------

  const moved = (variable, f, ...parts) => {
    variable.value = zipped(variable.value.type, f, variable.value, ...parts);
    return variable.value;
  };
  const first = (part) => part.data[0];
  const rounded = Math.fround;
  const UPDATES = {
    AssignVariableOp: ([variable, value]) => { variable.value = value; return value; },
    AssignAddVariableOp: ([variable, value]) => moved(variable, sum, value),
    AssignSubVariableOp: ([variable, value]) => moved(variable, (a, b) => a - b, value),
    ResourceApplyGradientDescent: ([variable, rate, slope]) =>
        moved(variable, (a, b) => a - rounded(first(rate) * b), slope),
    ResourceApplyMomentum([variable, speed, rate, slope, share], {use_nesterov: nesterov}) {
      moved(speed, (v, g) => v * first(share) + g, slope);
      const ahead = (a, g, v) => a - first(rate) * (g + first(share) * v), plain = (a, g, v) => a - first(rate) * v;
      return moved(variable, nesterov ? ahead : plain, slope, speed.value);
    },
    ResourceApplyKerasMomentum([variable, speed, rate, slope, share], {use_nesterov: nesterov}) {
      moved(speed, (v, g) => v * first(share) - first(rate) * g, slope);
      const ahead = (a, g, v) => a + first(share) * v - first(rate) * g, plain = (a, g, v) => a + v;
      return moved(variable, nesterov ? ahead : plain, slope, speed.value);
    },
    ResourceApplyAdagrad: ([variable, sums, rate, slope], settings) =>
      adagrad(variable, sums, rate, 0, slope, settings),
    ResourceApplyAdagradV2: ([variable, sums, rate, epsilon, slope], settings) =>
      adagrad(variable, sums, rate, first(epsilon), slope, settings),
    ResourceApplyAdam([variable, means, squares, power1, power2, rate, share1, share2, epsilon, slope],
        {use_nesterov: nesterov}) {
      const pace = first(rate) * Math.sqrt(1 - first(power2)) / (1 - first(power1)), b1 = first(share1);
      const b2 = first(share2);
      moved(means, (m, g) => m + (g - m) * (1 - b1), slope);
      moved(squares, (v, g) => v + (g * g - v) * (1 - b2), slope);
      const towards = nesterov ? zipped(means.value.type, (m, g) => m * b1 + (1 - b1) * g, means.value, slope)
          : means.value;
      return moved(variable, (a, m, v) => a - pace * m / (Math.sqrt(v) + first(epsilon)), towards, squares.value);
    },
  };
  function adagrad(variable, sums, rate, epsilon, slope, {update_slots: growing}) {
    if (growing) moved(sums, (s, g) => s + g * g, slope);
    return moved(variable, (a, g, s) => a - first(rate) * g / (Math.sqrt(s) + epsilon), slope, sums.value);
  }

  // ---- graphs in the graph: `call(number, inputs)` runs one ---------------------------------------------------------

  const isTrue = ({data}) => Boolean(data[0]);
  function loop(inputs, {graphs: [condition, body]}, _, call) {
    let state = inputs;
    while (isTrue(call(condition, state)[0])) state = call(body, state);
    return state;
  }
  const branch = ([condition, ...inputs], {graphs: [yes, no]}, _, call) => call(isTrue(condition) ? yes : no, inputs);
  const called = (inputs, {graphs: [inside]}, _, call) => call(inside, inputs);

  const same = ([x]) => x;
  const entries = (table, f) => Object.fromEntries(Object.entries(table).map(([name, value]) => [name, f(value)]));

  const OPERATIONS = {
    ...entries(UNARY, mapped), ...entries(BINARY, each), ...entries(BY_TYPE, (both) => byType(...both)),
    ...entries(REDUCTIONS, (three) => reduction(...three)), ...UPDATES,
    Const: (_, settings, [type]) => written({type, ...settings}),
    Identity: same, IdentityN: (parts) => parts, StopGradient: same, PreventGradient: same, Snapshot: same,
      EnsureShape: same,
    Cast: ([x], _, [type]) => tensor(type, x.shape, NUMBERS[type].from(x.data, toWhole(type))),
    AddN: (parts, _, [type]) => parts.reduce((a, b) => zipped(type, sum, a, b)),
    LeakyRelu: (parts, settings, types) => mapped(leaky(settings))(parts, settings, types),
    LeakyReluGrad: (parts, {alpha = 0.2}, types) => each((dy, x) => (x > 0 ? dy : alpha * dy))(parts, {}, types),
    FloorDiv: floorDiv, Select: select, SelectV2: each((c, x, y) => (c ? x : y)),
    ClipByValue: each((x, low, high) => Math.min(Math.max(x, low), high)),
    L2Loss: ([x], _, [type]) => scalar(x.data.reduce((total, value) => total + value * value / 2, 0), type),
    ArgMax: furthest((a, b) => a > b), ArgMin: furthest((a, b) => a < b), Cumsum: running(0, sum),
      Cumprod: running(1, product),
    MatMul: products, BatchMatMul: products, BatchMatMulV2: products, BatchMatMulV3: products,
    BiasAdd: each(sum), BiasAddGrad: ([slope], _, [type]) =>
      reduce(slope, {data: [...slope.shape.keys()].slice(0, -1)}, false, type, 0, sum),
    Reshape: reshape, ExpandDims: expandDims, Squeeze: squeeze, Tile: tile, Pack: pack, Unpack: unpack, Split: split,
      SplitV: splitV,
    BroadcastTo: ([x, shape]) => broadcast(x, list(shape)), Transpose: ([x, order]) => transpose(x, list(order)),
    ConcatV2: (parts, _, [type]) =>
      concat(parts.slice(0, -1), axisOf(first(parts.at(-1)), parts[0].shape.length), type),
    Slice: slice, StridedSlice: stridedSlice, StridedSliceGrad: stridedSliceGrad,
      Gather: ([x, indices]) => gather(x, indices, 0),
    GatherV2: gatherV2, UnsortedSegmentSum: segmentSum, Pad: pad, PadV2: pad, ReverseV2: reverse,
      InvertPermutation: inverted,
    MatrixDiagV3: diagonal,
    Fill: ([shape, value], _, [type]) => filled(type, list(shape), first(value)), Range: range, LinSpace: linSpace,
      OneHot: oneHot,
    ZerosLike: ([x], _, [type]) => filled(type, x.shape, 0), OnesLike: ([x], _, [type]) => filled(type, x.shape, 1),
    Shape: ([x], _, [type]) => sizes(x.shape, type),
      ShapeN: (parts, _, types) => parts.map((x, k) => sizes(x.shape, types[k])),
    Size: ([x], _, [type]) => scalar(x.data.length, type), Rank: ([x], _, [type]) => scalar(x.shape.length, type),
    BroadcastGradientArgs: gradientAxes, Softmax: softmax, LogSoftmax: ([x], _, [type]) => logSoftmax(x, type),
    SoftmaxCrossEntropyWithLogits: crossEntropy, SparseSoftmaxCrossEntropyWithLogits: sparseCrossEntropy,
    ReadVariableOp: ([variable]) => variable.value,
      VariableShape: ([variable], _, [type]) => sizes(variable.value.shape, type),
    ResourceGather: ([variable, indices]) => gather(variable.value, indices, 0),
    While: loop, StatelessWhile: loop, If: branch, StatelessIf: branch, PartitionedCall: called,
      StatefulPartitionedCall: called,
  };

  // ---- a whole graph ------------------------------------------------------------------------------------------------

  // What keeps a graph from running in the page, or "".
  function whyNot({graphs, feeds, why}) {
    if (why) return why;
    const ops = graphs.flatMap((graph) => graph.ops);
    const type = ops.map(([name]) => name).find((name) => !(name in OPERATIONS));
    if (type) return `${type} does not run in the page`;
    const types = [...feeds.map((feed) => feed.type), ...ops.flatMap(([, , kinds]) => kinds)];
    const kind = types.find((each) => !(each in NUMBERS) && each !== "resource");
    return kind ? `the page has no numbers of type ${kind}` : "";
  }

  // Runs the first graph on its feeds: tensors, for variables their values. Hands out all tensors, and the values the
  // variables have afterwards, in the order of the feeds.
  function run({graphs, feeds}, values) {
    const inputs = values.map((value, k) => (feeds[k].variable ? {value} : value));
    let left = LONGEST;
    const all = (number, given) => {
      const found = [...given];
      for (const [type, from, types, settings = {}] of graphs[number].ops) {
        const made = OPERATIONS[type](from.map((k) => found[k]), settings, types, call);
        const many = Array.isArray(made) ? made : [made];
        found.push(...many);
        for (const each of many) left -= 1 + (each.data?.length ?? 0);
        if (left < 0) throw Error("it takes too long for a page");
      }
      return found;
    };
    const call = (number, given) => {
      const found = all(number, given);
      return graphs[number].outputs.map((k) => found[k]);
    };
    const tensors = all(0, inputs);
    return {tensors, after: inputs.map((input, k) => (feeds[k].variable ? input.value : values[k]))};
  }
  const changes = ({graphs}) => graphs.some(({ops}) => ops.some(([type]) => type in UPDATES));

  // ---- numbers in few letters, as graph_values.py writes them -------------------------------------------------------

  // Rounds to some figures, the half to the even digit, as Python does.
  function digitsOf(value, figures) {
    const [long, power] = value.toExponential(40).split("e"), digits = long.replace(".", "");
    const half = /^50*$/.test(digits.slice(figures)) && digits[figures - 1] % 2 === 0;
    if (!half) return value.toExponential(figures - 1).split("e");
    const kept = digits.slice(0, figures);
    return [figures > 1 ? `${kept[0]}.${kept.slice(1)}` : kept, power];
  }
  function numberText(value, type, figures = 3) {
    if (type === "bool") return value ? "True" : "False";
    const sign = value < 0 || Object.is(value, -0) ? "\u2212" : "";
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : `${sign}inf`;
    if (isWhole({type})) return sign + Math.abs(value);
    const [mantissa, power] = digitsOf(Math.abs(value), figures), exponent = +power;
    const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (exponent >= -4 && exponent < figures) {
      return sign + bare((+`${mantissa}e${power}`).toFixed(Math.max(figures - 1 - exponent, 0)));
    }
    return `${sign}${bare(mantissa)}e${exponent < 0 ? "\u2212" : ""}${Math.abs(exponent)}`;
  }
  function writtenOut({type, shape, data}, start = 0, depth = 0) {
    if (depth === shape.length) return numberText(data[start], type);
    const run = countOf(shape.slice(depth + 1));
    const parts = Array.from({length: shape[depth]},
        (_, k) => writtenOut({type, shape, data}, start + k * run, depth + 1));
    return `[${parts.join(", ")}]`;
  }
  function rangeText(values, type) {
    const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
    if (!(low < high)) return `all ${numberText(low, type, 2)}`;
    for (let figures = 2; ; figures++) {
      const ends = [low, high].map((end) => numberText(end, type, figures));
      if (ends[0] !== ends[1] || figures > 17) return ends.join(" \u2026 ");
    }
  }
  function textOf(x) {
    const full = x.data.length <= 6 ? writtenOut(x) : "", gaps = x.data.filter((value) => value !== value).length;
    if (full && full.length <= 22) return full;
    if (!x.data.length) return "no values";
    if (!gaps || gaps === x.data.length) return rangeText(x.data, x.type);
    const count = (n) => n.toLocaleString("en-US"), rest = x.data.filter((value) => value === value);
    return `${count(gaps)} of ${count(x.data.length)} nan, else ${rangeText(rest, x.type)}`;
  }

  return {written, run, whyNot, changes, textOf, isWhole, names: Object.keys(OPERATIONS)};
})();
