// Shift, turn, thicken: sliders move a drawing under the network, and ten lines say what it makes of it.
(() => {
  const {SIDE, netOf, read} = globalThis.mgtEngine, {easel, normalise} = globalThis.mgtDrawing;
  const {plot, tens} = globalThis.mgtLines;
  const {a, atStart, button, caption, classesOf, element, inWords, menu, percent, picture, remember, remembered, setUp,
    shared, signed, slider, tick, worker} = globalThis.mgtFace;

  // ---- pictures of 28 x 28 that are moved --------------------------------------------------------------------------

  const inside = (x, y) => x >= 0 && y >= 0 && x < SIDE && y < SIDE;
  const pixels = (value) => Float32Array.from({length: SIDE * SIDE}, (_, k) => value(k % SIDE, Math.floor(k / SIDE)));

  // Whole pixels to the right and down; what leaves the picture is lost.
  function shifted(image, right, down) {
    return pixels((x, y) => (inside(x - right, y - down) ? image[(y - down) * SIDE + x - right] : 0));
  }

  // Turned clockwise by degrees and enlarged, about the middle of pixel 14, which is where MNIST's digits have their
  // centre of mass; each new pixel is mixed from the four old ones around the place that it comes from.
  const MIDDLE = 14.5;
  function turned(image, degrees, size) {
    const angle = degrees * Math.PI / 180, cos = Math.cos(angle) / size, sin = Math.sin(angle) / size;
    const near = (value) => Math.min(Math.max(value, 0), SIDE - 1), at = (x, y) => image[near(y) * SIDE + near(x)];
    return pixels((column, row) => {
      const dx = column + 0.5 - MIDDLE, dy = row + 0.5 - MIDDLE;
      const x = MIDDLE + cos * dx + sin * dy, y = MIDDLE - sin * dx + cos * dy;
      if (!inside(x, y)) return 0;
      const left = Math.floor(x - 0.5), top = Math.floor(y - 0.5), a = x - 0.5 - left, b = y - 0.5 - top;
      return (1 - b) * ((1 - a) * at(left, top) + a * at(left + 1, top)) +
        b * ((1 - a) * at(left, top + 1) + a * at(left + 1, top + 1));
    });
  }

  // By 1: each pixel becomes the darkest of itself and its four neighbours; by -1 the lightest; in between, a mixture.
  function thickened(image, by) {
    const pick = by > 0 ? Math.max : Math.min;
    let made = image;
    for (let left = Math.abs(by); left > 0; left--) {
      const old = made, part = Math.min(left, 1), at = (x, y, own) => (inside(x, y) ? old[y * SIDE + x] : own);
      made = pixels((x, y) => {
        const own = old[y * SIDE + x];
        const edge = pick(own, at(x - 1, y, own), at(x + 1, y, own), at(x, y - 1, own), at(x, y + 1, own));
        return (1 - part) * own + part * edge;
      });
    }
    return made;
  }

  function moved(image, {sideways, down, turn, thickness, size}) {
    const thick = thickness ? thickened(image, thickness) : image, upright = turn === 0 && size === 1;
    return shifted(upright ? thick : turned(thick, turn, size), sideways, down);
  }

  // What the network gets; null where no ink is left.
  function prepared(image, centre) {
    if (!centre) return image.some((value) => value > 0) ? image : null;
    return normalise(Array.from({length: SIDE}, (_, y) => Array.from(image.subarray(y * SIDE, (y + 1) * SIDE))));
  }

  // ---- the sliders -------------------------------------------------------------------------------------------------

  const steps = (from, to, by) => Array.from({length: Math.round((to - from) / by) + 1}, (_, k) => from + k * by);
  const sides = (unit, less, more) => (value) =>
    `${Math.abs(value)}${unit}${value === 0 ? "" : ` ${value < 0 ? less : more}`}`;
  const PX = "\u00a0px";
  const MOVES = {
    sideways: {name: "sideways", values: steps(-8, 8, 1), rest: 0, label: sides(PX, "left", "right"),
      axis: "pixels sideways"},
    down: {name: "up or down", values: steps(-8, 8, 1), rest: 0, label: sides(PX, "up", "down"),
      axis: "pixels up or down"},
    turn: {name: "turn", values: steps(-180, 180, 15), rest: 0, label: sides("\u00b0", "left", "right"),
      axis: "degrees to the left or right"},
    thickness: {name: "thickness", values: steps(-1, 2, 0.25), rest: 0, label: sides(PX, "thinner", "thicker"),
      axis: "pixels thinner or thicker"},
    size: {name: "size", values: steps(5, 14, 1).map((tenth) => tenth / 10), rest: 1,
      label: (value) => `${Math.round(100 * value)}\u00a0%`, axis: "share of the size"},
  };
  const REST = Object.fromEntries(Object.entries(MOVES).map(([name, {rest}]) => [name, rest]));

  // ---- the digits that are read along the slider -------------------------------------------------------------------

  function readings(names) {
    const list = element("div", {className: "mgt-readings", role: "img"});
    const scale = element("div", {className: "mgt-readings mgt-scale", ariaHidden: "true"});
    const cell = (textContent, className = "") => element("span", {textContent, className});
    const show = ({values, label, rest}, answers, usual) => {
      const every = Math.ceil(values.length / 9), middle = values.indexOf(rest);
      list.replaceChildren(...answers.map((answer) =>
        cell(names[answer] ?? "\u2013", answer === usual ? "mgt-usual" : "mgt-other")));
      list.ariaLabel = `Read from ${label(values[0])} to ${label(values.at(-1))}: ` +
        answers.map((answer) => names[answer] ?? "nothing").join(", ");
      const short = (value) => signed(value, 1).replace(".0", "");
      scale.replaceChildren(...values.map((value, k) => cell((k - middle) % every === 0 ? short(value) : "")));
    };
    return {nodes: [list, scale], show};
  }

  // ---- words -------------------------------------------------------------------------------------------------------

  const ranked = (values) => [...values.keys()].sort((a, b) => values[b] - values[a]);  // the largest first

  // How far the answer stays what it is at rest, along a slider.
  function stays({values, label, rest}, answers, usual, names) {
    let first = values.indexOf(rest), last = first;
    while (first > 0 && answers[first - 1] === usual) first--;
    while (last < values.length - 1 && answers[last + 1] === usual) last++;
    const here = answers[values.indexOf(rest)];
    if (here !== usual) return `With this slider at ${label(rest)} it is no ${names[usual]} any more.`;
    if (first === 0 && last === values.length - 1) return `Along the whole slider it reads ${a(names[usual])}.`;
    const where = first === last ? `at ${label(rest)} alone` : `from ${label(values[first])} to ${label(values[last])}`;
    return `Along the slider it reads ${a(names[usual])} ${where}.`;
  }

  function verdict(answer, usual, centre, names) {
    if (!answer) return "No ink is left in the picture: there is nothing to read.";
    const [winner] = ranked(answer.logits), way = centre ? "moved and centred again" : "as moved";
    return `The drawing, ${way}, is read as ${names[winner]}, with ${percent(answer.probabilities[winner])}` +
      (winner === usual ? "." : `; unmoved, as ${names[usual]}.`);
  }

  // ---- the figure --------------------------------------------------------------------------------------------------

  // The settings of the address: what is on no slider stays where it rests.
  function settingsFrom(state) {
    const entries = Object.entries(MOVES).map(([name, {values, rest}]) => {
      const value = Number(state?.[name] ?? rest);
      return [name, values.includes(value) ? value : rest];
    });
    return Object.fromEntries(entries);
  }

  function shift(figure, data) {
    const net = netOf(shared(data.net)), state = remembered("shift"), settings = settingsFrom(state);
    const classes = classesOf(figure, data), {names, noun, write, here} = classes, count = inWords(names.length);
    let image = null, usual = null, along = Object.hasOwn(MOVES, state?.along) ? state.along : "sideways", swept = [];

    const says = caption("mgt-says mgt-verdict"), tells = caption(), lines = plot({names}), row = readings(names);
    const before = picture({name: "moved"}), sees = picture({name: "what the network sees"});
    const axis = element("p", {className: "mgt-legend"});
    const graph = element("div", {className: "mgt-along"}, lines.node, ...row.nodes);

    const answerTo = (some) => {
      const seen = prepared(moved(image, some), centring.value);
      return seen && {...read(net, seen), seen};
    };
    const sweep = worker(figure, () => {
      const {values} = MOVES[along];
      if (swept.length < values.length) swept.push(answerTo({...settings, [along]: values[swept.length]}));
      return swept.length < values.length;
    }, () => { if (swept.length === MOVES[along].values.length) showSweep(); });

    function showSweep() {
      const move = MOVES[along], {values, axis} = move, logits = scale.value === "logits", points = values.length;
      const answers = swept.map((answer) => (answer ? ranked(answer.logits)[0] : null));
      const numbers = (answer) => (logits ? answer.logits : answer.probabilities.map((part) => 100 * part));
      const found = swept.map((answer) => answer && numbers(answer));
      const ten = names.map((_, digit) => found.map((each) => (each ? each[digit] : NaN)));
      const now = answers[values.indexOf(settings[along])];
      const second = now !== null && now !== usual ? now : rival(answers);
      const dashed = second === null ? "" : `, the ${names[second]} dashed`;
      const words = `${atStart(count)} ${scale.value} against ${axis}, the ${names[usual]} in blue${dashed}`;
      const range = logits ? tens(ten) : {low: 0, high: 100};
      lines.show({lines: ten, ...range, place: (k) => (k + 0.5) / points, first: usual, second, words});
      row.show(move, answers, usual);
      tells.say(stays(move, answers, usual, names));
    }
    // What is read most often in place of the usual.
    const rival = (answers) => {
      const others = answers.filter((answer) => answer !== null && answer !== usual);
      return ranked(names.map((_, digit) => others.filter((answer) => answer === digit).length))
        .find((digit) => others.includes(digit)) ?? null;
    };

    function show() {
      const {values} = MOVES[along];
      lines.mark((values.indexOf(settings[along]) + 0.5) / values.length);
      const shown = scale.value === "logits" ? "logits" : "probabilities, in per cent,";
      axis.textContent = `${atStart(count)} ${shown} against ` +
        `${MOVES[along].axis}; below them the ${noun} that is read. The lines are along the slider that was moved ` +
        "last.";
      graph.style.visibility = image ? "visible" : "hidden";
      if (!image) return showNothing();
      const there = moved(image, settings), answer = answerTo(settings);
      before.paint(there, "The drawing, moved");
      sees.paint(answer && answer.seen, "What the network sees");
      says.say(verdict(answer, usual, centring.value, names));
      swept = [];
      sweep.start();
    }
    function showNothing() {
      sweep.pause();
      says.say(`Nothing is written. ${write} with finger, pen or mouse, or take a test image.`);
      tells.say("");
      for (const view of [before, sees]) view.paint(null, "nothing yet");
    }
    const keep = () => remember("shift", {sample: drawn.named(), ...settings, along, lines: scale.value,
      centre: Number(centring.value)});
    const changed = () => { show(); keep(); };

    const sliders = Object.entries(MOVES).map(([key, {name, values, label}]) =>
      slider({name, values, label, value: settings[key], change: (value) => {
        settings[key] = value;
        along = key;
        changed();
      }}));
    const centring = tick({name: "centre it again: crop, scale and centre by mass", value: state?.centre === "1",
      change: changed});
    const scale = menu({name: "lines", values: ["logits", "probabilities"], value: state?.lines, change: changed});
    const place = (wanted) => {
      Object.assign(settings, wanted);
      Object.keys(MOVES).forEach((name, k) => sliders[k].set(settings[name]));
    };
    const back = button("Back in place", () => { place(REST); changed(); });
    const reset = button("Reset", () => {
      place(REST);
      along = "sideways";
      centring.set(false);
      scale.set("logits");
      drawn.reset();
      keep();
    });
    function change(newImage) {
      image = newImage;
      usual = image && ranked(read(net, image).logits)[0];
      show();
      if (drawn.touched) keep();
    }
    const samples = shared(data.samples), start = state?.sample;
    const drawn = easel({figure, pen: data.pen, samples, names, here, start, change});

    figure.shift = {moved, prepared, logits: (pixelsOf) => [...read(net, pixelsOf).logits]};
    return element("div", {className: "mgt-face"},
      element("div", {className: "mgt-easel"}, drawn.sheet, element("div", {className: "mgt-side"}, says.node,
        element("div", {className: "mgt-tools"}, ...drawn.tools, back, reset), drawn.samples)),
      axis, graph, tells.node,
      element("div", {className: "mgt-moves"}, element("div", {className: "mgt-views"}, before.node, sees.node),
        element("div", {className: "mgt-controls"}, ...sliders.map((each) => each.node), centring.node, scale.node)));
  }

  setUp("shift", shift);
})();
