// The arithmetic of the book, in the page: a network of one hidden layer, its gradients, images that descend, matrices
// that are inverted. No document is touched here. Sums are kept in double precision; what the book keeps in float32
// (weights, biases, images, and X in float32) is rounded when it is stored.
globalThis.mgtEngine = (() => {
  const SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 10;

  // ---- numbers from text, and by chance -----------------------------------------------------------------------------

  function bytes(text) {
    const raw = atob(text), found = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) found[k] = raw.charCodeAt(k);
    return found;
  }
  const floats = (text) => new Float32Array(bytes(text).buffer);

  // Uniform in [0, 1) and normal numbers from a whole-number seed: the same in every browser (mulberry32, Box-Muller).
  function random(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return {uniform, normal};
  }

  function shuffled(count, {uniform}) {
    const order = Uint32Array.from({length: count}, (_, k) => k);
    for (let k = count - 1; k > 0; k--) {
      const other = Math.floor(uniform() * (k + 1));
      [order[k], order[other]] = [order[other], order[k]];
    }
    return order;
  }

  // ---- the network --------------------------------------------------------------------------------------------------

  // Weights travel as whole numbers of 8 bits with one scale a column, row by row; biases as they are.
  function matrixOf({weights, scales}) {
    const whole = new Int8Array(bytes(weights).buffer), scale = floats(scales);
    return Float32Array.from(whole, (value, k) => value * scale[k % scale.length]);
  }
  function netOf([first, second]) {
    return {w1: matrixOf(first), b1: floats(first.biases), w2: matrixOf(second), b2: floats(second.biases)};
  }
  const copyOf = ({w1, b1, w2, b2}) => ({w1: w1.slice(), b1: b1.slice(), w2: w2.slice(), b2: b2.slice()});

  // The starts of chapter 3: "post" (deviation 0.03 for weights, 1 for biases) or "he" (variance 2 / inputs, biases 0).
  function newNet(hidden, start, {normal}, outputs = DIGITS) {
    const normals = (count, deviation) => {
      const numbers = new Float32Array(count);
      for (let k = 0; k < count; k++) numbers[k] = deviation * normal();
      return numbers;
    };
    const [first, second, bias] = start === "post" ? [0.03, 0.03, 1]
      : [Math.sqrt(2 / PIXELS), Math.sqrt(2 / hidden), 0];
    return {w1: normals(PIXELS * hidden, first), b1: normals(hidden, bias),
      w2: normals(hidden * outputs, second), b2: normals(outputs, bias)};
  }

  // The places of the numbers that are not zero: loops over those alone save half the work or more.
  function places(values) {
    const found = new Int32Array(values.length);
    let count = 0;
    for (let k = 0; k < values.length; k++) if (values[k] !== 0) found[count++] = k;
    return found.subarray(0, count);
  }

  // inputs @ weights + biases; inputs that are zero are skipped, and the others taken four at a time: twice as fast.
  function dense(inputs, weights, biases) {
    const columns = biases.length, sums = Float64Array.from(biases), used = places(inputs), fours = used.length & ~3;
    for (let k = 0; k < fours; k += 4) {
      const a = used[k], b = used[k + 1], c = used[k + 2], d = used[k + 3];
      const x = inputs[a], y = inputs[b], z = inputs[c], w = inputs[d];
      for (let j = 0; j < columns; j++) {
        sums[j] += x * weights[a * columns + j] + y * weights[b * columns + j] +
          z * weights[c * columns + j] + w * weights[d * columns + j];
      }
    }
    for (let k = fours; k < used.length; k++) {
      const input = inputs[used[k]], row = used[k] * columns;
      for (let j = 0; j < columns; j++) sums[j] += input * weights[row + j];
    }
    return sums;
  }

  // outputs @ transposed weights: what a slope with respect to the outputs says about the inputs.
  function backward(slope, weights, inputs) {
    const columns = slope.length, used = places(slope), sums = new Float64Array(inputs);
    for (let i = 0; i < inputs; i++) {
      const row = i * columns;
      let sum = 0;
      for (let k = 0; k < used.length; k++) sum += slope[used[k]] * weights[row + used[k]];
      sums[i] = sum;
    }
    return sums;
  }

  // The same past ReLU: nothing reaches a unit whose activation is zero.
  function backwardToHidden(slope, {w2}, hidden) {
    const sums = backward(slope, w2, hidden.length);
    for (let j = 0; j < sums.length; j++) if (!(hidden[j] > 0)) sums[j] = 0;
    return sums;
  }

  function softmax(logits) {
    const top = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - top));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  // 784 pixels -> the activations of the hidden units and ten logits.
  function forward(net, image) {
    const hidden = dense(image, net.w1, net.b1);
    for (let j = 0; j < hidden.length; j++) hidden[j] = Math.max(0, hidden[j]);
    return {hidden, logits: dense(hidden, net.w2, net.b2)};
  }

  // The same, and ten probabilities.
  function read(net, image) {
    const found = forward(net, image);
    return {...found, probabilities: softmax(found.logits)};
  }

  // ---- losses: of logits and the right digit, with the slope with respect to each logit -----------------------------

  const one = (digit, k) => (k === digit ? 1 : 0);

  function softmaxLoss(logits, digit) {
    const shares = softmax(logits);
    const top = Math.max(...logits), sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
    return {loss: top + Math.log(sum) - logits[digit], slope: shares.map((share, k) => share - one(digit, k))};
  }

  // The loss of 2018, with the clipping in float32 as TensorFlow does it: where it clips, the slope is zero.
  const LOW = Math.fround(1e-10), HIGH = Math.fround(0.9999999);
  function postLoss(logits, digit) {
    const shares = softmax(logits).map(Math.fround);
    let loss = 0;
    const slope = shares.map((share, k) => {
      const y = Math.min(Math.max(share, LOW), HIGH), gap = k === digit ? y : Math.fround(1 - y);
      loss -= Math.log(gap);
      return share < LOW || share > HIGH ? 0 : (k === digit ? -1 : 1) / gap;
    });
    const mean = slope.reduce((sum, value, k) => sum + value * shares[k], 0);
    return {loss, slope: slope.map((value, k) => shares[k] * (value - mean))};
  }

  const logitLoss = (logits, digit) => ({loss: -logits[digit], slope: logits.map((_, k) => -one(digit, k))});

  const LOSSES = {softmax: softmaxLoss, post: postLoss, logit: logitLoss};

  // ---- gradients with respect to the weights, and training ----------------------------------------------------------

  const zerosLike = ({w1, b1, w2, b2}) =>
    ({w1: new Float64Array(w1.length), b1: new Float64Array(b1.length),
      w2: new Float64Array(w2.length), b2: new Float64Array(b2.length)});

  // Adds what one image says about a layer: its inputs times the slope with respect to its outputs, and that slope.
  function addLayer(inputs, slope, weights, biases) {
    const columns = slope.length, used = places(slope);
    for (let k = 0; k < used.length; k++) biases[used[k]] += slope[used[k]];
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i], row = i * columns;
      if (input !== 0) for (let k = 0; k < used.length; k++) weights[row + used[k]] += input * slope[used[k]];
    }
  }

  // Adds the gradient of one image to `sums`; returns its loss and whether the largest logit was the right digit's.
  function addGradient(net, image, digit, loss, sums) {
    const {hidden, logits} = forward(net, image), {loss: cost, slope} = loss(logits, digit);
    addLayer(image, backwardToHidden(slope, net, hidden), sums.w1, sums.b1);
    addLayer(hidden, slope, sums.w2, sums.b2);
    return {cost, right: logits.every((logit, k) => k === digit || logit < logits[digit])};
  }

  // The mean gradient over images (each 784 numbers) and digits, and the mean loss.
  function gradient(net, images, digits, loss) {
    const sums = zerosLike(net);
    const cost = images.reduce((total, image, k) => total + addGradient(net, image, digits[k], loss, sums).cost, 0);
    for (const part of Object.values(sums)) part.forEach((value, k) => { part[k] = value / images.length; });
    return {cost: cost / images.length, ...sums};
  }

  // Runs of zeros are skipped (blank pixels leave long ones); what follows is taken 64 at a time without asking.
  function move(weights, sums, share) {
    for (let k = 0; k < sums.length;) {
      while (k < sums.length && sums[k] === 0) k++;
      for (const end = Math.min(k + 64, sums.length); k < end; k++) {
        weights[k] -= share * sums[k];
        sums[k] = 0;
      }
    }
  }

  // One step of gradient descent, in place; `sums` of `count` images are used up.
  function descend(net, sums, count, rate) {
    for (const [name, part] of Object.entries(sums)) move(net[name], part, rate / count);
  }

  const isFinite = (net) => Object.values(net).every((part) => part.every(Number.isFinite));

  // One epoch over {count, image: k -> 784 numbers, digits}; yields after every few images, so the page stays awake.
  // An incomplete last batch is left out, as in the book. Returns the mean loss of the batches.
  function* epoch(net, data, order, {rate, batch, loss}) {
    const sums = zerosLike(net), batches = Math.floor(order.length / batch);
    let total = 0;
    for (let k = 0; k < batches * batch; k++) {
      total += addGradient(net, data.image(order[k]), data.digits[order[k]], loss, sums).cost;
      if ((k + 1) % batch === 0) descend(net, sums, batch, rate);
      if (k % 4 === 3) yield k + 1;
    }
    return total / (batches * batch);
  }

  // Loss and accuracy on images; yields after every few. Returns {loss, accuracy, answers}.
  function* evaluate(net, data, loss) {
    const answers = new Uint8Array(data.count);
    let total = 0, right = 0;
    for (let k = 0; k < data.count; k++) {
      const {logits} = forward(net, data.image(k));
      total += loss(logits, data.digits[k]).loss;
      answers[k] = logits.indexOf(Math.max(...logits));
      right += answers[k] === data.digits[k];
      if (k % 8 === 7) yield k + 1;
    }
    return {loss: total / data.count, accuracy: right / data.count, answers};
  }

  // Images of a few grey levels, compressed: base64 of zlib's bytes, one a pixel, and one byte a digit.
  async function imagesOf({pixels, digits, levels}) {
    const stream = new Blob([bytes(pixels)]).stream().pipeThrough(new DecompressionStream("deflate"));
    const grey = new Uint8Array(await new Response(stream).arrayBuffer());  // kept as bytes: a quarter of the memory
    const image = (k) => {
      const numbers = new Float32Array(PIXELS), start = k * PIXELS;
      for (let i = 0; i < PIXELS; i++) numbers[i] = grey[start + i] / (levels - 1);
      return numbers;
    };
    return {count: grey.length / PIXELS, image, digits: bytes(digits)};
  }

  // ---- images that descend ------------------------------------------------------------------------------------------

  // Differences of each pixel to its right and lower neighbours on a white frame, rounded off at 0.1 as in chapter 5.
  function totalVariation(image, slope = null, strength = 0) {
    const at = (y, x) => (y < 0 || x < 0 || y >= SIDE || x >= SIDE ? 0 : image[y * SIDE + x]);
    const add = (y, x, value) => { if (y >= 0 && x >= 0 && y < SIDE && x < SIDE) slope[y * SIDE + x] += value; };
    let sum = 0;
    for (let y = -1; y < SIDE; y++) for (let x = -1; x < SIDE; x++) {
      const here = at(y, x), down = at(y + 1, x) - here, right = at(y, x + 1) - here;
      const length = Math.sqrt(down ** 2 + right ** 2 + 0.01);
      sum += length - 0.1;
      if (!slope) continue;
      add(y + 1, x, strength * down / length);
      add(y, x + 1, strength * right / length);
      add(y, x, -strength * (down + right) / length);
    }
    return sum;
  }

  // Loss of an image for a digit, penalties included, and its slope with respect to each pixel.
  function imageGradient(net, image, digit, {loss, l1 = 0, l2 = 0, tv = 0}) {
    const {hidden, logits, probabilities} = read(net, image), {loss: cost, slope} = loss(logits, digit);
    const pixels = backward(backwardToHidden(slope, net, hidden), net.w1, image.length);
    let penalty = 0;
    image.forEach((value, i) => {
      penalty += l1 * Math.abs(value) + l2 * value * value;
      pixels[i] += l1 * Math.sign(value) + 2 * l2 * value;
    });
    if (tv) penalty += tv * totalVariation(image, pixels, tv);
    return {cost: cost + penalty, slope: pixels, probabilities};
  }

  // One step down the slope, in place; with a box, pixels stay in [0, 1]. Returns loss and answer as they were before.
  function imageStep(net, image, digit, {rate = 0.1, box = false, ...objective}) {
    const found = imageGradient(net, image, digit, objective);
    found.slope.forEach((value, i) => {
      const moved = image[i] - rate * value;
      image[i] = box ? Math.min(Math.max(moved, 0), 1) : moved;
    });
    return found;
  }

  // ---- small square matrices, row by row ----------------------------------------------------------------------------

  function product(a, b, n, out = new Float64Array(n * n)) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      out[i * n + j] = sum;
    }
    return out;
  }
  const transposed = (a, n) => a.map((_, k) => a[(k % n) * n + Math.floor(k / n)]);
  const identity = (k, n) => (k % (n + 1) === 0 ? 1 : 0);
  const residualOf = (X, A, n, out) => {
    product(X, A, n, out);
    for (let k = 0; k < out.length; k += n + 1) out[k] -= 1;
    return out;
  };
  const l1Error = (X, A, n) =>
    residualOf(X, A, n, new Float64Array(n * n)).reduce((sum, value) => sum + Math.abs(value), 0);

  // Singular values, largest first, in float64: columns are turned until they are orthogonal (one-sided Jacobi).
  function singularValues(A, n) {
    const a = Float64Array.from(A), dot = (p, q) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += a[i * n + p] * a[i * n + q];
      return sum;
    };
    for (let sweep = 0, turned = true; turned && sweep < 60; sweep++) {
      turned = false;
      for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) {
        const [pp, qq, pq] = [dot(p, p), dot(q, q), dot(p, q)];
        if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq)) continue;
        turned = true;
        const zeta = (qq - pp) / (2 * pq), t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t), s = c * t;
        for (let i = 0; i < n; i++) {
          const [left, right] = [a[i * n + p], a[i * n + q]];
          a[i * n + p] = c * left - s * right;
          a[i * n + q] = s * left + c * right;
        }
      }
    }
    return Float64Array.from({length: n}, (_, k) => Math.sqrt(dot(k, k))).sort().reverse();
  }
  const conditionOf = (A, n) => {
    const values = singularValues(A, n);
    return values[0] / values[n - 1];
  };
  // As NumPy's matrix_rank counts.
  const rankOf = (A, n) => {
    const values = singularValues(A, n);
    return values.filter((value) => value > values[0] * n * 2 ** -52).length;
  };

  // The ways of chapter 2 to bring X A closer to I. `step()` takes one step; `X` is what it has, from zeros on.
  const METHODS = {
    post: {squared: false, memory: 0.1, fall: 0, update: adagrad},
    decay: {squared: false, memory: 0.1, fall: 2, update: adagrad},
    squared: {squared: true, memory: 0, fall: 0, update: momentum},
  };
  function adagrad(X, memory, slope, rate) {
    for (let k = 0; k < X.length; k++) {
      memory[k] += slope[k] * slope[k];
      X[k] -= rate * slope[k] / Math.sqrt(memory[k]);
    }
  }
  function momentum(X, memory, slope, rate) {
    for (let k = 0; k < X.length; k++) {
      memory[k] = 0.9 * memory[k] - rate * slope[k];
      X[k] += memory[k];
    }
  }

  // A search: {X, step(), taken}. `steps` are for the falling rate alone; `Numbers` is Float32Array or Float64Array.
  function search(A, n, {method, rate, steps, Numbers = Float32Array}) {
    if (method === "schulz") return schulz(A, n);
    const {squared, memory, fall, update} = METHODS[method];
    const X = new Numbers(n * n), kept = new Numbers(n * n).fill(memory), slope = new Numbers(n * n);
    const given = Numbers.from(A), turned = transposed(given, n), residual = new Numbers(n * n);
    const state = {X, taken: 0, step() {
      residualOf(X, given, n, residual);
      for (let k = 0; k < residual.length; k++) residual[k] = squared ? 2 * residual[k] : Math.sign(residual[k]);
      product(residual, turned, n, slope);
      update(X, kept, slope, rate * (1 - state.taken / steps) ** fall);
      state.taken += 1;
    }};
    return state;
  }

  // Newton and Schulz's iteration, in float64: X <- X (2 I - A X).
  function schulz(A, n) {
    const sums = (values) => Math.max(...Array.from({length: n}, (_, i) =>
      Array.from({length: n}, (_, j) => Math.abs(values[i * n + j])).reduce((a, b) => a + b)));
    const given = Float64Array.from(A), turned = transposed(given, n), size = sums(given) * sums(turned);
    const X = turned.map((value) => value / (size || 1));  // zeros stay zeros
    const state = {X, taken: 0, step() {
      const rest = product(given, X, n).map((value, k) => 2 * identity(k, n) - value);
      X.set(product(X, rest, n));
      state.taken += 1;
    }};
    return state;
  }

  return {SIDE, PIXELS, DIGITS, bytes, floats, random, shuffled, netOf, copyOf, newNet, dense, backward, softmax, read,
    LOSSES, addGradient, gradient, descend, zerosLike, isFinite, epoch, evaluate, imagesOf, totalVariation,
    imageGradient, imageStep,
    product, transposed, l1Error, singularValues, conditionOf, rankOf, search};
})();
