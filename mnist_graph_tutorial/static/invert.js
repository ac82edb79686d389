// Invert your own: a matrix that the reader edits, four ways to bring X A to I, and what comes of each.
(() => {
  const {conditionOf, l1Error, product, random, rankOf, search} = globalThis.mgtEngine;
  const {button, calm, caption, element, menu, player, remember, remembered, rounded, setUp, slider,
    svg} = globalThis.mgtFace;

  const MOST = 10, SOLVED = 0.01;                        // rows at most; a loss below this counts as solved
  const LARGEST = 1e6, SMALLEST = 1e-6;                  // sizes of an entry, so that no square overflows on the way
  const CHUNK = 50, DENSE = 2000, EARLIER = 3;           // steps a unit of work; places of a path; curves to compare
  const STEPS = [10, 20, 40, 100, 1000, 10000, 100000, 1000000];
  const FACTORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];   // of a method's own rate
  const PACE = calm() ? "fast" : "growing";              // at first
  const PACES = {slow: "four steps a second", growing: "faster and faster", fast: "as fast as it goes"};
  const RANDOM = "random", OWN = "your own";             // where a matrix comes from, besides the presets

  const safeRate = (A) => 1 / (2 * A.reduce((sum, value) => sum + value * value, 0) || 1);
  const METHODS = {
    post: {name: "Adagrad, as in 2018", steps: 100000, rate: () => 0.01,
      note: () => "The chapter takes the rate 0.01."},
    decay: {name: "Adagrad, falling rate", steps: 100000, rate: () => 0.2,
      note: () => "The rate falls to 0 at the last step; the chapter begins at 0.2."},
    squared: {name: "squared loss, momentum", steps: 100000, rate: safeRate,
      note: (A) => `The chapter's safe rate is ${short(safeRate(A))} for this matrix.`},
    schulz: {name: "Newton-Schulz (float64)", steps: 40, rate: () => 1,
      note: () => "It needs no rate, and computes in float64 always."},
  };

  const counted = (count) => count.toLocaleString("en");
  const short = (value) => rounded(value).replaceAll("-", "\u2212");
  const plain = (value) => short(+value.toFixed(2));
  const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  // ---- matrices: a sheet of 10 x 10 numbers. A smaller matrix is its corner, so that a change of size loses nothing

  const place = (i, j) => i * MOST + j;
  const sheetOf = (given, n) => Float64Array.from({length: MOST * MOST}, (_, k) => {
    const i = Math.floor(k / MOST), j = k % MOST;
    return i < n && j < n ? given[i * n + j] : +(i === j);
  });
  const cornerOf = (sheet, n) => Float64Array.from({length: n * n}, (_, k) => sheet[place(Math.floor(k / n), k % n)]);
  const drawnBy = (seed) => {
    const {uniform} = random(seed);
    return Float64Array.from({length: MOST * MOST}, () => Math.floor(10 * uniform()));
  };
  const fits = (value) => value === 0 || (Math.abs(value) <= LARGEST && Math.abs(value) >= SMALLEST);

  // What is wrong with a field; nothing if its number can be used.
  function trouble({value, validity}) {
    if (validity.badInput) return "holds no finite number";
    if (value === "") return "is empty";
    return fits(+value) ? "" : "is out of range: 0.000001 to 1,000,000, the same with a minus, and 0";
  }

  // ---- a run: a search, the losses that it left behind, and for two unknowns the way of the first row -------------

  function newRun(A, n, settings) {
    const Numbers = settings.numbers === "float32" ? Float32Array : Float64Array;
    const found = search(A, n, {...settings, Numbers}), {X} = found, before = X.slice();
    const run = {A, n, X, settings, singular: rankOf(A, n) < n, taken: 0, diverged: 0, solved: null,
      curve: [], path: [[X[0], X[1]]],
      get over() { return run.diverged > 0 || run.taken >= settings.steps; }};
    let next = 0;
    const note = () => {                                 // every step at first, then at each fiftieth part more
      const loss = l1Error(X, A, n);
      run.curve.push([run.taken, loss]);
      if (loss < SOLVED) run.solved ??= run.taken;
      next = Math.max(run.taken + 1, Math.ceil(run.taken * 1.02));
    };
    const step = () => {
      before.set(X);
      found.step();
      if (isTame(X)) run.taken += 1;
      else {
        run.diverged = run.taken + 1;
        X.set(before);                                   // the last finite one is kept
      }
      const due = run.taken >= next || run.over;
      if (due) note();
      if (n === 2 && (due || run.path.length < DENSE)) run.path.push([X[0], X[1]]);
    };
    run.advance = (count) => {
      for (let k = 0; k < count && !run.over; k++) step();
    };
    note();
    return run;
  }

  // Finite, and so is the loss that it makes with entries of at most a million.
  function isTame(X) {
    let sum = 0;
    for (let k = 0; k < X.length; k++) sum += Math.abs(X[k]);
    return Number.isFinite(sum * 1e10);
  }

  const residual = ({X, A, n}) => product(X, A, n).map((value, k) => value - (k % (n + 1) === 0 ? 1 : 0));
  const lossAt = ({curve}, step) => curve.findLast(([taken]) => taken <= step)[1];

  function verdict(run) {
    const {X, A, n, taken, settings: {method}} = run, loss = l1Error(X, A, n), after = `after ${counted(taken)} steps`;
    const off = `largest error of an entry ${short(largest(residual(run)))}`, left = `loss ${short(loss)}, ${off}`;
    if (run.diverged) {
      return `Diverged at step ${counted(run.diverged)}: X is no longer finite` +
        `${method === "schulz" ? "" : ", the rate is too high"}. Step ${counted(taken)} is kept: ${left}.`;
    }
    if (!run.over) return begun(run, left);
    if (loss < SOLVED) return `Solved: below ${SOLVED} by step ${counted(run.solved)}; ${after}: ${left}.`;
    if (run.singular) return `Stalled at ${short(loss)} ${after}, ${off}. The matrix is singular: no X reaches I.`;
    const change = loss / lossAt(run, taken / 2);
    if (change > 2) return `Growing ${after}: ${left}. The rate is too high.`;
    if (change < 0.75) return `Still falling ${after}: ${left}. Take more steps.`;
    return `Stalled at ${short(loss)} ${after}, ${off}.`;
  }

  function begun({taken, settings: {method, steps}}, left) {
    if (taken) return `Step ${counted(taken)} of ${counted(steps)}: ${left}.`;
    const start = method === "schulz" ? "A transposed and made small" : "all zeros";
    return `Step 0 of ${counted(steps)}: X is ${start}, ${left}. Press Play.`;
  }

  function title({settings: {method, rate, numbers}, named}) {
    return `${METHODS[method].name}${method === "schulz" ? "" : `, rate ${short(rate)}, ${numbers}`}; ${named}`;
  }
  const ending = (run) => `${title(run)}: ${short(l1Error(run.X, run.A, run.n))} after ${counted(run.taken)} steps`;

  // ---- X A as a heat map ------------------------------------------------------------------------------------------

  function heatMap() {
    const size = 600, canvas = element("canvas", {width: size, height: size, role: "img", className: "mgt-picture"});
    const show = ({X, A, n, taken}) => {
      const context = canvas.getContext("2d"), side = size / n, values = product(X, A, n);
      context.clearRect(0, 0, size, size);
      context.font = `${Math.round(side * (n > 5 ? 0.38 : 0.3))}px sans-serif`;
      Object.assign(context, {textAlign: "center", textBaseline: "middle"});
      values.forEach((value, k) => cell(context, value, (k % n) * side, Math.floor(k / n) * side, side));
      canvas.ariaLabel = `X A after step ${counted(taken)}: ${spread(values, n)}`;
    };
    const text = element("figcaption", {textContent: "X A: blue \u22121 or less, white 0, red 1 or more"});
    return {node: element("figure", {className: "mgt-view"}, canvas, text), show};
  }

  // A square of a colour, with the value where it is neither next to nothing nor too long.
  function cell(context, value, x, y, side) {
    const size = Math.abs(value), digits = side < 120 ? 1 : 2;
    context.fillStyle = `rgb(${value < 0 ? "33 102 172" : "178 24 43"} / ${Math.min(size, 1)})`;
    context.fillRect(x, y, side, side);
    if (size < 0.5 * 10 ** -digits || size >= 99.5) return;
    context.fillStyle = size > 0.6 ? "#fff" : "#111";
    const text = value.toFixed(size < 9.95 ? digits : 0).replace("-", "\u2212");
    context.fillText(text, x + side / 2, y + side / 2);
  }

  function spread(values, n) {
    const range = (some) => `from ${plain(Math.min(...some))} to ${plain(Math.max(...some))}`;
    const on = (_, k) => k % (n + 1) === 0;
    return `${range(values.filter(on))} on the diagonal, ${range(values.filter((_, k) => !on(_, k)))} elsewhere`;
  }

  // ---- plots: axes with names and numbers around a field, in SVG so that the page's colours reach it --------------

  const WIDE = 340, HIGH = 250, LEFT = 60, TOP = 8, RIGHT = 26, BOTTOM = 40;
  const ACROSS = WIDE - LEFT - RIGHT, DOWN = HIGH - TOP - BOTTOM;

  // `axes(x, y)` takes {low, high, ticks: [[value, text]...]}; `draw(...marks)` what stands in the field.
  function plot(xName, yName) {
    const ticks = svg("g"), field = svg("svg", {x: LEFT, y: TOP, width: ACROSS, height: DOWN}), middle = TOP + DOWN / 2;
    const node = svg("svg", {viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "mgt-plot"},
      svg("rect", {x: LEFT, y: TOP, width: ACROSS, height: DOWN, class: "mgt-field"}), ticks, field,
      svg("text", {x: LEFT + ACROSS / 2, y: HIGH - 4, "text-anchor": "middle"}, xName),
      svg("text", {x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})`}, yName));
    let x = null, y = null;
    const inside = (pixel) => Math.min(Math.max(pixel, -1e4), 1e4);  // what diverges leaves the field, not the numbers
    const across = (value) => inside(ACROSS * (value - x.low) / (x.high - x.low));
    const down = (value) => inside(DOWN * (y.high - value) / (y.high - y.low));
    const axes = (newX, newY) => {
      [x, y] = [newX, newY];
      ticks.replaceChildren(...x.ticks.map(([value, text]) =>
        svg("text", {x: LEFT + across(value), y: HIGH - 23, "text-anchor": "middle"}, text)),
      ...y.ticks.map(([value, text]) =>
        svg("text", {x: LEFT - 5, y: TOP + down(value) + 4, "text-anchor": "end"}, text)));
    };
    const line = (points, name) => svg("polyline", {class: name,
      points: points.map((point) => `${across(point[0]).toFixed(1)},${down(point[1]).toFixed(1)}`).join(" ")});
    const dot = ([a, b]) => svg("circle", {cx: across(a), cy: down(b), r: 4, class: "mgt-now"});
    return {node, axes, line, dot, across, down, draw: (...marks) => field.replaceChildren(...marks),
      say: (text) => node.setAttribute("aria-label", text)};
  }

  // An axis of logarithms between two powers of ten, with ticks at `most` of them.
  function powers(low, high, most) {
    const stride = Math.ceil((high - low + 1) / most), ticks = [];
    for (let k = low; k <= high; k++) if (k % stride === 0) ticks.push([k, powerText(k)]);
    return {low, high, ticks};
  }
  function powerText(k) {
    if (k < -3 || k > 6) return `1e${k}`.replace("-", "\u2212");
    return k < 0 ? (10 ** k).toFixed(-k) : counted(10 ** k);
  }

  // A linear axis, with ticks at about four round numbers.
  function evenly(low, high) {
    const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough)), ticks = [];
    const stride = power * [1, 2, 5, 10].find((size) => size * power >= rough * 0.99);
    for (let k = Math.ceil(low / stride); k * stride <= high; k++) ticks.push([k * stride, short(k * stride)]);
    return {low, high, ticks};
  }

  // ---- the losses of this run, and of those before it -------------------------------------------------------------

  const LOWEST = 1e-16;                                  // where a loss of 0 is drawn; above 1e6, a curve leaves
  const logged = ({curve}) => curve.filter(([taken]) => taken > 0)
    .map(([taken, loss]) => [Math.log10(taken), Math.log10(Math.max(loss, LOWEST))]);
  const classOf = ({settings}, isEarlier) => `mgt-curve mgt-${settings.method}${isEarlier ? " mgt-faint" : ""}`;

  function lossPlot() {
    const drawn = plot("step", "loss: sum of |X A \u2212 I|");
    const key = element("ul", {role: "list", className: "mgt-key"});
    const show = (run, earlier) => {
      const all = [...earlier, run], curves = all.map(logged), heights = curves.flat().map((point) => point[1]);
      const steps = Math.max(...all.map(({settings}) => settings.steps));
      drawn.axes(powers(0, Math.ceil(Math.log10(steps)), 4),
        powers(Math.floor(Math.min(-2, ...heights)), Math.min(Math.ceil(Math.max(1, ...heights)), 6), 7));
      drawn.draw(...curves.map((curve, k) => drawn.line(curve, classOf(all[k], k < earlier.length))),
        ...curves.at(-1).slice(-1).map(drawn.dot));
      drawn.say(`Loss against step, both axes logarithmic. ${all.map(ending).reverse().join(". ")}.`);
    };
    const sample = (run, isEarlier) => svg("svg", {viewBox: "0 0 30 10", "aria-hidden": "true"},
      svg("line", {x1: 0, y1: 5, x2: 30, y2: 5, class: classOf(run, isEarlier)}));
    const list = (run, earlier) => key.replaceChildren(element("li", {}, sample(run), title(run)),
      ...earlier.map((each) => element("li", {}, sample(each, true), ending(each))).reverse());
    return {node: drawn.node, key, show, list};
  }

  // ---- the valley of two unknowns: the loss of row 1 of X, (x, y), as bands, its two lines, and the way -----------

  const BANDS = 9, GRAIN = 120;                          // pixels to a side

  function rowLoss(A, x, y, isSquared) {
    const first = A[0] * x + A[2] * y - 1, second = A[1] * x + A[3] * y;
    return isSquared ? first ** 2 + second ** 2 : Math.abs(first) + Math.abs(second);
  }

  // The lighter, the smaller: bands of the root of the loss, so that they lie closer where it is small.
  function bands(A, isSquared, x, y) {
    const canvas = element("canvas", {width: GRAIN, height: GRAIN}), context = canvas.getContext("2d");
    const pixels = context.createImageData(GRAIN, GRAIN);
    const on = ({low, high}, k) => low + (high - low) * (k + 0.5) / GRAIN;
    const losses = Float64Array.from({length: GRAIN * GRAIN}, (_, k) =>
      rowLoss(A, on(x, k % GRAIN), on(y, GRAIN - 1 - Math.floor(k / GRAIN)), isSquared));
    const most = largest(losses) || 1;
    losses.forEach((loss, k) => {
      const share = Math.floor(Math.sqrt(loss / most) * BANDS) / BANDS;
      pixels.data.set([247 - 160 * share, 251 - 90 * share, 255 - 35 * share, 255], 4 * k);
    });
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  }

  function goalOf(A) {
    const determinant = A[0] * A[3] - A[1] * A[2];
    return [A[3] / determinant, -A[1] / determinant];
  }

  // The part of the plane that is shown: around start and goal, and doubled up to three times until it holds the way.
  function viewOf({A, path}, goal) {
    const middle = goal ? goal.map((value) => value / 2) : [0, 0], longer = Math.hypot(A[0], A[2]);
    const least = goal ? 0.8 * largest(goal) : longer ? 3 / longer : 1;
    const off = ([x, y]) => Math.max(Math.abs(x - middle[0]), Math.abs(y - middle[1]));
    const needed = path.reduce((most, point) => Math.max(most, off(point)), least);
    const half = least * 2 ** Math.min(Math.ceil(Math.log2(needed / least)), 3), wide = half * ACROSS / DOWN;
    return [evenly(middle[0] - wide, middle[0] + wide), evenly(middle[1] - half, middle[1] + half)];
  }

  // Where a x + b y = c, from edge to edge.
  function zeroLine(drawn, [a, b, c], x, y, name) {
    if (a === 0 && b === 0) return "";
    const ends = Math.abs(b) >= Math.abs(a) ? [x.low, x.high].map((at) => [at, (c - a * at) / b])
      : [y.low, y.high].map((at) => [(c - b * at) / a, at]);
    return drawn.line(ends, name);
  }

  function valley() {
    const drawn = plot("x", "y"), text = element("figcaption");
    const node = element("figure", {className: "mgt-view"}, drawn.node, text);
    let shown = "", background = [];
    const prepare = (run, goal) => {                     // bands and lines, where they are not those that stand there
      const {A, settings} = run, [x, y] = viewOf(run, goal), isSquared = settings.method === "squared";
      const wanted = [...A, isSquared, x.low, x.high].join();
      if (wanted === shown) return;
      shown = wanted;
      drawn.axes(x, y);
      const star = goal && {x: drawn.across(goal[0]), y: drawn.down(goal[1]) + 6, class: "mgt-goal"};
      background = [
        svg("image", {href: bands(A, isSquared, x, y), width: ACROSS, height: DOWN, preserveAspectRatio: "none"}),
        zeroLine(drawn, [A[0], A[2], 1], x, y, "mgt-first"), zeroLine(drawn, [A[1], A[3], 0], x, y, "mgt-second"),
        star ? svg("text", star, "\u2605") : ""];
    };
    const show = (run) => {
      node.hidden = run.n !== 2;
      if (node.hidden) return;
      const {A, X, path, taken} = run, goal = run.singular ? null : goalOf(A), here = [X[0], X[1]];
      prepare(run, goal);
      drawn.draw(...background, drawn.line([...path, here], "mgt-path"), drawn.dot(here));
      const where = goal ? `The star is the goal, (${goal.map(short).join(", ")}).` : "No point is the goal.";
      text.textContent = "Row 1 of X is (x, y): its way so far over its loss; the lighter, the smaller. " +
        `Solid: ${terms(A[0], A[2])} = 1; dashed: ${terms(A[1], A[3])} = 0. ${where}`;
      drawn.say(`Map of the loss of row 1 of X over x and y. After step ${counted(taken)} it is at ` +
        `(${here.map(plain).join(", ")}). ${where}`);
    };
    return {node, show};
  }
  const terms = (a, b) => `${short(a)}x ${b < 0 ? "\u2212" : "+"} ${short(Math.abs(b))}y`;

  // ---- the reader's settings --------------------------------------------------------------------------------------

  // The factor that is nearest to a ratio above 0.
  function factorOf(ratio) {
    const apart = (factor) => Math.abs(Math.log(factor / ratio));
    return FACTORS.reduce((best, factor) => (apart(factor) < apart(best) ? factor : best));
  }

  // What an address holds of a matrix; without what makes no sense.
  function matrixFrom({size, preset, seed, entries = ""}, presets) {
    const known = presets.find(({name}) => name === preset), n = +size;
    const given = entries.split("_").map((text) => (text.trim() === "" ? NaN : +text));
    const found = Number.isInteger(n) && n >= 2 && n <= MOST ? {n} : {};
    if (known) return {n: known.n, sheet: sheetOf(known.entries, known.n), origin: known.name, ...found};
    if (/^[1-9]\d{0,5}$/.test(seed)) return {sheet: drawnBy(+seed), origin: RANDOM, seed: +seed, ...found};
    if (found.n && given.length === n * n && given.every(fits)) return {sheet: sheetOf(given, n), origin: OWN, n};
    return found;
  }

  function stateFrom(texts, presets) {
    const [first] = presets, state = {n: first.n, sheet: sheetOf(first.entries, first.n), origin: first.name, seed: 0,
      method: "post", factor: 1, numbers: "float32"};
    Object.assign(state, matrixFrom(texts, presets));
    if (Object.hasOwn(METHODS, texts.method ?? "")) state.method = texts.method;
    state.steps = STEPS.includes(+texts.steps) ? +texts.steps : METHODS[state.method].steps;
    if (texts.numbers === "float64") state.numbers = "float64";
    const ratio = +texts.rate / METHODS[state.method].rate(cornerOf(state.sheet, state.n));
    if (ratio > 0) state.factor = factorOf(ratio);
    return state;
  }

  function textsOf({n, sheet, origin, seed, method, steps, numbers}, rate) {
    const known = {[RANDOM]: {seed}, [OWN]: {entries: [...cornerOf(sheet, n)].join("_")}};
    const free = method === "schulz" ? {} : {rate: +rate.toPrecision(3), numbers};
    return {size: n, ...(known[origin] ?? {preset: origin}), method, ...free, steps};
  }

  // ---- the fields of A --------------------------------------------------------------------------------------------

  // `change(fields)` is called when the reader has typed; a field is {input, i, j}.
  function grid(change) {
    const cells = element("div", {className: "mgt-entries", role: "group", ariaLabel: "The matrix A"});
    let fields = [];
    const show = (sheet, n) => {
      fields = Array.from({length: n * n}, (_, k) => {
        const i = Math.floor(k / n), j = k % n, ariaLabel = `row ${i + 1}, column ${j + 1}`;
        return {i, j, input: element("input", {type: "number", step: "any", value: sheet[place(i, j)], ariaLabel})};
      });
      cells.style.setProperty("--size", n);
      cells.classList.toggle("mgt-many", n > 5);
      const sideOf = (j) => (j < n / 2 ? "" : "mgt-right");  // a field that is used is wider, towards the middle
      cells.replaceChildren(...fields.map(({input, j}) => element("span", {className: sideOf(j)}, input)));
    };
    cells.addEventListener("focusin", ({target}) => {    // what stood there before the reader typed
      const field = fields.find(({input}) => input === target);
      if (field && !trouble(target)) field.before = +target.value;
    });
    cells.addEventListener("input", () => {
      for (const {input} of fields) input.ariaInvalid = String(trouble(input) !== "");
      change(fields);
    });
    const text = element("figcaption", {textContent: "A: change any number"});
    return {node: element("figure", {className: "mgt-view mgt-matrix"}, cells, text), show};
  }

  // ---- the figure -------------------------------------------------------------------------------------------------

  function inverter(figure, {presets}) {
    const state = stateFrom(remembered("invert") ?? {}, presets), earlier = [];
    let run = null, left = 0, due = 0, drawn = 0;        // steps left to this frame; when the next is due; last drawing

    const matrix = () => cornerOf(state.sheet, state.n);
    const rateOf = (factor) => factor * METHODS[state.method].rate(matrix());

    function begin() {
      const {n, origin, seed, method, steps, numbers} = state;
      const named = `${origin === RANDOM ? `random, seed ${seed}` : origin}, ${n} \u00d7 ${n}`;
      run = Object.assign(newRun(matrix(), n, {method, rate: rateOf(state.factor), steps, numbers}), {named});
      left = 0;
    }

    // What was chosen takes effect: the run so far stays as a faint curve, and a new one stands at its start.
    function restart() {
      job.pause();
      if (run.taken) earlier.push(run);
      earlier.splice(0, earlier.length - EARLIER);
      begin();
      settle();
      remember("invert", textsOf(state, rateOf(state.factor)));
    }

    // All that hangs on the settings, and not on the step.
    function settle() {
      const A = matrix(), {n, method, origin, factor, steps, numbers} = state, isSchulz = method === "schulz";
      for (const [name, value] of Object.entries({origin, n, method, factor, steps, numbers})) choose[name].set(value);
      choose.factor.node.hidden = choose.numbers.node.hidden = isSchulz;
      notes.textContent = METHODS[method].note(A);
      about.say(run.singular
        ? `This matrix is singular: no inverse exists. Rank ${rankOf(A, n)} of ${n}, condition number infinite.`
        : `Condition number ${short(conditionOf(A, n))}, rank ${n} of ${n}: an inverse exists.`);
      losses.list(run, earlier);
      progress.max = steps;
      draw();
    }

    function draw() {
      drawn = performance.now();
      progress.value = run.taken;
      for (const view of [heat, losses, map]) view.show(run, earlier);
      says.say(verdict(run));
    }
    // With reduced motion a run is drawn twice a second, and at its end.
    const show = () => { if (!calm() || run.over || !job.running || performance.now() - drawn > 500) draw(); };

    const quota = () => ({slow: 1, growing: Math.ceil(0.1 * run.taken) || 1, fast: Infinity})[choose.pace.value];
    function work() {
      if (run.over) begin();                             // Play after the end: once more
      const now = performance.now();
      if (choose.pace.value === "slow" && now < due) return "later";
      if (left <= 0) [left, due] = [quota(), now + 250];
      const count = Math.min(left, CHUNK);
      run.advance(count);
      left -= count;
      return !run.over && (left > 0 || "later");
    }
    const job = player(figure, work, show, "the run");
    const step = () => {
      job.pause();
      run.advance(1);
      draw();
    };
    const startOver = () => {
      job.pause();
      earlier.length = 0;
      begin();
      settle();
    };
    const reset = () => {
      Object.assign(state, stateFrom({}, presets));
      choose.pace.set(PACE);
      fields.show(state.sheet, state.n);
      startOver();
      remember("invert", textsOf(state, rateOf(state.factor)));
    };

    const setMatrix = (sheet, origin, n = state.n) => {
      Object.assign(state, {sheet, origin, n});
      fields.show(sheet, n);
      restart();
    };
    const another = () => {
      state.seed += 1;
      setMatrix(drawnBy(state.seed), RANDOM);
    };
    const pick = (name) => {
      const preset = presets.find((each) => each.name === name);
      if (preset) setMatrix(sheetOf(preset.entries, preset.n), name, preset.n);
      else if (name === RANDOM) another();
      else setMatrix(state.sheet, OWN);
    };
    const typed = (given) => {
      const bad = given.find(({input}) => trouble(input));
      if (bad) {                                         // the first digits of it may have counted already
        const at = place(bad.i, bad.j), kept = bad.before ?? state.sheet[at];
        if (state.sheet[at] !== kept) {
          state.sheet = state.sheet.slice();
          state.sheet[at] = kept;
          restart();
        }
        const where = `Row ${bad.i + 1}, column ${bad.j + 1}`;
        return about.say(`${where} ${trouble(bad.input)}. For now it counts as ${short(kept)}, as before.`);
      }
      state.sheet = state.sheet.slice();
      for (const {input, i, j} of given) state.sheet[place(i, j)] = +input.value;
      state.origin = OWN;
      return restart();
    };
    const setMethod = (method) => {
      if (METHODS[method].steps !== METHODS[state.method].steps) state.steps = METHODS[method].steps;
      Object.assign(state, {method, factor: 1});
      restart();
    };
    const set = (name) => (value) => {
      state[name] = value;
      restart();
    };

    const sizes = Array.from({length: MOST - 1}, (_, k) => k + 2), sizeName = (n) => `${n} \u00d7 ${n}`;
    const methodName = (key) => METHODS[key].name, paceName = (key) => PACES[key];
    const choose = {
      origin: menu({name: "matrix", values: [...presets.map(({name}) => name), RANDOM, OWN], change: pick}),
      n: menu({name: "size", values: sizes, label: sizeName, change: (n) => setMatrix(state.sheet, state.origin, n)}),
      method: menu({name: "method", values: Object.keys(METHODS), label: methodName, change: setMethod}),
      factor: slider({name: "rate", values: FACTORS, label: (factor) => short(rateOf(factor)), change: set("factor")}),
      steps: menu({name: "steps", values: STEPS, label: counted, change: set("steps")}),
      numbers: menu({name: "numbers", values: ["float32", "float64"], change: set("numbers")}),
      pace: menu({name: "pace", values: Object.keys(PACES), label: paceName, value: PACE,
        change: () => { left = 0; }}),
    };
    const notes = element("p", {className: "mgt-note"}), about = caption("mgt-about"), says = caption();
    const progress = element("progress", {ariaLabel: "Steps taken"});
    const fields = grid(typed), heat = heatMap(), losses = lossPlot(), map = valley();

    fields.show(state.sheet, state.n);
    begin();
    settle();
    const div = (className, ...nodes) => element("div", {className}, ...nodes);
    const group = (ariaLabel, ...nodes) =>
      element("div", {className: "mgt-controls", role: "group", ariaLabel}, ...nodes);
    const buttons = [button("Step", step), button("Start over", startOver), button("Reset all", reset)];
    const tools = [job.node, ...buttons, choose.pace.node, progress];
    return div("mgt-face",
      div("mgt-choices",
        group("Matrix", choose.origin.node,
          div("mgt-tools", choose.n.node, button("Another matrix", another)), about.node),
        group("Method", choose.method.node, choose.factor.node, choose.steps.node, choose.numbers.node, notes)),
      div("mgt-tools", ...tools), says.node,
      div("mgt-views", heat.node, fields.node), div("mgt-views", losses.node, div("", map.node, losses.key)));
  }

  setUp("invert", inverter);
})();
