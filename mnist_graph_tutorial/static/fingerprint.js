// Your own fingerprint: what the hidden layer makes of a drawing, beside the mean fingerprints of ten digits, and how
// the logits come about, unit after unit. Units can be looked at and switched off.
(() => {
  const {dense, floats, netOf, read, softmax} = globalThis.mgtEngine;
  const {easel} = globalThis.mgtDrawing, {plot, tens} = globalThis.mgtLines;
  const {between, button, caption, classesOf, element, ink, inWords, percent, picture, remember, remembered, setUp,
    shared, signed, slider, tick} = globalThis.mgtFace;

  // ---- numbers -----------------------------------------------------------------------------------------------------

  const ranked = (values) => [...values.keys()].sort((a, b) => values[b] - values[a]);  // the largest first

  // What the network makes of an image when the activations of some units, a set of numbers, count as zero.
  function answerTo(net, image, off) {
    const hidden = read(net, image).hidden.map((value, unit) => (off.has(unit) ? 0 : value));
    const logits = dense(hidden, net.w2, net.b2);
    return {hidden, logits, probabilities: softmax(logits)};
  }

  const distanceTo = (mean, hidden) =>
    Math.sqrt(mean.reduce((sum, value, unit) => sum + (value - hidden[unit]) ** 2, 0));

  // What a unit adds to each logit: activation times weight.
  const votesOf = (unit, hidden, {w2, b2}) =>
    Array.from(b2, (_, k) => hidden[unit] * w2[b2.length * unit + k]);

  // For each digit the sums from its bias to its logit, adding one unit after the other.
  function runningSums(net, hidden, order) {
    const outputs = net.b2.length;
    return Array.from(net.b2, (bias, digit) => {
      let sum = bias;
      return [sum, ...order.map((unit) => (sum += hidden[unit] * net.w2[outputs * unit + digit]))];
    });
  }

  // ---- the fingerprints, a unit from top to bottom -----------------------------------------------------------------

  const OFF = [196, 106, 0, 150];
  const share = (part) => `${100 * part}%`;

  // A row of activations in one scale of ink, with what stands before and after it.
  function strip(units, top, name, ...after) {
    const colours = (value) => (Number.isNaN(value) ? OFF : ink(value / top));
    const {canvas, paint} = picture({width: units, height: 1, colours});
    canvas.ariaHidden = "true";
    canvas.role = "presentation";
    const node = element("li", {}, element("span", {textContent: name}), canvas, ...after);
    return {node, paint: (values) => paint(values, null)};
  }

  // Ten mean fingerprints with how far each is, and the reader's own.
  function rows(means, order, top, {names, noun}) {
    const lines = means.map((mean, digit) => {
      const bar = element("b"), number = element("span");
      const far = element("span", {className: "mgt-far", ariaHidden: "true"}, bar);
      const {node, paint} = strip(order.length, top, names[digit], far, number);
      paint(order.map((unit) => mean[unit]));
      return {node, bar, number};
    });
    const own = strip(order.length, top, "you", element("span", {className: "mgt-legend", textContent: "distance"}));
    own.node.className = "mgt-own";
    own.node.ariaHidden = "true";
    const list = element("ul", {role: "list", ariaLabel: `Distance to the mean fingerprint of each ${noun}`},
      ...lines.map((line) => line.node), own.node);
    const show = (hidden, distances, off) => {
      const most = distances && Math.max(...distances), nearest = distances && Math.min(...distances);
      lines.forEach(({node, bar, number}, digit) => {
        node.classList.toggle("mgt-nearest", distances !== null && distances[digit] === nearest);
        bar.style.width = share(distances ? distances[digit] / most : 0);
        number.textContent = distances ? distances[digit].toFixed(1) : "\u2013";
      });
      own.paint(hidden && order.map((unit) => (off.has(unit) ? NaN : hidden[unit])));
    };
    return {node: list, show};
  }

  function namesOf(groups, units) {
    let start = 0, left = "-9em";
    const names = groups.flatMap(({name, members}) => {
      if (!members.length) return [];
      left = `max(${share((start + members.length / 2) / units)}, ${left} + var(--gap))`;  // apart enough to be read
      start += members.length;
      const made = element("span", {textContent: name});
      made.style.left = left;
      return [made];
    });
    return element("div", {className: "mgt-names", ariaHidden: "true"}, ...names);
  }

  // Lies over all rows: where groups end, which unit is chosen; a touch chooses one.
  function marks(groups, units, choose) {
    const here = element("b"), node = element("div", {className: "mgt-marks"}, here);
    let end = 0;
    for (const {members} of groups.slice(0, -1)) {
      end += members.length;
      const line = element("i");
      line.style.left = share(end / units);
      node.append(line);
    }
    const touch = ({clientX}) => {
      const {left, width} = node.getBoundingClientRect(), k = Math.floor((clientX - left) / width * units);
      choose(Math.min(Math.max(k, 0), units - 1));
    };
    node.addEventListener("pointerdown", (event) => {
      if (event.button === 0) touch(event);
    });
    node.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) touch(event);
    });
    const show = (k) => {
      here.style.left = share(k / units);
      here.style.width = share(1 / units);
    };
    return {node, show};
  }

  // ---- one unit ----------------------------------------------------------------------------------------------------

  // A weight in colour over the ink that it meets: red raises the activation, blue lowers it.
  function overInk(reach) {
    const colour = between(reach);
    return ([weight, drawn]) => {
      const [red, green, blue, alpha] = colour(-weight);
      const above = 0.85 * alpha / 255, below = 0.55 * drawn * (1 - above);
      const sum = above + below, part = sum && above / sum;
      return [red * part, green * part, blue * part, 255 * sum];
    };
  }

  function lens(net) {
    const units = net.b1.length, inputs = net.w1.length / units;
    const weightsOf = (unit) => Array.from({length: inputs}, (_, i) => net.w1[i * units + unit]);
    let colours = overInk(1);
    const view = picture({colours: (pair) => colours(pair),
      name: "its weights over your ink: red raises, blue lowers"});
    const show = (unit, image) => {
      const weights = weightsOf(unit);
      colours = overInk(Math.max(1e-6, ...weights.map(Math.abs)));
      view.paint(weights.map((weight, i) => [weight, image ? image[i] : 0]),
        `The weights of unit ${unit} over what is drawn`);
    };
    return {node: view.node, show};
  }

  // Ten bars, to the right where the unit adds to a logit, to the left where it takes away.
  function ballot(reach, {names, noun}) {
    const lines = names.map((name) => {
      const bar = element("b"), number = element("span");
      const level = element("span", {className: "mgt-level", ariaHidden: "true"}, bar);
      return {node: element("li", {}, element("span", {textContent: name}), level, number), bar, number};
    });
    const title = element("p", {className: "mgt-legend", textContent: "adds to the logits:"});
    const list = element("ul", {role: "list", ariaLabel: `What the unit adds to the logit of each ${noun}`},
      ...lines.map((line) => line.node));
    const show = (votes) => lines.forEach(({bar, number}, digit) => {
      const vote = votes[digit];
      bar.style.transform = `scaleX(${Math.min(Math.max(vote / reach, -1), 1)})`;
      bar.className = vote < 0 ? "mgt-minus" : "";
      number.textContent = (vote > 0.005 ? "+" : "") + signed(vote, 2);
    });
    return {node: element("div", {className: "mgt-ballot"}, title, list), show};
  }

  // ---- words -------------------------------------------------------------------------------------------------------

  const reads = ({logits, probabilities}, names) => {
    const [winner] = ranked(logits);
    return `${names[winner]}, with ${percent(probabilities[winner])}`;
  };
  function verdict(answer, whole, distances, off, names) {
    const [nearest, next] = ranked(distances.map((distance) => -distance));
    const [now] = ranked(answer.logits), [before] = ranked(whole.logits);
    const told = `The network reads ${reads(answer, names)}. The nearest mean fingerprint is that of the ` +
      `${names[nearest]}, at ${distances[nearest].toFixed(1)}; next comes the ${names[next]}, at ` +
      `${distances[next].toFixed(1)}.`;
    if (!off.size) return told;
    const units = `${off.size} of ${whole.hidden.length} units ${off.size === 1 ? "is" : "are"} off`;
    return `${told} ${units}: with all on it ${now === before ? "reads the same" : `read ${reads(whole, names)}`}.`;
  }

  const added = (vote) => (vote > 0 ? "+" : "") + signed(vote, 2);
  function portrait(unit, group, answer, whole, off, net, {names, noun}) {
    const owner = group === null ? `belongs to no ${noun}` : `belongs to the ${group}`;
    if (!answer) return `Unit ${unit} ${owner}.`;
    const active = whole.hidden[unit], told = `Unit ${unit} ${owner}. Its activation is ${active.toFixed(2)}`;
    if (off.has(unit)) return `${told} and counts as 0: it is switched off.`;
    if (active === 0) return `${told}: it adds nothing to any logit.`;
    const votes = votesOf(unit, answer.hidden, net), order = ranked(votes), [most, least] = [order[0], order.at(-1)];
    return `${told}. It adds most to the ${names[most]} (${added(votes[most])}) and ` +
      `${votes[least] < 0 ? "takes most from" : "least to"} the ${names[least]} (${added(votes[least])}).`;
  }

  // ---- settings in the address -------------------------------------------------------------------------------------

  const numbersIn = (text) => (text ?? "").split(".").filter((part) => /^\d{1,4}$/.test(part)).map(Number);
  const isOff = ({members}, off) => members.length > 0 && members.every((unit) => off.has(unit));

  // Whole groups by their number, other units by theirs.
  function namedOff(groups, off) {
    const whole = groups.flatMap((group, k) => (isOff(group, off) ? [k] : []));
    const theirs = new Set(whole.flatMap((k) => groups[k].members));
    return {groups: whole.join("."), units: [...off].filter((unit) => !theirs.has(unit)).join(".")};
  }
  function offFrom(state, groups, units) {
    const single = numbersIn(state?.units).filter((unit) => unit < units);
    return new Set([...single, ...numbersIn(state?.groups).flatMap((k) => groups[k]?.members ?? [])]);
  }

  // ---- the figure --------------------------------------------------------------------------------------------------

  function fingerprint(figure, data) {
    const net = netOf(shared(data.net)), units = net.b1.length, order = data.groups.flat();
    const classes = classesOf(figure, data), {names, noun, write, here} = classes, count = inWords(names.length);
    const groups = data.groups.map((members, k) => ({members, name: names[k] ?? "none"}));
    const all = floats(data.means);
    const means = names.map((_, k) => all.subarray(k * units, (k + 1) * units));
    const groupOf = new Map(data.groups.flatMap((members, k) => members.map((unit) => [unit, names[k] ?? null])));
    const state = remembered("fingerprint"), off = offFrom(state, groups, units);
    let image = null, answer = null, whole = null;

    const says = caption("mgt-says mgt-verdict"), tells = caption();
    const near = element("strong", {ariaHidden: "true"});  // the verdict in short, beside what changes it
    const table = rows(means, order, data.top, classes), sums = plot({names}), view = lens(net);
    const votes = ballot(data.reach, classes);
    const ownerOf = (unit) => (groupOf.get(unit) === null ? "none" : `the ${groupOf.get(unit)}`);
    const chosen = () => { showUnit(); keep(); };
    const choose = (unit) => { chooser.set(unit); chosen(); };
    const chooser = slider({name: "unit", values: order, label: (unit) => `${unit}, of ${ownerOf(unit)}`,
      value: Number(state?.unit), change: chosen});
    const touched = marks(groups, units, (k) => choose(order[k]));
    touched.node.addEventListener("click", () => chooser.range.focus({preventScroll: true}));  // for the arrow keys
    const turn = (some, on) => {
      for (const unit of some) if (on) off.delete(unit); else off.add(unit);
      show();
      keep();
    };
    const ticks = groups.map((group) => tick({name: group.name, value: true, change: (on) => turn(group.members, on)}));
    const one = button("", () => turn([chooser.value], off.has(chooser.value)));
    const strongest = button("Strongest unit", () => {
      if (!answer) return;
      const [winner] = ranked(answer.logits);
      choose(ranked(answer.hidden.map((value, unit) => value * net.w2[names.length * unit + winner]))[0]);
    }, "Strongest unit: choose the one that adds most to the winner");

    function showUnit() {
      const unit = chooser.value;
      touched.show(order.indexOf(unit));
      view.show(unit, image);
      votes.show(answer ? votesOf(unit, answer.hidden, net) : Array(names.length).fill(0));
      one.textContent = off.has(unit) ? "Switch it on" : "Switch it off";
      one.ariaLabel = `${one.textContent}: unit ${unit}`;
      tells.say(portrait(unit, groupOf.get(unit), answer, whole, off, net, classes));
    }
    function showSums() {
      const lines = runningSums(net, answer ? answer.hidden : new Float64Array(units), order);
      const [first, second] = answer ? ranked(answer.logits) : [null, null];
      const end = (digit) => `${names[digit]} ends at ${signed(answer.logits[digit], 1)}`;
      const words = `Running sums of ${count} logits${answer ? `: ${end(first)}, ${end(second)}` : ""}`;
      sums.show({lines, ...tens(lines), place: (k) => k / units, first, second, words});
    }
    function show() {
      answer = image && answerTo(net, image, off);
      whole = image && off.size ? answerTo(net, image, new Set()) : answer;
      const distances = answer && means.map((mean) => distanceTo(mean, answer.hidden));
      table.show(answer && answer.hidden, distances, off);
      ticks.forEach((each, k) => { each.set(!isOff(groups[k], off)); });
      says.say(answer ? verdict(answer, whole, distances, off, names)
        : `Nothing is written. ${write} with finger, pen or mouse, or take a test image.`);
      near.textContent = answer ? `reads ${reads(answer, names)}` : "";
      showSums();
      showUnit();
    }
    function change(newImage) {
      image = newImage;
      show();
      if (drawn.touched) keep();
    }
    const keep = () =>
      remember("fingerprint", {sample: drawn.named(), unit: chooser.value, ...namedOff(groups, off)});
    const samples = shared(data.samples), start = state?.sample;
    const drawn = easel({figure, pen: data.pen, samples, names, here, start, change});
    const reset = () => {
      off.clear();
      chooser.set(order[0]);
      drawn.reset();
      keep();
    };

    figure.fingerprint = {order, answerTo: (pixels, some) => answerTo(net, pixels, new Set(some)),
      distances: (hidden) => means.map((mean) => distanceTo(mean, hidden)),
      sums: (hidden) => runningSums(net, hidden, order)};
    show();
    return element("div", {className: "mgt-face"},
      element("div", {className: "mgt-easel"}, drawn.sheet, element("div", {className: "mgt-side"}, says.node,
        element("div", {className: "mgt-tools"}, ...drawn.tools, button("Reset", reset)), drawn.samples)),
      element("p", {className: "mgt-legend", textContent: `Mean activations of each ${noun}, and yours: a unit ` +
        `stands in one place from top to bottom, with the ${noun} it belongs to; orange is switched off, ` +
        "framed the unit that is chosen below. Under them the running sums from biases to logits."}),
      element("div", {className: "mgt-panels"}, table.node, namesOf(groups, units), sums.node, touched.node),
      element("div", {className: "mgt-ticks-row mgt-tools", role: "group", ariaLabel: "Groups of units that are on"},
        element("span", {textContent: "Units on:"}), ...ticks.map((each) => each.node),
        button("All on", () => turn(order, true)), near),
      chooser.node, element("div", {className: "mgt-tools"}, strongest, one), tells.node,
      element("div", {className: "mgt-unit"}, view.node, votes.node));
  }

  setUp("fingerprint", fingerprint);
})();
