// A graph whose values come one step at a time. The drawing holds all values to begin with; this hides what is still
// to come. Where the graph can run in the page, the reader may change what comes in, and everything is computed anew.
(() => {
  const {button, caption, element, remember, remembered, rounded, setUp, slider} = globalThis.mgtFace;
  const {changes, isWhole, run, textOf, whyNot, written} = globalThis.mgtGraph;
  const PACE = 900;  // milliseconds between played steps
  const FEW = 16;    // numbers of a tensor that has fields
  const TRAIL = 6;   // results that are told
  const WIDE = 5;    // steps that the plot of results has room for at first

  // ---- the drawing --------------------------------------------------------------------------------------------------

  // The node of the step, in the drawing that is shown, comes into view inside the drawing's own box; the page stays.
  function reveal(box, node) {
    if (!node || !box.clientHeight) return;
    const inner = node.getBoundingClientRect(), outer = box.getBoundingClientRect();
    const x = inner.left + inner.width / 2 - outer.left - box.clientWidth / 2;
    const y = inner.top + inner.height / 2 - outer.top - box.clientHeight / 2;
    if (Math.abs(x) > box.clientWidth / 3 || Math.abs(y) > box.clientHeight / 3) box.scrollBy(x, y);
  }

  function showStep(boxes, k) {
    for (const item of boxes.flatMap((box) => [...box.querySelectorAll("[data-at]")])) {
      const at = +item.dataset.at, from = +(item.dataset.from ?? at);
      item.classList.toggle("mgt-later", at > k && (from >= k || item.classList.contains("mgt-node")));
      item.classList.toggle("mgt-now", at === k && k > 0);
    }
  }

  // A text that has grown too long for its node is set closer.
  function fit(text) {
    const room = text.parentNode.querySelector("path").getBBox().width - 8;
    text.removeAttribute("textLength");
    if (room <= 0 || text.getComputedTextLength() <= room) return;  // not shown, or short enough
    text.setAttribute("textLength", room);
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
  function write(boxes, texts, pictures) {
    for (const box of boxes) {
      box.querySelectorAll(".mgt-node:not(.mgt-inside *)").forEach((node, k) => {
        const text = node.querySelector("text.mgt-value"), image = node.querySelector("image.mgt-value");
        if (text) text.textContent = texts[k];
        if (text) fit(text);
        if (image) image.style.display = pictures[k] ? "" : "none";
        if (image && pictures[k]) image.setAttribute("href", pictures[k]);
      });
    }
  }

  // ---- pictures of many numbers, as graph_values.py makes them ------------------------------------------------------

  const COLOURS = [[0, 114, 178], [255, 255, 255], [213, 94, 0]];  // -1 blue, 0 white, 1 orange
  function colourOf(share) {
    const [from, to, way] = share < 0 ? [COLOURS[1], COLOURS[0], -share] : [COLOURS[1], COLOURS[2], share];
    return from.map((channel, k) => Math.round(channel + way * (to[k] - channel)));
  }
  function rowsOf({shape, data}) {
    const columns = shape.length > 1 ? shape.at(-1) : data.length, side = Math.round(Math.sqrt(data.length));
    const square = columns === data.length && side * side === data.length && side >= 8;
    return square ? [side, side] : [data.length / columns, columns];
  }
  function pictureOf(x) {
    const top = x.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (x.data.length <= 6 || !Number.isFinite(top) || x.data.every((value) => value === x.data[0])) return "";
    const [rows, columns] = rowsOf(x), [high, wide] = [Math.min(rows, 28), Math.min(columns, 36)];
    const pick = (k, shown, all) => (shown > 1 ? Math.round(k * (all - 1) / (shown - 1)) : 0);
    const canvas = element("canvas", {width: wide, height: high}), context = canvas.getContext("2d");
    const pixels = context.createImageData(wide, high);
    for (let k = 0; k < wide * high; k++) {
      const row = pick(Math.floor(k / wide), high, rows), column = pick(k % wide, wide, columns);
      pixels.data.set([...colourOf(x.data[row * columns + column] / top), 255], 4 * k);
    }
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  }

  // ---- words --------------------------------------------------------------------------------------------------------

  // The caption of a step: pieces of text, and gaps for the values of nodes.
  function captionOf(pieces, texts) {
    return pieces.map((piece) => {
      if (typeof piece === "string") return piece;
      const [k, name, after] = piece, long = texts[k].includes("\u2026");
      return long && name ? name : texts[k] + (long ? after : "");
    }).join("");
  }
  const plainly = (value) => {  // the shortest text of a float32
    for (let figures = 6; figures < 10; figures++) {
      if (Math.fround(value.toPrecision(figures)) === value) return String(+value.toPrecision(figures));
    }
    return String(value);
  };
  const partName = (name, shape, k) => {
    if (!shape.length) return name;
    if (shape.length === 1) return `${name}, entry ${k + 1}`;
    const at = [];
    shape.reduceRight((rest, size) => { at.unshift(rest % size + 1); return Math.floor(rest / size); }, k);
    return shape.length === 2 ? `${name}, row ${at[0]}, column ${at[1]}` : `${name}, entry ${at.join(", ")}`;
  };

  // ---- fields -------------------------------------------------------------------------------------------------------

  const LARGEST = {int32: 2 ** 31, int8: 128, uint8: 256, int64: 2 ** 53};
  const isNumber = (text, type) => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value)) return false;
    if (!isWhole({type})) return true;
    return Number.isInteger(value) && Math.abs(value) < LARGEST[type] && (type !== "uint8" || value >= 0);
  };

  function field(type, name, change) {
    const made = type === "bool" ? element("input", {type: "checkbox", ariaLabel: name})
      : element("input", {type: "number", step: isWhole({type}) ? 1 : "any", ariaLabel: name});
    made.addEventListener(type === "bool" ? "change" : "input", change);
    return made;
  }
  // The fields of one tensor: `set(tensor)` fills them; `read()` makes a tensor of them, or says which of them has no
  // number.
  function fieldsOf({name, type, shape, variable}, change) {
    const count = shape.reduce((product, size) => product * size, 1);
    const all = Array.from({length: count}, (_, k) => field(type, partName(name, shape, k), () => change()));
    const grid = element("div", {className: "mgt-entries"}, ...all);
    const widest = variable ? "8rem" : "5rem";  // a step leaves more digits than a reader types
    grid.style.gridTemplateColumns = `repeat(${shape.at(-1) ?? 1}, minmax(3.2rem, ${widest}))`;
    const node = element("fieldset", {}, element("legend", {textContent: name, title: variable ? "variable" : "input"}),
        grid);
    const set = (x) => all.forEach((each, k) => {
      if (type === "bool") each.checked = x.data[k];
      else each.value = Number.isFinite(x.data[k]) ? plainly(x.data[k]) : "";
      each.placeholder = Number.isFinite(x.data[k]) ? "" : String(x.data[k]);
    });
    const read = (now) => {
      const isBad = ({placeholder, value}) => type !== "bool" && !placeholder && !isNumber(value, type);
      for (const each of all) each.ariaInvalid = String(isBad(each));
      const bad = all.find(isBad);
      const values = all.map((each, k) =>
          (type === "bool" ? each.checked : each.value === "" ? now.data[k] : each.value));
      return bad ? {bad: bad.ariaLabel} : {tensor: written({type, shape, values})};
    };
    return {node, set, read};
  }

  // ---- a graph that runs --------------------------------------------------------------------------------------------

  const resultOf = ({results}) => results.find(([label]) => label.startsWith("returns"))?.[1];

  // What the graph returned, against steps taken: for each a text and a number. Unseen until there is a step to plot.
  function course() {
    const written = (value) => rounded(value).replace("-", "\u2212");
    const lines = globalThis.mgtLines.plot({names: [""], written}), ends = element("div", {className: "mgt-across"});
    const title = element("p", {textContent: "What the graph returns, against steps taken."});
    const node = element("div", {className: "mgt-course", hidden: true}, title, lines.node, ends);
    ends.ariaHidden = "true";
    const show = (told) => {
      const numbers = told.map(({number}) => (Number.isFinite(number) ? number : NaN));
      const finite = numbers.filter(Number.isFinite), low = Math.min(0, ...finite), high = Math.max(low, ...finite);
      const steps = told.length - 1, last = Math.max(WIDE, steps);
      const change = `${told[0].text} at first, ${told[steps].text} after ${steps}`;
      node.hidden = !steps;
      lines.show({lines: [numbers], low, high: high > low ? high : low + 1, place: (k) => k / last,
        first: 0, second: null, words: `What the graph returns, against steps taken: ${change}.`});
      ends.replaceChildren(...[0, "steps taken", last].map((textContent) => element("span", {textContent})));
    };
    return {node, show};
  }

  // What came out, after how many steps, and where the first number is that is none. `past`: results of steps before.
  function outcome(data, found, texts, past) {
    const odd = found.findIndex((x) => x && !isWhole(x) && x.data.some((value) => !Number.isFinite(value)));
    const trail = past.slice(-TRAIL).map(({text}) => text).join(", ");
    const before = (k) => (k === resultOf(data) && past.length ? ` (before: ${trail})` : "");
    const results = data.results.map(([label, k]) => `${label} ${texts[k]}${before(k)}`).join("; ");
    const steps = `After ${past.length} more step${past.length === 1 ? "" : "s"}`;
    const trouble = odd < 0 ? "" : ` Not a finite number first at ${data.names[odd]}: ${texts[odd]}.`;
    return `${past.length ? steps : "Computed in this page"}: ${results}.${trouble}`;
  }

  // The reader's numbers as texts by name, where they are not those of the start; and what such texts say of a tensor.
  function stateOf(fields, feeds, now, start) {
    const isNew = (k) => now[k].data.some((value, n) => !Object.is(value, start[k].data[n]));
    const numbers = feeds.flatMap(({name}, k) =>
      (fields[k] && isNew(k) ? [[name, [...now[k].data].map(plainly).join(";")]] : []));
    return Object.fromEntries(numbers);
  }
  function fromState(text, {type, shape}, now) {
    const values = text?.split(";");
    const fits = values?.length === now.data.length && values.every((value) => isNumber(value, type));
    return fits ? written({type, shape, values}) : now;
  }

  function running(data, program, show) {
    const {feeds} = program, start = feeds.map(written), key = `graph-${data.name}`, says = caption();
    const isOpen = ({name}, k) => name && data.places.includes(k) && start[k].data.length <= FEW;
    const fields = feeds.map((feed, k) => (isOpen(feed, k) ? fieldsOf(feed, () => change()) : null));
    const result = resultOf(data), another = changes(program) ? [button("Another step", () => step())] : [];
    const plot = another.length && /^[^[\u2026]+$/.test(data.texts[result] ?? "") ? course() : null;
    let now = start, after = null, past = [], latest = null;  // `latest`, and each of `past`: {text, number}

    function compute() {
      const done = run(program, now), valueOf = (k) => (k < now.length ? now[k] : done.tensors[k]);
      const found = data.places.map((k) => (k === null ? null : valueOf(k)));
      const texts = found.map((x) => (x ? textOf(x) : ""));
      after = done.after;
      latest = {text: texts[result] ?? "", number: found[result]?.data.length === 1 ? +found[result].data[0] : NaN};
      plot?.show([...past, latest]);
      show(texts, found.map((x) => (x ? pictureOf(x) : "")));
      says.say(outcome(data, found, texts, past));
    }
    function attempt() {
      try {
        compute();
        remember(key, stateOf(fields, feeds, now, start));
      } catch (error) {
        after = null;
        says.say(`With these numbers the graph does not run: ${error.message}. The values are those of before.`);
      }
      return after !== null;
    }
    function change() {
      const read = fields.map((each, k) => each?.read(now[k]) ?? {tensor: now[k]});
      const {bad} = read.find((each) => each.bad) ?? {};
      if (bad) return says.say(`${bad}: a number is missing, or too large. The values are those of before.`);
      [now, past] = [read.map((each) => each.tensor), []];
      return attempt();
    }
    function go(tensors, before) {
      [now, past] = [tensors, before];
      fields.forEach((each, k) => each?.set(now[k]));
      return attempt();
    }
    const step = () => (after || attempt()) && go(after, [...past, latest]);
    function restore() {
      const state = remembered(key) ?? {}, textOfFeed = (k) => fields[k] && state[feeds[k].name];
      const tensors = feeds.map((feed, k) => fromState(textOfFeed(k), feed, start[k]));
      fields.forEach((each, k) => each?.set(start[k]));
      if (tensors.some((each, k) => each !== start[k])) go(tensors, []);
    }

    const shown = fields.filter(Boolean);
    if (!shown.length && !another.length) return {nodes: [], restore() {}};
    says.say("Change a number, and everything is computed anew, in this page.");
    const buttons = element("div", {className: "mgt-tools"}, ...another, button("Reset", () => go(start, [])));
    const node = element("div", {className: "mgt-tensors"}, ...shown.map((each) => each.node), buttons);
    return {nodes: [node, says.node, ...(plot ? [plot.node] : [])], restore};
  }

  // ---- the figure ---------------------------------------------------------------------------------------------------

  function stepper(figure, data) {
    const sheet = figure.querySelector(".mgt-still > .mgt-graph");
    const boxes = [...sheet.querySelectorAll(":scope > .mgt-drawing")];
    const line = element("p", {className: "mgt-caption", ariaLive: "polite"}), last = data.captions.length - 1;
    let texts = data.texts;

    const show = (k) => {
      const [phase, ...pieces] = data.captions[k];
      steps.range.ariaValueText = `${k} of ${last}, ${phase}`;
      line.replaceChildren(element("strong", {textContent: phase}), ` \u2002${captionOf(pieces, texts)}`);
      showStep(boxes, k);
    };
    const change = (k) => {
      show(k);
      for (const box of boxes) box.classList.add("mgt-playable");  // from now on no higher than the window
      for (const box of boxes) reveal(box, k && box.querySelector(`.mgt-node[data-at="${k}"]:not(.mgt-constant)`));
    };
    const steps = slider({name: "step", figure, pace: PACE, values: [...data.captions.keys()], value: last,
      label: (k) => `${k} of ${last}`, change});
    const renew = (found, pictures) => {
      data.texts = texts = found;
      write(boxes, texts, pictures);
      show(steps.value);
    };
    const trouble = whyNot(data.program);
    const told = `This graph's values were computed in Python: ${trouble}.`;
    const live = trouble ? {nodes: [element("p", {className: "mgt-says", textContent: told})], restore() {}}
      : running(data, data.program, renew);
    show(last);
    sheet.prepend(...live.nodes, steps.node, line);
    live.restore();
    const fitAll = () => sheet.querySelectorAll("text.mgt-value").forEach(fit);
    new ResizeObserver(fitAll).observe(sheet);  // it may show the other drawing now
    return sheet;
  }

  setUp("steps", stepper);
})();
