// Train it here: a network of the reader's choice learns in the page, from nothing, and reads what the reader draws.
(() => {
  const E = globalThis.mgtEngine, {PIXELS} = E, {hasLabel, sheet} = globalThis.mgtDrawing;
  const {a, classesOf, element, button, slider, menu, percent, rounded, caption, picture, between, worker, player,
    remembered, remember, calm, shared, setUp, whenSeen} = globalThis.mgtFace;

  const RATES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 1e20];  // the last is absurd: it shows a loss that is no longer finite
  const CHOICES = {start: ["he", "post"], units: [10, 20, 30, 50, 100, 200, 300], seed: [...Array(10).keys()],
    loss: ["softmax", "post"], rate: RATES, batch: [1, 5, 10, 20, 50, 100, 200]};
  const DEFAULTS = {start: "he", units: 100, seed: 0, loss: "softmax", rate: 0.1, batch: 10};
  const STARTS = {he: "He's start", post: "the start of 2018"};
  const LOSSES = {softmax: "softmax cross-entropy", post: "the post's loss"};
  const SHOWN = 10, REACH = 0.3, WRONG = 20, DOTS = 600;  // units; the weight of full colour; mistakes; dots
  const PAUSE = 100;  // milliseconds from one drawing to the next: drawing must not cost more than learning
  const count = (number) => number.toLocaleString("en-US");

  // ---- the training: no document is touched here -------------------------------------------------------------------

  // Units whose activation is zero for every image; one image is enough to show that a unit is not dead.
  function* deadUnits({w1, b1}, images) {
    let left = [...b1.keys()];
    for (let k = 0; k < images.count && left.length; k++) {
      const sums = E.dense(images.image(k), w1, b1);
      left = left.filter((unit) => !(sums[unit] > 0));
      if (k % 8 === 7) yield;
    }
    return left;
  }

  // A network that learns. `life` goes on for ever and yields, beside pauses, "ready" (measured, untrained), "step"
  // (after a batch), "epoch" (measured again) and "diverged". Each batch looks at `settings` anew: they may change.
  function training({train, held}, settings, outputs) {
    const {start, units, seed} = settings, chance = E.random(seed);
    const state = {born: {start, units, seed}, net: E.newNet(units, start, chance, outputs), rows: [],
      seen: 0, total: train.count, cost: NaN, diverged: null};
    const sums = E.zerosLike(state.net);

    function* batchOf(order, {batch, loss}) {
      let cost = 0;
      for (let k = 0; k < batch; k++) {
        const at = order[state.seen + k];
        cost += E.addGradient(state.net, train.image(at), train.digits[at], E.LOSSES[loss], sums).cost / batch;
        if (k % 4 === 3) yield;
      }
      return cost;
    }
    // One pass over the images in a new order; what does not fill a batch is left out. Its mean loss: NaN, it diverged.
    function* epoch() {
      const order = E.shuffled(train.count, chance), left = () => state.seen + settings.batch <= order.length;
      let total = 0;
      for (state.seen = 0; left();) {
        const {batch, rate, loss} = settings, cost = yield* batchOf(order, {batch, loss});
        state.cost = cost;
        if (!Number.isFinite(cost)) return NaN;
        E.descend(state.net, sums, batch, rate);
        state.seen += batch;
        total += cost * batch;
        yield left() ? "step" : "";
      }
      return total / state.seen;
    }
    // What there is to know after an epoch.
    function* look(cost) {
      const {loss: name} = settings;
      const {loss, accuracy, answers} = yield* E.evaluate(state.net, held, E.LOSSES[name]);
      return {cost, loss, accuracy, answers, name, dead: yield* deadUnits(state.net, train)};
    }
    function* life() {
      state.rows.push(yield* look(null));
      yield "ready";
      for (;;) {
        const kept = E.copyOf(state.net), cost = yield* epoch(), fine = Number.isFinite(cost) && E.isFinite(state.net);
        const row = fine && (yield* look(cost));
        const good = row && Number.isFinite(row.loss);
        state.diverged = good ? null : settings.rate;
        if (good) state.rows.push(row);
        else Object.assign(state, {net: kept});
        Object.values(sums).forEach((part) => part.fill(0));
        state.seen = 0;
        yield good ? "epoch" : "diverged";
      }
    }
    return Object.assign(state, {life: life()});
  }

  // ---- curves ------------------------------------------------------------------------------------------------------

  const WIDE = 340, HIGH = 210, LEFT = 54, RIGHT = 10, TOP = 10, BOTTOM = 38;  // in the drawing's own units
  const text = (x, y, words, more = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`;

  // One or three ticks a power of ten, thinned out where there are many.
  function powers(low, high) {
    const all = [];
    for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) all.push(+`1e${k}`, +`3e${k}`);
    const inside = all.filter((tick) => tick >= low && tick <= high);
    return inside.filter((_, k) => k % Math.ceil(inside.length / 7) === 0);
  }

  // A drawing, epochs from left to right. `lines`: {kind, points: [epoch, height of 0 to 1]}; `ticks`: [height, words].
  function axes({name, ticks, lines, epochs}) {
    const x = (epoch) => LEFT + epoch / epochs * (WIDE - LEFT - RIGHT);
    const y = (height) => HIGH - BOTTOM - height * (HIGH - TOP - BOTTOM);
    const every = [1, 2, 5, 10, 20, 50].find((step) => epochs / step <= 6) ?? 100;
    const across = Array.from({length: Math.floor(epochs / every) + 1}, (_, k) => k * every);
    const path = ({kind, points}) => {
      const at = points.map(([epoch, height]) => `${x(epoch).toFixed(1)} ${y(height).toFixed(1)}`);
      const marks = `<path class="mgt-${kind} mgt-dots" d="${at.map((place) => `M${place}h0`).join("")}"/>`;
      return kind === "batch" || !at.length ? marks : `<path class="mgt-${kind}" d="M${at.join("L")}"/>${marks}`;
    };
    return `<svg viewBox="0 0 ${WIDE} ${HIGH}" aria-hidden="true">` +
      ticks.map(([height, words]) => `<path class="mgt-grid" d="M${LEFT} ${y(height).toFixed(1)}H${WIDE - RIGHT}"/>` +
        text(LEFT - 5, y(height) + 4, words, 'text-anchor="end"')).join("") +
      across.map((epoch) => text(x(epoch), HIGH - BOTTOM + 15, epoch, 'text-anchor="middle"')).join("") +
      text((LEFT + WIDE) / 2, HIGH - 5, "epoch", 'text-anchor="middle"') +
      `<text transform="translate(11 ${(HIGH - BOTTOM + TOP) / 2}) rotate(-90)" text-anchor="middle">${name}</text>` +
      lines.map(path).join("") + "</svg>";
  }

  // Points by the loss they were measured with: two losses share no scale, so a line breaks where the loss was changed.
  function pieces(rows, kind, value) {
    const found = [];
    rows.forEach((row, epoch) => {
      if (value(row) === null) return;
      if (!found.length || found.at(-1).name !== row.name) found.push({kind, name: row.name, points: []});
      found.at(-1).points.push([epoch, value(row)]);
    });
    return found;
  }

  const lossTicks = (low, high, height) => powers(low, high).map((tick) => [height(tick), rounded(tick)]);
  const rightTicks = [0, 50, 80, 90, 100].map((tick) => [tick / 100, tick]);

  // The losses on a logarithmic axis.
  function lossAxes(rows, dots, epochs) {
    const lines = [...pieces(rows, "taught", (row) => row.cost), ...pieces(rows, "held", (row) => row.loss),
      {kind: "batch", points: dots}];
    const values = lines.flatMap(({points}) => points.map(([, value]) => value)).filter((value) => value > 0);
    const low = Math.min(0.3, ...values) / 1.2, high = Math.max(3, ...values) * 1.2;
    const height = (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low);
    const placed = (points) => points.map(([epoch, value]) => [epoch, height(value)]);
    const drawn = lines.map(({kind, points}) => ({kind, points: placed(points)}));
    return axes({name: "loss per image", epochs, lines: drawn, ticks: lossTicks(low, high, height)});
  }
  function rightAxes(rows, epochs) {
    const points = rows.map(({accuracy}, epoch) => [epoch, accuracy]);
    return axes({name: "held-out accuracy, %", epochs, ticks: rightTicks, lines: [{kind: "held", points}]});
  }

  function plots() {
    const empty = {role: "img", ariaLabel: "Nothing yet"};
    const losses = element("div", empty), right = element("div", empty);
    const key = (kind, words) => element("span", {className: `mgt-key mgt-${kind}`, textContent: words});
    const legend = element("p", {className: "mgt-legend"}, key("batch", "one batch"),
      key("taught", "training images, mean over the epoch"), key("held", "held-out images, after the epoch"));
    const show = ({rows}, dots) => {
      const epochs = Math.max(5, rows.length), {cost, loss, accuracy} = rows.at(-1) ?? {};
      losses.innerHTML = lossAxes(rows, dots, epochs);
      right.innerHTML = rightAxes(rows, epochs);
      const after = rows.length ? `after epoch ${rows.length - 1}` : "nothing yet";
      losses.ariaLabel = `Losses against epochs, ${after}` +
        (rows.length ? `: ${cost === null ? "" : `training ${rounded(cost)}, `}held-out ${rounded(loss)}` : "");
      right.ariaLabel = `Accuracy on held-out images against epochs, ${after}` +
        (rows.length ? `: ${percent(accuracy)}` : "");
    };
    const curves = element("div", {className: "mgt-curves"}, losses, right);
    return {node: element("div", {className: "mgt-graphs"}, curves, legend), show};
  }

  // ---- weights, mistakes, and the answer to a drawing --------------------------------------------------------------

  const heading = (words) => element("p", {className: "mgt-heading", textContent: words});

  function weights() {
    const colours = (value) => between(REACH)(-value);  // red above zero, as in the chapter
    const pictures = Array.from({length: SHOWN}, (_, unit) => picture({name: `unit ${unit}`, colours}));
    const title = heading("Weights of the first ten hidden units: red where ink raises the activation, blue where " +
      `it lowers it; full colour at \u00b1${REACH}, in all pictures.`);
    const sheet = element("div", {className: "mgt-units"}, ...pictures.map((each) => each.node));
    const column = new Float32Array(PIXELS);
    const show = ({net: {w1, b1}, rows}) => pictures.forEach(({paint, text: words}, unit) => {
      for (let i = 0; i < PIXELS; i++) column[i] = w1[i * b1.length + unit];
      words.textContent = `unit ${unit}${rows.at(-1)?.dead.includes(unit) ? ", dead" : ""}`;
      paint(column, `Weights of ${words.textContent}`);
    });
    return {node: element("div", {className: "mgt-weights"}, title, sheet), show};
  }

  function mistakes(names) {
    const title = heading(""), pictures = Array.from({length: WRONG}, () => picture({}));
    const show = ({rows}, held) => {
      const {answers} = rows.at(-1), wrong = [...answers.keys()].filter((k) => answers[k] !== held.digits[k]);
      title.textContent = `${count(wrong.length)} of ${count(held.count)} held-out images are read wrongly` +
        (wrong.length > WRONG ? `. The first ${WRONG}:` : wrong.length ? ":" : ".");
      pictures.forEach(({node, paint, text: words}, k) => {
        node.hidden = k >= wrong.length;
        if (node.hidden) return;
        words.textContent = `${a(names[held.digits[wrong[k]]])}, read as ${names[answers[wrong[k]]]}`;
        paint(held.image(wrong[k]), `Held-out image: ${words.textContent}`);
      });
    };
    const sheet = element("div", {className: "mgt-mistakes"}, ...pictures.map((each) => each.node));
    return {node: element("div", {}, title, sheet), show};
  }

  // A bar for each class and a sentence: what the network makes of an image.
  function answers({names, noun, write}) {
    const rows = names.map((textContent) => {
      const bar = element("b"), number = element("span", {className: "mgt-share"});
      const node = element("li", {}, element("span", {textContent}),
        element("span", {className: "mgt-bar", ariaHidden: "true"}, bar), number);
      return {node, bar, number};
    });
    const list = element("ul", {role: "list", ariaLabel: `Probability of each ${noun}`}, ...rows.map(({node}) => node));
    const says = caption();
    const show = (probabilities, name) => {
      const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
      rows.forEach(({node, bar, number}, digit) => {
        node.classList.toggle("mgt-winner", digit === best);
        bar.style.transform = `scaleX(${probabilities ? probabilities[digit] : 0})`;
        number.textContent = probabilities ? percent(probabilities[digit]) : "\u2013";
      });
      says.say(probabilities ? `The network reads ${a(names[best])}${name}, with ${percent(probabilities[best])}.`
        : `${write}, or take a held-out image: the network above reads it, and again as it learns.`);
    };
    return {nodes: [list, says.node], show};
  }

  // A sheet to draw on, and what the network makes of it. `now()` is {run, images}, null where there are none yet.
  function reading(figure, pen, classes, now) {
    const {names, here} = classes, answer = answers(classes);
    let drawn = {image: null, name: ""};
    const show = () => {
      const {run} = now();
      answer.show(run && drawn.image ? E.read(run.net, drawn.image).probabilities : null, drawn.name);
    };
    const laid = sheet({figure, pen, here, change: (image, sample) => {
      drawn = {image, name: hasLabel(sample) ? ` in a held-out ${names[sample.digit]}` : ""};
      show();
    }});
    const another = () => {
      const {images} = now();
      if (!images) return;
      const k = ((laid.sample?.k ?? -1) + 1) % images.held.count, digit = images.held.digits[k];
      laid.show({k, digit, image: images.held.image(k), name: `Held-out image ${k + 1}: ${a(names[digit])}`});
    };
    const tools = element("div", {className: "mgt-tools"}, ...laid.buttons, button("Held-out image", another));
    const node = element("div", {className: "mgt-reading"}, laid.node, element("div", {}, ...answer.nodes), tools);
    return {node, show};
  }

  // ---- the figure --------------------------------------------------------------------------------------------------

  // The reader's settings in the address, as far as they are among the choices.
  function settingsFrom(state) {
    const given = Object.entries(CHOICES).map(([name, values]) =>
      [name, values.find((value) => String(value) === state?.[name])]);
    return {...DEFAULTS, ...Object.fromEntries(given.filter(([, value]) => value !== undefined))};
  }

  function words({rows, born: {units}, diverged, total}, held) {
    const {cost, loss, accuracy, dead} = rows.at(-1), epochs = rows.length - 1;
    const last = epochs ? `After ${epochs} epoch${epochs > 1 ? "s" : ""}`
      : `Untrained, ${count(total)} images to learn from`;
    const right = `${percent(accuracy)} of ${count(held.count)} held-out images are read rightly`;
    const losses = cost === null ? `Loss ${rounded(loss)} on them`
      : `Loss ${rounded(cost)} on training images, ${rounded(loss)} on these`;
    const idle = dead.length === units ? `All ${units} hidden units are dead: the same answer to every image`
      : `Dead: ${dead.length} of ${units} hidden units`;
    const lower = RATES.findLast((rate) => rate < diverged) ?? RATES[0];
    const trouble = diverged === null ? "" : `Epoch ${epochs + 1} diverged: the loss is no longer finite. ` +
      `Take a rate of ${rounded(lower)} or less. The weights of the last whole epoch are kept. `;
    return `${trouble}${last}: ${right}. ${losses}. ${idle}.`;
  }

  function controlsOf(settings, change) {
    const at = (name) => ({values: CHOICES[name], value: settings[name], change: (value) => change(name, value)});
    return {start: menu({name: "Start", label: (value) => STARTS[value], ...at("start")}),
      units: slider({name: "Hidden units", ...at("units")}), seed: slider({name: "Seed", ...at("seed")}),
      loss: menu({name: "Loss", label: (value) => LOSSES[value], ...at("loss")}),
      rate: slider({name: "Rate", label: rounded, ...at("rate")}), batch: slider({name: "Batch size", ...at("batch")})};
  }
  const fields = (legend, ...controls) =>
    element("fieldset", {}, element("legend", {textContent: legend}), ...controls.map(({node}) => node));

  // Whether the network was born with other settings; a change of those takes effect at once while nothing is trained.
  const isStale = ({born}, settings) => Object.entries(born).some(([name, old]) => settings[name] !== old);
  const isUntrained = ({rows, seen}) => rows.length < 2 && !seen;
  const warning = ({start, units, seed}) => `Press Start over for a new network: ${STARTS[start]}, ${units} hidden ` +
    `units, seed ${seed}. Until then the one below goes on.`;

  // How far the epoch is.
  function progress() {
    const bar = element("progress", {value: 0, max: 1, ariaLabel: "Progress within the epoch"});
    const place = element("span");
    const show = ({rows, seen, total, cost}) => {
      bar.value = seen / total;
      place.textContent = `Epoch ${rows.length || 1}: ${count(seen)} of ${count(total)} images` +
        (Number.isFinite(cost) ? `, loss of the batch ${rounded(cost)}` : "");
    };
    return {node: element("p", {className: "mgt-progress"}, bar, place), show};
  }

  // Adds the loss of the last batch to the dots of the curves, and lets the oldest go.
  function addDot(dots, {rows, seen, total, cost}) {
    const at = (rows.length || 1) - 1 + seen / total;
    if (Number.isFinite(cost) && seen && dots.at(-1)?.[0] !== at) dots.push([at, cost]);
    if (dots.length > DOTS) dots.shift();
  }

  // All that is to be seen of `state`, {images, run}. `show(stopped)` draws what is costly when there is news,
  // and else now and then; with less motion after each epoch only.
  function display(figure, pen, classes, state) {
    const place = progress(), curves = plots(), pictures = weights(), wrong = mistakes(classes.names), says = caption();
    const reader = reading(figure, pen, classes, () => state);
    let told = null, dots = [], shown = 0;
    const show = (stopped) => {
      const {run, images} = state, row = run?.rows.at(-1), news = row !== told || stopped;
      if (!run) return;
      place.show(run);
      addDot(dots, run);
      if (!news && (calm() || performance.now() - shown < PAUSE)) return;
      shown = performance.now();
      for (const view of [curves, pictures, reader]) view.show(run, dots);
      if (!row || !news) return;
      if (row !== told) wrong.show(run, images.held);
      says.say(words(run, images.held));
      told = row;
    };
    const clear = () => { [told, dots] = [null, []]; };
    return {show, clear, say: says.say, nodes: [place.node, says.node, curves.node, pictures.node, wrong.node,
      heading(`Draw a ${classes.thing} for this very network:`), reader.node]};
  }

  // Lets the network of `state` live: `begin(first)` measures a new one, the button plays and pauses, `go("epoch")` and
  // `go("step")` play that far.
  function trainer(figure, state, show) {
    let until = "", stopped = true;
    const goOn = (ends) => () => {
      if (!state.run) return "later";  // the images are still being unpacked
      stopped = ends(state.run.life.next().value);
      return !stopped;
    };
    const measure = goOn((at) => at === "ready");
    const train = goOn((at) => at === "diverged" || (until !== "" && (at === until || at === "epoch")));
    const draw = () => show(stopped);
    const job = player(figure, train, draw, "training"), looker = worker(figure, measure, draw);
    const aim = (what) => {
      until = what;
      looker.pause();
    };
    job.node.addEventListener("click", () => aim(""));
    const go = (what) => {
      aim(what);
      job.start();
    };
    const begin = (first) => {
      if (!first || !job.running) {  // what was pressed while the images were being unpacked goes on
        job.pause();
        looker.start();
      }
      draw();
    };
    return {node: job.node, go, begin};
  }

  function build(figure, data) {
    const settings = settingsFrom(remembered("train")), state = {images: null, run: null};
    const classes = classesOf(figure, data), view = display(figure, data.pen, classes, state);
    const job = trainer(figure, state, view.show);
    const notice = element("p", {className: "mgt-notice", role: "status"});
    const fresh = () => {
      const first = state.images && !state.run;
      state.run = state.images && training(state.images, settings, classes.names.length);
      notice.textContent = "";
      view.clear();
      job.begin(first);
    };
    const reset = () => {
      Object.assign(settings, DEFAULTS);
      for (const [name, value] of Object.entries(DEFAULTS)) controls[name].set(value);
      remember("train", settings);
      fresh();
    };
    const change = (name, value) => {
      settings[name] = value;
      remember("train", settings);
      const stale = state.run && isStale(state.run, settings);
      if (stale && isUntrained(state.run)) fresh();
      else notice.textContent = stale ? warning(settings) : "";
    };
    const unpack = async ({train, held}) => {
      try {
        state.images = {train: await E.imagesOf(train), held: await E.imagesOf(held)};
      } catch {
        return view.say("This browser cannot unpack the images.");
      }
      return fresh();
    };
    const controls = controlsOf(settings, change), {start, units, seed, loss, rate, batch} = controls;
    view.say("Unpacking the images.");
    whenSeen(figure, () => unpack(shared(data.images)));
    figure.training = {get run() { return state.run; }};
    return element("div", {className: "mgt-face"},
      element("div", {className: "mgt-fields"}, fields("A new network", start, units, seed),
        fields("While it runs, too", loss, rate, batch)),
      element("div", {className: "mgt-tools"}, job.node, button("One epoch", () => job.go("epoch")),
        button("One step", () => job.go("step")), button("Start over", fresh),
        button("Reset all", reset)),
      notice, ...view.nodes);
  }

  setUp("train", build);
})();
