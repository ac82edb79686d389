// A sheet to draw on, and what MNIST would have made of the drawing: a picture of 28x28 pixels.
globalThis.mgtDrawing = (() => {
  const SIDE = 28, DIGIT = 20;   // pixels: MNIST's picture, and the square that its digits fill
  const SHEET = 140;             // the sheet in units of its own
  const {a, element, button, ink, whenSeen} = globalThis.mgtFace;

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

  // Rows of numbers from 0 to 1 -> a picture of 28x28: cropped, scaled to 20x20, centred by mass. Null where all is
  // blank.
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

  // ---- the sheet ----------------------------------------------------------------------------------------------------

  function inked(image) {
    const canvas = element("canvas", {width: SIDE, height: SIDE}), context = canvas.getContext("2d");
    const pixels = context.createImageData(SIDE, SIDE);
    image.forEach((value, k) => pixels.data.set(ink(value), 4 * k));
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  function paint(canvas, strokes, pen, sample) {
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.setTransform(canvas.width / SHEET, 0, 0, canvas.width / SHEET, 0, 0);
    context.clearRect(0, 0, SHEET, SHEET);
    const round = {lineCap: "round", lineJoin: "round"};
    const style = {...round, lineWidth: pen, strokeStyle: "#000", imageSmoothingEnabled: false};
    Object.assign(context, style);
    if (sample) context.drawImage(inked(sample.image), 0, 0, SHEET, SHEET);
    for (const points of strokes) {
      context.beginPath();
      context.moveTo(points[0][0] - 0.01, points[0][1]);  // a dot is a line, too
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
    return context;
  }

  // For the network, strokes get one size before they get their width: with the pen's width, the longer side of their
  // frame becomes as long as the pen is made for, so that small writing has no thicker lines than large. What is
  // shorter than a tenth of the sheet, like a dot, is enlarged no more than that tenth.
  const HEIGHT = 0.75 * SHEET, LEAST = SHEET / 10;
  function fitted(strokes, pen) {
    const points = strokes.flat(), least = (a, b) => Math.min(a, b), most = (a, b) => Math.max(a, b);
    const frame = [0, 1].map((axis) => points.map((point) => point[axis]))
      .map((values) => ({low: values.reduce(least, Infinity), high: values.reduce(most, -Infinity)}));
    const by = (HEIGHT - pen) / Math.max(LEAST, ...frame.map(({low, high}) => high - low));
    const moved = (value, axis) => (value - (frame[axis].low + frame[axis].high) / 2) * by + SHEET / 2;
    return strokes.map((stroke) => stroke.map((point) => point.map(moved)));
  }

  // What the pen left, as rows of numbers from 0 to 1.
  function inkOf(strokes, pen) {
    const canvas = element("canvas", {width: SHEET, height: SHEET});
    const {data} = paint(canvas, strokes, pen).getImageData(0, 0, SHEET, SHEET);
    const row = (y) => Array.from({length: SHEET}, (_, x) => data[4 * (y * SHEET + x) + 3] / 255);
    return Array.from({length: SHEET}, (_, y) => row(y));
  }

  // All sheets of the page: what was written on one may be copied to another. In JupyterLab each figure brings its own
  // copy of this script, so the list is the page's; it does not keep the sheets of figures that were replaced.
  const sheets = globalThis.mgtSheets ??= [];
  const everySheet = () => sheets.flatMap((each) => each.deref() ?? []);

  const TIP = 1;                 // the bit of a left button, of a finger and of a pen's tip in `buttons`
  const isUndo = ({key, ctrlKey, metaKey, shiftKey, altKey}) =>
    key.toLowerCase() === "z" && (ctrlKey || metaKey) && !shiftKey && !altKey;
  // What the pointer passed since the last event; some browsers give an empty list.
  const passed = (event) => {
    const events = event.getCoalescedEvents?.() ?? [];
    return events.length ? events : [event];
  };

  // A sheet for mouse, pen and finger. `change(image, sample, drawing)` is called in the next frame after each change:
  // with the 784 numbers (null where all is blank), with the sample that was laid there (null for a drawing), and
  // with whether the pen is still down. `show(sample)` lays {image, name} there, `begin(sample)` without an entry for
  // Undo; Clear, Undo and, once another sheet of the page was used, Copy are buttons. Ctrl+Z anywhere in the figure is
  // Undo.
  function sheet({figure, pen, change, here = "Write a digit here"}) {
    const past = [];  // what Undo goes back to
    let strokes = [], sample = null, pointer = null, due = 0;  // `pointer`: the event that began the stroke under way
    const canvas = element("canvas", {width: 4 * SHEET, height: 4 * SHEET, role: "img", tabIndex: -1});
    canvas.dataset.lmSuppressShortcuts = "true";
    const hint = element("span", {className: "mgt-hint", textContent: here});

    const frame = () => {
      due = 0;
      const image = sample ? sample.image : normalise(inkOf(fitted(strokes, pen), pen));
      paint(canvas, strokes, pen, sample);
      hint.hidden = image !== null;
      const empty = `Empty: ${here[0].toLowerCase()}${here.slice(1)}`;
      canvas.ariaLabel = sample ? sample.name : image ? "What you wrote" : empty;
      change(image, sample, pointer !== null);
    };
    const update = () => { due ||= requestAnimationFrame(frame); };
    const set = (newStrokes, newSample) => {
      [strokes, sample, pointer] = [newStrokes, newSample, null];  // a stroke under way ends here
      update();
      for (const each of everySheet()) each.offer();
    };
    const become = (newStrokes, newSample = null) => {
      past.push([strokes, sample]);
      own.used = 1 + Math.max(...everySheet().map((each) => each.used));
      set(newStrokes, newSample);
    };
    const clear = () => { if (sample || strokes.length) become([]); };
    const undo = () => { if (past.length) set(...past.pop()); };

    const own = {used: 0, canvas, state: () => [strokes, sample], offer: () => { copy.hidden = !other(); }};
    const isWritten = (each) => each.state()[0].length > 0 || each.state()[1] !== null;
    const isOther = (each) => each !== own && each.used > 0 && each.canvas.isConnected && isWritten(each);
    const other = () => everySheet().filter(isOther).sort((a, b) => b.used - a.used)[0];
    const copy = button("Copy other sheet", () => { if (other()) become(...other().state()); },
      "Copy what was last written on another sheet of this page");
    sheets.push(new WeakRef(own));
    own.offer();

    const onSheet = (value) => Math.min(Math.max(value, 0), SHEET);  // nothing is read that is not seen
    const point = ({clientX, clientY}) => {
      const {left, top, width} = canvas.getBoundingClientRect();
      return [(clientX - left) * SHEET / width, (clientY - top) * SHEET / width].map(onSheet);
    };
    const isOwn = (event) => event.pointerId === pointer?.pointerId;
    const lift = (event) => {
      if (!isOwn(event)) return;
      pointer = null;
      update();
    };
    // One pointer writes at a time. A pen takes the sheet from a finger, which was the resting hand: its mark goes.
    const isFree = ({pointerType}) => pointer === null || (pointerType === "pen" && pointer.pointerType === "touch");
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !isFree(event)) return;
      event.preventDefault();
      canvas.focus({preventScroll: true});
      if (pointer) undo();
      become([...strokes, [point(event)]]);
      pointer = event;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!isOwn(event)) return;
      if (!(event.buttons & TIP)) return lift(event);  // another button is still held
      strokes.at(-1).push(...passed(event).map(point));
      update();
    });
    canvas.addEventListener("contextmenu", (event) => { if (pointer) event.preventDefault(); });
    figure.addEventListener("keydown", (event) => {
      if (!isUndo(event)) return;
      event.preventDefault();
      undo();
    });
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);

    update();
    return {node: element("div", {className: "mgt-draw"}, canvas, hint), show: (laid) => become([], laid),
      begin: (laid) => set([], laid), buttons: [button("Clear", clear), button("Undo", undo), copy],
      get sample() { return sample; }, get written() { return isWritten(own); },
      get touched() { return own.used > 0; }};
  }

  // A row of buttons, one a class, that lay test images on a sheet, again for another. `samples`: base64, by class.
  function samplesFor(laid, samples, names) {
    const {bytes, PIXELS} = globalThis.mgtEngine, pixels = Float32Array.from(bytes(samples), (value) => value / 255);
    const each = pixels.length / names.length / PIXELS, image = (at) => pixels.subarray(at * PIXELS, (at + 1) * PIXELS);
    const sampleOf = (digit, k) =>
      ({digit, k, image: image(digit * each + k), name: `test image ${k + 1} of ${each} of ${a(names[digit])}`});
    const take = (digit) => laid.show(sampleOf(digit, laid.sample?.digit === digit ? (laid.sample.k + 1) % each : 0));
    const digits = names.map((name, digit) => button(name, () => take(digit), `Test image of ${a(name)}`));
    const node = element("div", {className: "mgt-samples", role: "group", ariaLabel: "Test images"},
      element("span", {textContent: "or take a test image, again for another:"}), ...digits);
    return {node, take, image, sampleOf, each};
  }

  // Whether what lies on a sheet is known to be a digit, as writing and a photo are not.
  const hasLabel = (sample) => sample?.digit !== undefined;

  // A sheet and its test images; `start` ("7.0": the first image of a 7) lies there once the figure is seen. `named()`
  // is the sample that lies there now, in the same form, for the page's address, "" for writing or a photo;
  // `reset()` lays the first 7 again; `touched`: whether the reader has done anything here.
  function easel({figure, pen, samples, names, here, start, change}) {
    const laid = sheet({figure, pen, change, here}), row = samplesFor(laid, samples, names);
    const first = `${Math.min(7, names.length - 1)}.0`;  // or the last class, where there are fewer
    const begin = (text) => {
      const [digit, k] = (/^\d\.\d$/.test(text) ? text : first).split(".").map(Number);
      laid.begin(row.sampleOf(digit < names.length ? digit : 0, k < row.each ? k : 0));
    };
    whenSeen(figure, () => { if (!laid.written) begin(start); });
    return {sheet: laid.node, tools: laid.buttons, samples: row.node, reset: () => begin(first),
      get touched() { return laid.touched; },
      named: () => (hasLabel(laid.sample) ? `${laid.sample.digit}.${laid.sample.k}` : "")};
  }

  return {shares, product, transposed, normalise, fitted, hasLabel, sheet, samplesFor, easel};
})();
