// The drawing pad: a trained network of one hidden layer answers to what is drawn.
// The script stands in every output; whichever copy runs first sets up each pad, once.
(() => {
  const SIDE = 28, DIGIT = 20;   // pixels: MNIST's picture, and the square that its digits fill
  const PAD = 140;               // the drawing area in units of its own

  // Numbers arrive as base64 of their bytes.
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const floats = (text) => new Float32Array(bytes(text));
  const layerOf = ({weights, scales, biases}) =>
    ({weights: new Int8Array(bytes(weights)), scales: floats(scales), biases: floats(biases)});

  // ---- the network -------------------------------------------------------------------------------------------------

  // inputs @ (weights * scales) + biases; the weights are whole numbers, row by row, with one scale a column.
  function dense(inputs, {weights, scales, biases}) {
    const columns = biases.length, sums = new Float64Array(columns);
    inputs.forEach((input, i) => {
      if (input !== 0) for (let j = 0; j < columns; j++) sums[j] += input * weights[i * columns + j];
    });
    return sums.map((sum, j) => sum * scales[j] + biases[j]);
  }

  function softmax(logits) {
    const top = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - top));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  function read(image, [first, second]) {
    const hidden = dense(image, first).map((value) => Math.max(0, value));
    const logits = dense(hidden, second);
    return {hidden, logits, probabilities: softmax(logits)};
  }

  // ---- from a drawing to what MNIST would have made of it ----------------------------------------------------------

  // How `length` pixels share out among `count` wider or narrower ones: a row of shares, summing to 1, for each.
  function shares(length, count) {
    const step = length / count;
    return Array.from({length: count}, (_, k) => Array.from({length}, (_, i) =>
      Math.max(0, Math.min((k + 1) * step, i + 1) - Math.max(k * step, i)) / step));
  }

  const product = (a, b) => a.map((row) => {
    const sums = b[0].map(() => 0);
    row.forEach((value, i) => { if (value !== 0) b[i].forEach((other, j) => { sums[j] += value * other; }); });
    return sums;
  });
  const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));

  function crop(rows) {
    const inked = (lines) => lines.map((line) => line.some((value) => value > 0));
    const down = inked(rows), across = inked(transposed(rows));
    return rows.slice(down.indexOf(true), down.lastIndexOf(true) + 1)
      .map((row) => row.slice(across.indexOf(true), across.lastIndexOf(true) + 1));
  }

  // Where a line of ink begins in the picture, so that its centre of mass lies at the picture's middle.
  function start(ink) {
    const mass = ink.reduce((a, b) => a + b), moment = ink.reduce((sum, value, i) => sum + value * i, 0);
    return Math.min(Math.max(Math.floor(SIDE / 2 - moment / mass + 0.5 + 1e-9), 0), SIDE - ink.length);
  }

  // Rows of numbers from 0 to 1 -> a picture of 28x28: cropped, scaled to 20x20, centred by mass. Null where all is blank.
  function normalise(rows) {
    if (!rows.some((row) => row.some((value) => value > 0))) return null;
    const digit = crop(rows), height = digit.length, width = digit[0].length, longer = Math.max(height, width);
    const size = (length) => Math.max(1, Math.floor(DIGIT * length / longer + 0.5));
    const small = product(product(shares(height, size(height)), digit), transposed(shares(width, size(width))));
    const sum = (values) => values.reduce((a, b) => a + b), image = new Float32Array(SIDE * SIDE);
    const top = start(small.map(sum)), left = start(transposed(small).map(sum));
    small.forEach((row, y) => image.set(row, (top + y) * SIDE + left));
    return image;
  }

  // ---- the face ----------------------------------------------------------------------------------------------------

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    if (tag === "button") made.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves it the keys
    made.append(...children);
    return made;
  }

  const button = (textContent, click, ariaLabel = null) => {
    const made = element("button", {type: "button", textContent, ariaLabel});
    made.addEventListener("click", click);
    return made;
  };

  const percent = (share) => share > 0.9995 ? ">99.9\u00a0%" : `${(100 * share).toFixed(1)}\u00a0%`;  // it is never certain

  // A canvas with a picture of 28x28 on it, in ink.
  function inked(canvas, image) {
    const context = canvas.getContext("2d"), pixels = context.createImageData(SIDE, SIDE);
    image?.forEach((value, i) => { pixels.data[4 * i + 3] = 255 * Math.min(Math.max(value, 0), 1); });
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  function view() {
    const canvas = element("canvas", {width: SIDE, height: SIDE, role: "img"}), text = element("figcaption");
    const show = (image, words) => {
      inked(canvas, image);
      canvas.ariaLabel = text.textContent = words;
    };
    return {node: element("figure", {className: "mgt-view"}, canvas, text), show};
  }

  function paint(canvas, strokes, pen, sample) {
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.setTransform(canvas.width / PAD, 0, 0, canvas.width / PAD, 0, 0);
    context.clearRect(0, 0, PAD, PAD);
    Object.assign(context, {lineWidth: pen, lineCap: "round", lineJoin: "round", strokeStyle: "#000", imageSmoothingEnabled: false});
    if (sample) context.drawImage(inked(element("canvas", {width: SIDE, height: SIDE}), sample), 0, 0, PAD, PAD);
    for (const points of strokes) {
      context.beginPath();
      context.moveTo(points[0][0] - 0.01, points[0][1]);  // a dot is a line, too
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
    return context;
  }

  // What the pen left, as rows of numbers from 0 to 1.
  function inkOf(strokes, pen) {
    const {data} = paint(element("canvas", {width: PAD, height: PAD}), strokes, pen).getImageData(0, 0, PAD, PAD);
    return Array.from({length: PAD}, (_, y) => Array.from({length: PAD}, (_, x) => data[4 * (y * PAD + x) + 3] / 255));
  }

  const signed = (value, places) => value.toFixed(places).replace("-", "\u2212").replace(/^\u2212([0.]+)$/, "$1");
  const plus = (value, places) => (value > 0 ? "+" : "") + signed(value, places);
  const ranked = (logits) => [...logits.keys()].sort((a, b) => logits[b] - logits[a]);  // digits, the likeliest first

  // Ten rows: a digit, its logit and its probability.
  function scoreboard(span) {
    const rows = [...Array(10).keys()].map((digit) => {
      const height = element("b"), logit = element("span", {className: "mgt-logit"});
      const bar = element("b"), number = element("span", {className: "mgt-percent"});
      const node = element("li", {className: "mgt-line"}, element("span", {textContent: digit}),
        element("span", {className: "mgt-level", ariaHidden: "true"}, height), logit,
        element("span", {className: "mgt-bar", ariaHidden: "true"}, bar), number);
      return {node, height, logit, bar, number};
    });
    const list = element("ul", {role: "list", ariaLabel: "Logit and probability of each digit"}, ...rows.map((row) => row.node));
    const show = (answer) => {
      const best = answer ? ranked(answer.logits)[0] : -1;
      rows.forEach(({node, height, logit, bar, number}, digit) => {
        node.classList.toggle("mgt-winner", digit === best);
        const level = answer ? Math.min(Math.max(answer.logits[digit] / span, -1), 1) : 0;
        height.style.transform = `scaleX(${level})`;
        height.className = level < 0 ? "mgt-minus" : "";
        bar.style.transform = `scaleX(${answer ? answer.probabilities[digit] : 0})`;
        logit.textContent = answer ? signed(answer.logits[digit], 1) : "\u2013";
        number.textContent = answer ? percent(answer.probabilities[digit]) : "\u2013";
      });
    };
    const legend = element("div", {className: "mgt-line mgt-legend", ariaHidden: "true"}, element("span"),
      element("span", {textContent: "logit"}), element("span"), element("span", {textContent: "probability"}));
    return {node: element("div", {className: "mgt-scores"}, legend, list), show};
  }

  // What one hidden unit, or the bias, adds to the logit of a digit. All of them together are the logit.
  const BIAS = -1;
  function added(unit, digit, hidden, {weights, scales, biases}) {
    return unit === BIAS ? biases[digit] : hidden[unit] * weights[10 * unit + digit] * scales[digit];
  }

  // A row of bars, one a unit, group by group: up where it adds to the logit of a digit, down where it takes away.
  function strip(groups, layer, reach) {
    const heading = element("p", {ariaHidden: "true"});
    const cells = groups.map(({units}) => {
      const bars = units.map(() => element("b")), sum = element("span");
      const node = element("span", {className: "mgt-group"},
        element("span", {className: "mgt-cells"}, ...bars.map((bar) => element("i", {}, bar))), sum);
      return {node, bars, sum};
    });
    const node = element("div", {className: "mgt-strip", role: "img"}, ...cells.map((cell) => cell.node));
    const show = (answer, digit, name) => {
      const sums = groups.map(({units}, k) => units.reduce((sum, unit, i) => {
        const part = answer ? added(unit, digit, answer.hidden, layer) : 0, bar = cells[k].bars[i];
        bar.style.transform = `scaleY(${Math.min(Math.max(part / reach, -1), 1)})`;
        bar.className = part < 0 ? "mgt-minus" : "";
        return sum + part;
      }, 0));
      cells.forEach(({sum}, k) => { sum.textContent = answer ? plus(sums[k], Math.abs(sums[k]) < 9.95 ? 1 : 0) : ""; });
      heading.textContent = answer ? `${name}, the ${digit}: logit ${signed(answer.logits[digit], 1)}` : name;
      node.ariaLabel = !answer ? `${name}: nothing yet` : `What adds to the logit of the ${digit}, ${name.toLowerCase()}: ` +
        groups.map((group, k) => `${group.name} ${plus(sums[k], 1)}`).join(", ") + `; together ${signed(answer.logits[digit], 1)}`;
    };
    return {nodes: [heading, node], show};
  }

  // Where the two largest logits come from: the units by the digit they belong to, those that belong to none, the bias.
  function origins(units, layer, reach) {
    const groups = units.map((own, digit) => ({units: own, label: digit < 10 ? digit : "none",
      name: digit < 10 ? `units of the ${digit}` : "units that belong to none"}));
    groups.push({units: [BIAS], label: "bias", name: "bias"});
    const first = strip(groups, layer, reach), second = strip(groups, layer, reach);
    const labels = element("div", {className: "mgt-strip mgt-legend", ariaHidden: "true"},
      ...groups.map(({label}) => element("span", {textContent: label})));
    const show = (answer) => {
      const [winner, next] = answer ? ranked(answer.logits) : [];
      first.show(answer, winner, "Winner");
      second.show(answer, next, "Runner-up");
    };
    const title = element("p", {className: "mgt-legend",
      textContent: `What each of the ${units.flat().length} hidden units adds to a logit, by the digit that the unit belongs to:`});
    return {node: element("div", {className: "mgt-origins"}, title, ...first.nodes, ...second.nodes, labels), show};
  }

  function words({logits, probabilities}, sample) {
    const [first, second] = ranked(logits);
    const doubt = probabilities[first] < 0.9 ? `; next comes ${second}, with ${percent(probabilities[second])}` : "";
    const truth = sample && (sample.digit === first ? `Right: this is ${sample.name}.` : `Wrong: this is ${sample.name}.`);
    return [first, `is what the network reads, with ${percent(probabilities[first])}${doubt}. ${truth ?? ""}`];
  }

  function pad(figure) {
    const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const layers = data.layers.map(layerOf);
    const pictures = (text) => Float32Array.from(new Uint8Array(bytes(text)), (value) => value / 255);
    const samples = pictures(data.samples), each = samples.length / 10 / SIDE ** 2;
    const ideals = data.ideals && pictures(data.ideals);
    const picture = (all, k) => all.subarray(k * SIDE ** 2, (k + 1) * SIDE ** 2);
    const past = [];  // what Undo goes back to
    let strokes = [], sample = null, pointer = null, due = 0;

    const canvas = element("canvas", {width: 4 * PAD, height: 4 * PAD, role: "img"});
    const hint = element("span", {className: "mgt-hint", textContent: "Write a digit here"});
    const figureOf = element("strong"), sentence = element("span");
    const verdict = element("p", {className: "mgt-verdict", role: "status"}, figureOf, sentence);
    const seen = view(), ideal = view();
    const scores = scoreboard(data.span), parts = origins(data.units, layers[1], data.reach);

    function show() {
      due = 0;
      const image = sample ? sample.image : normalise(inkOf(strokes, data.pen)), answer = image && read(image, layers);
      const [digit, text] = answer ? words(answer, sample)
        : ["", "Nothing is written yet. Write a digit with finger, pen or mouse, or take a test image."];
      paint(canvas, strokes, data.pen, sample?.image);
      hint.hidden = Boolean(image);
      canvas.ariaLabel = sample ? sample.name : image ? "What you wrote" : "Empty: write a digit here";
      seen.show(image, "what it sees");
      if (ideals) ideal.show(answer && picture(ideals, digit), answer ? `its ideal ${digit}` : "its ideal");
      scores.show(answer);
      parts.show(answer);
      figureOf.textContent = digit;
      sentence.textContent = text;
      verdict.ariaBusy = String(pointer !== null);  // a screen reader waits until the pen is lifted
    }
    const update = () => { due ||= requestAnimationFrame(show); };
    const set = (newStrokes, newSample) => {
      [strokes, sample, pointer] = [newStrokes, newSample, null];  // a stroke under way ends here
      update();
    };
    const change = (newStrokes, newSample = null) => {
      past.push([strokes, sample]);
      set(newStrokes, newSample);
    };
    const clear = () => { if (sample || strokes.length) change([]); };
    const undo = () => { if (past.length) set(...past.pop()); };
    const take = (digit) => {
      const k = sample?.digit === digit ? (sample.k + 1) % each : 0;
      change([], {digit, k, image: picture(samples, digit * each + k), name: `test image ${k + 1} of ${each} of a ${digit}`});
    };

    const point = ({clientX, clientY}) => {
      const {left, top, width} = canvas.getBoundingClientRect();
      return [(clientX - left) * PAD / width, (clientY - top) * PAD / width];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button !== 0) return;
      event.preventDefault();
      change([...strokes, [point(event)]]);
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      strokes.at(-1).push(...(event.getCoalescedEvents?.() ?? [event]).map(point));
      update();
    });
    const lift = (event) => { if (event.pointerId === pointer) { pointer = null; update(); } };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);

    const digits = [...Array(10).keys()].map((digit) => button(digit, () => take(digit), `Test image of a ${digit}`));
    const face = element("div", {className: "mgt-face"},
      element("div", {className: "mgt-draw"}, canvas, hint), verdict,
      element("div", {className: "mgt-views"}, seen.node, ...(ideals ? [ideal.node] : [])),
      element("div", {className: "mgt-tools"},
        button("Clear", clear), button("Undo", undo)),
      element("div", {className: "mgt-samples", role: "group", ariaLabel: "Test images"},
        element("span", {textContent: "or take a test image, again for another:"}), ...digits),
      scores.node, parts.node);
    figure.querySelector(".mgt-still").replaceWith(face);
    figure.pad = {read: (image) => read(image, layers), normalise};
    show();
  }

  for (const figure of document.querySelectorAll(".mgt-pad:not([data-ready])")) {
    figure.dataset.ready = "true";
    pad(figure);
  }
})();
