// A photo of a digit on paper or on a board: where its ink is, as the room `photo` finds it in Python.
globalThis.mgtPhoto = (() => {
  const {normalise, product, shares, transposed} = globalThis.mgtDrawing, {element} = globalThis.mgtFace;
  const FINE = 280, LARGE = 2 * FINE;              // pixels to the longer side: looked at; taken from the browser
  const REACH = 0.25, LEVELS = 128, FRAME = 3, SPECK = 0.1, CLEAR = 3.5, LEAST = 0.06, BREADTH = 0.145;
  const HEAVY = 50e6;                              // bytes of a file

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const mean = (values) => sum(values) / values.length;
  const least = (values) => values.reduce((a, b) => Math.min(a, b));
  const most = (values) => values.reduce((a, b) => Math.max(a, b));

  // Rows of grey -> rows of 280 pixels at most, by area.
  function shrunk(rows) {
    const longer = Math.max(rows.length, rows[0].length);
    const size = (n) => Math.max(1, Math.floor(FINE * n / longer + 0.5));
    if (longer <= FINE) return rows;
    const half = (lines) => transposed(product(shares(lines.length, size(lines.length)), lines));
    return half(half(rows));
  }

  // The mean of the square around each pixel, smaller near an edge, from running sums. `grid`: {width, height, values}.
  function localMean({width, height, values}, reach) {
    const wide = width + 1, sums = new Float64Array(wide * (height + 1)), means = new Float64Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0, row = 0; x < width; x++) {
        row += values[y * width + x];
        sums[(y + 1) * wide + x + 1] = sums[y * wide + x + 1] + row;
      }
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const down = Math.min(reach, y, height - 1 - y), across = Math.min(reach, x, width - 1 - x);
        const top = (y - down) * wide, bottom = (y + down + 1) * wide, left = x - across, right = x + across + 1;
        const inside = sums[bottom + right] - sums[top + right] - sums[bottom + left] + sums[top + left];
        means[y * width + x] = inside / ((2 * down + 1) * (2 * across + 1));
      }
    }
    return {width, height, values: means};
  }

  // How much each pixel differs from the light around it, as a share of that; ink is positive.
  function contrast(grid) {
    const smooth = localMean(grid, 1), {width, height} = grid;
    const light = localMean(smooth, Math.floor(REACH * Math.max(width, height))).values;
    const found = smooth.values.map((value, k) => (value - light[k]) / Math.max(light[k], 0.05));
    const sign = sum(found.map((value) => value ** 3)) > 0 ? 1 : -1;
    return found.map((value) => sign * value);
  }

  // Otsu's: the threshold for which two classes differ most.
  function threshold(values) {
    const low = least(values), step = (most(values) - low) / LEVELS;
    if (step === 0) return low;
    const counts = new Float64Array(LEVELS);
    for (const value of values) counts[Math.min(Math.floor((value - low) / step), LEVELS - 1)] += 1;
    const all = sum(counts.map((count, level) => count * level));
    let below = 0, inside = 0, best = 0, at = 0;
    counts.forEach((count, level) => {
      below += count;
      inside += count * level;
      const above = values.length - below;
      const apart = below * above * (inside / Math.max(below, 1) - (all - inside) / Math.max(above, 1)) ** 2;
      if (apart > best) [best, at] = [apart, level];
    });
    return low + step * (1 + at);
  }

  // The pieces of a mask that hang together, also over corners: lists of pixels.
  function pieces(mask, width) {
    const left = Uint8Array.from(mask), found = [];
    left.forEach((_, first) => {
      if (!left[first]) return;
      const piece = [first];
      left[first] = 0;
      for (const k of piece) {                     // grows meanwhile
        for (const next of [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => k + down * width + right))) {
          if (!left[next] || Math.abs(next % width - k % width) > 1) continue;
          left[next] = 0;
          piece.push(next);
        }
      }
      found.push(piece);
    });
    return found;
  }

  // The pixels of the pieces that may be a digit: off the edge, and not much smaller than the largest.
  function withoutSpecks(mask, width, height) {
    const within = (at, length) => at >= FRAME && at < length - FRAME;
    const inside = pieces(mask, width)
      .filter((piece) => piece.every((k) => within(k % width, width) && within(Math.floor(k / width), height)));
    const longest = Math.max(0, ...inside.map((piece) => piece.length));
    return inside.filter((piece) => piece.length >= SPECK * longest).flat();
  }

  const extent = (values) => most(values) - least(values) + 1;

  // Rows of 0 and 1 from pixels [y, x]: their lines as broad as the pad's, or broader if they were.
  function thickened(pixels) {
    const across = pixels.map(([, x]) => x), down = pixels.map(([y]) => y);
    const long = Math.max(extent(down), extent(across));
    const keys = new Set(pixels.map(([y, x]) => `${y} ${x}`)), sides = [[0, 1], [0, -1], [1, 0], [-1, 0]];
    const edges = sum(pixels.map(([y, x]) => sides.filter(([i, j]) => !keys.has(`${y + i} ${x + j}`)).length));
    const breadth = 8 / Math.PI * pixels.length / edges;
    const by = Math.max((BREADTH * long - breadth) / (1 - BREADTH) / 2, 0), whole = Math.floor(by);
    const reach = Array.from({length: 2 * whole + 1}, (_, k) => k - whole);
    const disc = reach.flatMap((i) => reach.map((j) => [i, j])).filter(([i, j]) => i * i + j * j <= by * by);
    const top = least(down) - whole, left = least(across) - whole;
    const line = () => new Array(extent(across) + 2 * whole).fill(0);
    const rows = Array.from({length: extent(down) + 2 * whole}, line);
    for (const [y, x] of pixels) for (const [i, j] of disc) rows[y + i - top][x + j - left] = 1;
    return rows;
  }

  // Rows of grey, 0 black to 1 white -> the picture of 28x28 that MNIST would have made of it; null where no digit is.
  function inkOf(grey) {
    const rows = shrunk(grey), [height, width] = [rows.length, rows[0].length], longer = Math.max(width, height);
    const found = contrast({width, height, values: Float64Array.from(rows.flat())}), limit = threshold(found);
    const ink = withoutSpecks(found.map((value) => value > limit), width, height);
    const pixels = ink.map((k) => [Math.floor(k / width), k % width]), ground = found.filter((value) => value <= limit);
    if (!ink.length) return null;
    if (Math.max(...[0, 1].map((axis) => extent(pixels.map((at) => at[axis])))) < LEAST * longer) return null;
    const middle = mean(ground), deviation = Math.sqrt(mean(ground.map((value) => (value - middle) ** 2)));
    return mean(ink.map((k) => found[k])) - middle < CLEAR * deviation ? null : normalise(thickened(pixels));
  }

  // What the browser sees in a file: rows of grey, upright.
  async function greyOf(file) {
    const bitmap = await createImageBitmap(file, {imageOrientation: "from-image"});
    const by = Math.min(1, LARGE / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [bitmap.width, bitmap.height].map((n) => Math.max(1, Math.round(n * by)));
    const context = element("canvas", {width, height}).getContext("2d", {willReadFrequently: true});
    Object.assign(context, {imageSmoothingQuality: "high", fillStyle: "#fff"});
    context.fillRect(0, 0, width, height);         // under what is transparent
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    const {data} = context.getImageData(0, 0, width, height);
    const grey = (k) => (0.299 * data[k] + 0.587 * data[k + 1] + 0.114 * data[k + 2]) / 255;
    return Array.from({length: height}, (_, y) => Array.from({length: width}, (_, x) => grey(4 * (y * width + x))));
  }

  // The 784 numbers, or one line that says why there are none.
  async function read(file, thing) {
    if (file.size > HEAVY) return `This file is too large: more than ${HEAVY / 1e6} MB.`;
    try {
      return inkOf(await greyOf(file)) ??
        `No ${thing} was found in this photo: let plain paper fill it, with one ${thing}.`;
    } catch { return "This file is not an image that the browser can open."; }
  }

  // A button for a file, and the figure as a place to drop or paste one. `take(image)` gets the 784 numbers,
  // `complain(text)` one line, which calls what was looked for a `thing`.
  function photoFor(figure, thing, take, complain) {
    let latest = null;                             // of two files, the one that was chosen later counts
    async function open(file) {
      if (!file) return;
      latest = file;
      const found = await read(file, thing);
      if (file !== latest || !figure.isConnected) return;
      if (typeof found === "string") complain(found); else take(found);
    }
    const input = element("input", {type: "file", accept: "image/*"});
    input.addEventListener("change", () => {
      open(input.files[0]);
      input.value = "";                            // so that the same file may be chosen again
    });
    const hasFile = ({types}) => types.includes("Files");
    figure.addEventListener("dragover", (event) => { if (hasFile(event.dataTransfer)) event.preventDefault(); });
    figure.addEventListener("drop", (event) => {
      if (!hasFile(event.dataTransfer)) return;
      event.preventDefault();
      open(event.dataTransfer.files[0]);
    });
    figure.addEventListener("paste", (event) => open(event.clipboardData.files[0]));
    return element("label", {className: "mgt-file"}, "Photo", input);
  }

  return {inkOf, photoFor};
})();
