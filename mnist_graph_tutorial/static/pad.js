// The drawing pad: a trained network of one hidden layer answers to what is drawn.
(() => {
  const {SIDE, bytes, netOf, read} = globalThis.mgtEngine;
  const {fitted, hasLabel, normalise, sheet, samplesFor} = globalThis.mgtDrawing;
  const {inkOf, photoFor} = globalThis.mgtPhoto;
  const {classesOf, element, percent, picture, setUp, shared, signed} = globalThis.mgtFace;

  const plus = (value, places) => (value > 0 ? "+" : "") + signed(value, places);
  const ranked = (logits) => [...logits.keys()].sort((a, b) => logits[b] - logits[a]);  // digits, the likeliest first

  // A row for each class: its name, its logit and its probability.
  function scoreboard(span, {names, noun}) {
    const rows = names.map((name) => {
      const height = element("b"), logit = element("span", {className: "mgt-logit"});
      const bar = element("b"), number = element("span", {className: "mgt-percent"});
      const node = element("li", {className: "mgt-line"}, element("span", {textContent: name}),
        element("span", {className: "mgt-level", ariaHidden: "true"}, height), logit,
        element("span", {className: "mgt-bar", ariaHidden: "true"}, bar), number);
      return {node, height, logit, bar, number};
    });
    const list = element("ul", {role: "list", ariaLabel: `Logit and probability of each ${noun}`},
      ...rows.map((row) => row.node));
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
  function added(unit, digit, hidden, {w2, b2}) {
    return unit === BIAS ? b2[digit] : hidden[unit] * w2[b2.length * unit + digit];
  }

  // A row of bars, one a unit, group by group: up where it adds to the logit of a digit, down where it takes away.
  function strip(groups, net, reach, names) {
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
        const part = answer ? added(unit, digit, answer.hidden, net) : 0, bar = cells[k].bars[i];
        bar.style.transform = `scaleY(${Math.min(Math.max(part / reach, -1), 1)})`;
        bar.className = part < 0 ? "mgt-minus" : "";
        return sum + part;
      }, 0));
      cells.forEach(({sum}, k) => { sum.textContent = answer ? plus(sums[k], Math.abs(sums[k]) < 9.95 ? 1 : 0) : ""; });
      heading.textContent = answer ? `${name}, the ${names[digit]}: logit ${signed(answer.logits[digit], 1)}` : name;
      const parts = groups.map((group, k) => `${group.name} ${plus(sums[k], 1)}`).join(", ");
      node.ariaLabel = !answer ? `${name}: nothing yet` : `What adds to the logit of the ${names[digit]}, ` +
        `${name.toLowerCase()}: ${parts}; together ${signed(answer.logits[digit], 1)}`;
    };
    return {nodes: [heading, node], show};
  }

  // Where the two largest logits come from: the units by the digit they belong to, those that belong to none, the bias.
  function origins(units, net, reach, {names, noun}) {
    const groups = units.map((own, digit) => ({units: own, label: names[digit] ?? "none",
      name: digit < names.length ? `units of the ${names[digit]}` : "units that belong to none"}));
    groups.push({units: [BIAS], label: "bias", name: "bias"});
    const first = strip(groups, net, reach, names), second = strip(groups, net, reach, names);
    const labels = element("div", {className: "mgt-strip mgt-legend", ariaHidden: "true"},
      ...groups.map(({label}) => element("span", {textContent: label})));
    const show = (answer) => {
      const [winner, next] = answer ? ranked(answer.logits) : [];
      first.show(answer, winner, "Winner");
      second.show(answer, next, "Runner-up");
    };
    const title = element("p", {className: "mgt-legend",
      textContent: `What each of the ${units.flat().length} hidden units adds to a logit, ` +
        `by the ${noun} that the unit belongs to:`});
    return {node: element("div", {className: "mgt-origins"}, title, ...first.nodes, ...second.nodes, labels), show};
  }

  // Why to doubt that this is a digit at all; nothing where there is no reason. A logit is small or large for its ink:
  // for the length of the image as a vector.
  function reasonToDoubt(image, logits, limits, thing) {
    const rows = Array.from({length: SIDE}, (_, y) => image.subarray(y * SIDE, (y + 1) * SIDE));
    const high = rows.filter((row) => row.some((value) => value > 0)).length;
    if (high < limits.rows) return `hardly any ${thing} is so low`;
    const [winner] = ranked(logits);
    return logits[winner] / Math.hypot(...image) < limits.logits[winner] ? "a small logit for so much ink" : "";
  }

  function words({logits, probabilities}, sample, names) {
    const [first, second] = ranked(logits);
    const next = `; next comes ${names[second]}, with ${percent(probabilities[second])}`;
    const rival = probabilities[first] < 0.9 ? next : "";
    const place = sample && !hasLabel(sample) ? ` in ${sample.name}` : "";
    const truth = hasLabel(sample) ? `${sample.digit === first ? "Right" : "Wrong"}: this is ${sample.name}.` : "";
    return [names[first], `is what the network reads${place}, with ${percent(probabilities[first])}${rival}. ${truth}`];
  }

  function pad(figure, data) {
    const net = netOf(shared(data.net)), classes = classesOf(figure, data), {names, thing, write, here} = classes;
    const pictures = data.ideals && Float32Array.from(bytes(data.ideals), (value) => value / 255);
    const idealOf = (digit) => pictures.subarray(digit * 784, (digit + 1) * 784);
    const digit = element("strong"), sentence = element("span"), doubt = element("span", {className: "mgt-doubt"});
    const trouble = element("span", {className: "mgt-trouble"});  // with a photo; it goes with the next change
    const verdict = element("p", {className: "mgt-verdict", role: "status"}, digit,
      element("span", {}, sentence, doubt, trouble));
    const seen = picture({name: "what it sees"}), ideal = picture({name: "its ideal"});
    const scores = scoreboard(data.span, classes), parts = origins(data.units, net, data.reach, classes);

    function change(image, sample, drawing) {
      const answer = image && read(net, image);
      const [winner] = answer ? ranked(answer.logits) : [];
      const [name, text] = answer ? words(answer, sample, names)
        : ["", `Nothing is written yet. ${write} with finger, pen or mouse, or take a test image.`];
      seen.paint(image, "what it sees");
      if (pictures) {
        ideal.paint(answer && idealOf(winner), ideal.text.textContent = answer ? `its ideal ${name}` : "its ideal");
      }
      scores.show(answer);
      parts.show(answer);
      digit.textContent = name;
      sentence.textContent = text;
      const reason = answer && reasonToDoubt(image, answer.logits, data.doubt, thing);
      trouble.textContent = "";
      doubt.textContent = reason ? `Doubtful: ${reason}.` : "";
      verdict.classList.toggle("mgt-doubted", Boolean(reason));
      verdict.ariaBusy = String(drawing);  // a screen reader waits until the pen is lifted
    }

    const laid = sheet({figure, pen: data.pen, change, here}), samples = samplesFor(laid, shared(data.samples), names);
    const photo = photoFor(figure, thing, (image) => laid.show({image, name: "your photo"}),
      (text) => { trouble.textContent = `${text}${laid.written ? " The sheet is as it was before." : ""}`; });
    figure.pad = {read: (image) => read(net, image), fitted, normalise, inkOf,
      reasonToDoubt: (image) => reasonToDoubt(image, read(net, image).logits, data.doubt, thing)};
    return element("div", {className: "mgt-face"}, laid.node, verdict,
      element("div", {className: "mgt-views"}, seen.node, ...(pictures ? [ideal.node] : [])),
      element("div", {className: "mgt-tools"}, ...laid.buttons, photo), samples.node, scores.node, parts.node);
  }

  setUp("pad", pad);
})();
