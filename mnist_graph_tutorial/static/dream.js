// Dream: an image descends, step by step, until a network reads in it the digit that the reader asks for.
(() => {
  const {LOSSES, PIXELS, imageGradient, imageStep, netOf, random, read} = globalThis.mgtEngine;
  const {a, button, calm, caption, classesOf, element, menu, percent, picture, player, remember, remembered, rounded,
    setUp, shared, signed, slider, tick, whenSeen} = globalThis.mgtFace;
  const {hasLabel, sheet, samplesFor} = globalThis.mgtDrawing;

  const LAP = 1000;    // steps after which Play rests, as the searches of chapter 5 end, or after the last change
  const HURRY = 50;    // Play takes a step a frame at first, two from this step on, three from twice as many
  const CALM = 500;    // milliseconds between two pictures where less motion is wanted
  const TEN = [...Array(10).keys()];

  const STRENGTHS = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.25, 1];
  const STARTS = {noise: "noise", blank: "a blank sheet", sheet: "a test image or your own"};
  const OBJECTIVES = {post: "post: the loss of 2018", logit: "logit: as high as it goes"};

  // What the reader sets, and what it is at first: the search that opens the chapter.
  const KNOBS = {
    digit: {control: menu, name: "Digit to find", values: TEN, value: 3},  // of the classes there are
    start: {control: menu, name: "Start from", values: Object.keys(STARTS), value: "noise",
      label: (name) => STARTS[name]},
    seed: {control: slider, name: "Noise number", values: TEN, value: 0},
    objective: {control: menu, name: "Objective", values: Object.keys(OBJECTIVES), value: "post",
      label: (name) => OBJECTIVES[name]},
    box: {control: tick, name: "keep pixels in [0, 1]", values: [false, true], value: false},
    rate: {control: slider, name: "Rate", values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], value: 0.1},
    l1: {control: slider, name: "L1", values: STRENGTHS, value: 0},
    l2: {control: slider, name: "L2", values: [...STRENGTHS, 3, 10, 30], value: 0},
    tv: {control: slider, name: "Total variation", values: STRENGTHS, value: 0},
  };

  // Settings from texts by name, which anybody may have typed: what is none of a control's values is left as at first.
  const asked = (knobs, texts) => Object.fromEntries(Object.entries(knobs).map(([key, {values, value}]) =>
    [key, values.find((each) => String(each) === texts?.[key]) ?? value]));

  // The same for the classes that there are: one of ten, or of fewer, under its name.
  function knobsFor({names, noun}) {
    const values = [...names.keys()], value = Math.min(3, names.length - 1);
    const name = noun === "digit" ? KNOBS.digit.name : "Class to find";
    return {...KNOBS, digit: {...KNOBS.digit, name, values, value, label: (digit) => names[digit]}};
  }

  // ---- the search -------------------------------------------------------------------------------------------------

  const topOf = (answer) => answer.indexOf(Math.max(...answer));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const apart = (a, b) => mean(Array.from(a, (value, k) => Math.abs(value - b[k])));

  // Pearson's correlation; 0 where an image is all of one value.
  function correlation(a, b) {
    const deviations = (values) => {
      const middle = mean(values);
      return Array.from(values, (value) => value - middle);
    };
    const dot = (p, q) => p.reduce((sum, value, k) => sum + value * q[k], 0), [p, q] = [deviations(a), deviations(b)];
    const norms = Math.sqrt(dot(p, p)) * Math.sqrt(dot(q, q));
    return norms > 0 ? dot(p, q) / norms : 0;
  }

  function firstImage({start, seed}, drawn) {
    const {uniform} = random(seed);
    if (start === "noise") return Float32Array.from({length: PIXELS}, uniform);
    return start === "sheet" && drawn.image ? Float32Array.from(drawn.image) : new Float32Array(PIXELS);
  }
  function nameOf({start, seed}, drawn) {
    if (start === "noise") return `noise ${seed}`;
    if (start === "blank") return "a blank sheet";
    return drawn.sample?.name ?? (drawn.image ? "your drawing" : "the empty sheet");
  }

  // What each network makes of the image, and since which step it has read the wanted digit without a break.
  function look(search, nets, digit) {
    search.answers = nets.map((net) => read(net, search.image).probabilities);
    search.since = search.answers.map((answer, k) => (topOf(answer) === digit ? search.since[k] ?? search.step : null));
  }
  function begin(nets, start, {digit}) {
    const search = {start, image: start.slice(), step: 0, rest: LAP, since: nets.map(() => null), diverged: false};
    look(search, nets, digit);
    return search;
  }

  const objectiveOf = ({objective, l1, l2, tv}) => ({loss: LOSSES[objective], l1, l2, tv});

  // One step; false, with the image as it was, where the next one would not be of finite numbers.
  function advance(search, nets, settings) {
    const next = search.image.slice(), {rate, box, digit} = settings;
    const {cost} = imageStep(nets[0], next, digit, {rate, box, ...objectiveOf(settings)});
    search.diverged = !Number.isFinite(Math.fround(cost)) || !next.every(Number.isFinite);
    if (search.diverged) return false;
    search.image = next;
    search.step += 1;
    look(search, nets, digit);
    return true;
  }

  // ---- what is to be seen -----------------------------------------------------------------------------------------

  // The chapter's scale of ink (contact_sheets): 17 shades of the root, orange below 0; beyond 1 it is blue.
  function shade(value) {
    if (value > 1) return [0, 114, 178, 255];
    const root = Math.sign(value) * Math.sqrt(Math.min(Math.abs(value), 1));
    const level = (Math.min(Math.floor((root + 1) * 8.5), 16) - 8) / 8;
    return level < 0 ? [213, 94, 0, -255 * level] : [0, 0, 0, 255 * level];
  }
  function key() {
    const roots = Array.from({length: 17}, (_, k) => (k - 8) / 8);
    const texts = ["\u22121", "\u22120.25", "0", "0.25", "1", "> 1"];
    const scale = picture({width: 20, height: 1, colours: shade});
    scale.paint([...roots.map((root) => root * Math.abs(root)), 0, 2, 2], "The scale of ink");
    scale.text.append(...texts.map((textContent) => element("span", {textContent})));
    scale.node.classList.add("mgt-key");
    return scale.node;
  }

  // A row for each class: its name, and its probability by this network and by the second.
  function scoreboard({names, noun}) {
    const cell = () => {
      const bar = element("b"), number = element("span", {className: "mgt-percent"});
      const show = (share, wins) => {
        bar.style.transform = `scaleX(${share})`;
        number.textContent = percent(share);
        for (const each of [bar, number]) each.classList.toggle("mgt-winner", wins);
      };
      return {nodes: [element("span", {className: "mgt-bar", ariaHidden: "true"}, bar), number], show};
    };
    const rows = names.map((textContent) => {
      const cells = [cell(), cell()], name = element("span", {textContent});
      return {cells, node: element("li", {className: "mgt-line"}, name, ...cells.flatMap(({nodes}) => nodes))};
    });
    const legend = element("div", {className: "mgt-line mgt-legend", ariaHidden: "true"}, element("span"),
      element("span", {textContent: "this network"}), element("span", {textContent: "the second"}));
    const ariaLabel = `Probability of each ${noun}, by this network and by the second`;
    const list = element("ul", {role: "list", ariaLabel}, ...rows.map(({node}) => node));
    const show = (answers, wanted) => rows.forEach(({node, cells}, digit) => {
      node.classList.toggle("mgt-wanted", digit === wanted);
      cells.forEach((each, k) => each.show(answers[k][digit], topOf(answers[k]) === digit));
    });
    return {node: element("div", {className: "mgt-scores"}, legend, list), show};
  }

  function verdict(name, answer, digit, since, names) {
    const top = topOf(answer), long = top === digit && since > 0 ? ` since step ${since}` : "";
    return `${name} reads ${a(names[top])} (${percent(answer[top])})${long}`;
  }
  // The loss of 2018 clips probabilities at 1e-10: below that, the wanted digit has no say in its slope.
  function trouble({diverged, step, answers}, {digit, objective}, names) {
    if (diverged) {
      return ` The search diverged in step ${step + 1}: its numbers grew beyond what a computer holds, and the image ` +
        "stays as it was before. Lower the rate or L2, or start over.";
    }
    const lost = objective === "post" && answers[0][digit] < 1e-10;
    return lost ? ` So far from ${a(names[digit])} the loss of 2018 is clipped: its slope knows nothing of the ` +
      `${names[digit]}.` +
      " Try the logit." : "";
  }
  function words(search, settings, name, names) {
    const {answers, since, step, start, image, rest} = search, {digit} = settings;
    const networks = ["This network", "the second"];
    const verdicts = networks.map((each, k) => verdict(each, answers[k], digit, since[k], names)).join("; ");
    const way = step ? `Step ${step} of a search for ${a(names[digit])}, from ${name}.`
      : `A search for ${a(names[digit])}, from ${name}: press Play or Step.`;
    const moved = step ? ` A pixel has changed by ${rounded(apart(image, start))} on average;` +
      ` correlation with the start ${signed(correlation(image, start), 2)}.` : "";
    const rests = step >= rest ? " Here Play rests; press it again to go on." : "";
    return `${way} ${verdicts}.${moved}${rests}${trouble(search, settings, names)}`;
  }

  // The pictures, the numbers and the words: `show` brings them up to the state of a search.
  function display(classes) {
    const pictures = ["start", "image", "change"].map((name) => picture({colours: shade, name}));
    const scores = scoreboard(classes), says = caption(), losses = element("p", {className: "mgt-losses"});
    const show = (search, settings, name, net) => {
      const {start, image, step, answers} = search, change = image.map((value, k) => value - start[k]);
      const texts = [`start: ${name}`, `image at step ${step}`, "image less start"];
      [start, image, change].forEach((values, k) => pictures[k].paint(values, pictures[k].text.textContent = texts[k]));
      const objective = objectiveOf(settings);
      const cost = (terms) => rounded(imageGradient(net, image, settings.digit, terms).cost);
      losses.textContent = `loss ${cost({loss: objective.loss})}, with penalties ${cost(objective)}`;
      scores.show(answers, settings.digit);
      says.say(words(search, settings, name, classes.names));
    };
    const views = element("div", {className: "mgt-views"}, ...pictures.map(({node}) => node));
    return {show, views, says: says.node, scores: element("div", {className: "mgt-made"}, losses, scores.node)};
  }

  // Calls `show` at most once in a while, and once more at the end.
  function seldom(show, pause) {
    let timer = 0;
    return () => { timer ||= setTimeout(() => { timer = 0; show(); }, pause); };
  }

  // ---- the figure -------------------------------------------------------------------------------------------------

  function dream(figure, data) {
    const classes = classesOf(figure, data), {names, here} = classes, knobs = knobsFor(classes);
    const told = remembered("dream"), settings = asked(knobs, told), nets = [], shown = display(classes);
    let drawn = {image: null, sample: null}, search = null, left = 0;

    const show = () => { if (search) shown.show(search, settings, nameOf(settings, drawn), nets[0]); };
    const save = () => {
      const {sample} = drawn;
      const image = hasLabel(sample) ? `${sample.digit}.${sample.k + 1}` : "own";  // that stays in the page
      remember("dream", settings.start === "sheet" ? {...settings, image} : settings);
    };
    const restart = () => {
      if (nets.length < 2) return;  // not unpacked yet
      job.pause();
      search = begin(nets, firstImage(settings, drawn), settings);
      left = 0;
      show();
    };

    // A step a frame at first, so that one can see what the first ones do; more and more after that.
    const still = calm();
    const work = () => {
      if (!search) return false;
      if (search.step >= search.rest) search.rest = search.step + LAP;
      if (!advance(search, nets, settings) || search.step >= search.rest) return false;
      if (still || --left > 0) return true;
      left = 1 + Math.floor(search.step / HURRY);
      return "later";
    };
    const job = player(figure, work, still ? seldom(show, CALM) : show, "the search");
    const step = () => {
      job.pause();
      if (search) advance(search, nets, settings);
      show();
    };

    const laid = sheet({figure, pen: data.pen, here, change: (image, sample) => {
      drawn = {image, sample};
      if (settings.start !== "sheet") return;
      save();
      restart();
    }});
    const samples = samplesFor(laid, shared(data.samples), names);
    const own = element("div", {className: "mgt-own"}, laid.node,
      element("div", {className: "mgt-tools"}, ...laid.buttons), samples.node);

    const arrange = () => {
      own.hidden = settings.start !== "sheet";
      controls.seed.node.hidden = settings.start !== "noise";
    };
    const changed = (name, value) => {
      settings[name] = value;
      arrange();
      if (name === "start" && value === "sheet" && !drawn.image) samples.take(names.length > 9 ? 4 : 0);
      if (name === "digit" && search) {
        search.since = nets.map(() => null);
        look(search, nets, value);
      }
      save();
      if (search) search.rest = Math.max(search.rest, search.step + LAP);
      if (name === "start" || name === "seed") restart();
      else show();
    };
    const controls = Object.fromEntries(Object.entries(knobs).map(([name, {control, ...knob}]) =>
      [name, control({...knob, value: settings[name], change: (value) => changed(name, value)})]));
    const reset = () => {
      Object.assign(settings, asked(knobs, null));
      for (const [name, value] of Object.entries(settings)) controls[name].set(value);
      arrange();
      save();
      restart();
    };

    // The networks are unpacked when the figure is first seen, one at a time.
    whenSeen(figure, async () => {
      for (const name of [data.net, data.second]) {
        await new Promise((done) => setTimeout(done));
        nets.push(netOf(shared(name)));
      }
      restart();
    });

    const sample = settings.start === "sheet" && /^(\d)\.([1-4])$/.exec(told?.image);
    if (sample && +sample[1] < names.length) for (let k = 0; k < +sample[2]; k++) samples.take(+sample[1]);
    arrange();
    figure.dream = {get search() { return search; }, settings};
    const nodes = (...names) => names.map((name) => controls[name].node);
    const buttons = [job.node, button("Step", step), button("Start over", restart), button("Reset all", reset)];
    const first = [...nodes("digit", "start", "seed"), own, ...nodes("objective", "box")];
    return element("div", {className: "mgt-face"}, element("div", {className: "mgt-controls"}, ...first),
      shown.views, key(), element("div", {className: "mgt-tools"}, ...buttons), shown.says,
      element("div", {className: "mgt-controls mgt-live"}, ...nodes("rate", "l1", "l2", "tv")), shown.scores);
  }

  setUp("dream", dream);
})();
