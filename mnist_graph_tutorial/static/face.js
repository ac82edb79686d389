// What the figures of a page share: native controls, pictures in ink, work in slices, a state in the page's address.
globalThis.mgtFace = (() => {
  const SIDE = 28, SLICE = 12, QUIET = 600;  // pixels; milliseconds of work before a frame; between two spoken texts

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    if (/^(button|input|select)$/.test(tag)) made.dataset.lmSuppressShortcuts = "true";  // else JupyterLab takes keys
    made.append(...children);
    return made;
  }

  // An element of a drawing; an attribute without a value is left out.
  function svg(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // ---- controls: each is {node, value, set(value)}; `change` is called with a new value that the reader chose -------

  function button(textContent, click, ariaLabel = null) {
    const made = element("button", {type: "button", textContent, ariaLabel});
    made.addEventListener("click", click);
    return made;
  }

  const row = (name, control, ...others) =>
    element("div", {className: "mgt-row"},
      element("label", {}, element("span", {className: "mgt-name", textContent: name}), control), ...others);

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // A list of values, in order: a range, what it stands at, and buttons for one less and one more. Given a `pace`, the
  // milliseconds from one value to the next, and the figure, it has a button that plays them to the end, too.
  function slider({name, values, value, label = String, change, pace = 0, figure = null}) {
    const last = values.length - 1, range = element("input", {type: "range", min: 0, max: last});
    const output = element("output", {ariaLive: "off"});
    const control = {get value() { return values[range.value]; }, range};
    const at = (k) => {
      range.value = k;
      output.textContent = range.ariaValueText = label(control.value);
    };
    const move = (by) => { at(+range.value + by); change(control.value); };  // the range keeps it between its ends
    const played = () => { move(1); return +range.value < last; };
    const job = pace && !calm() ? player(figure, played, () => {}, name, pace) : null;
    const moved = (by) => { job?.pause(); move(by); };
    job?.node.addEventListener("click", () => { if (job.running && +range.value === last) move(-last); });
    range.addEventListener("input", () => moved(0));
    control.set = (wanted) => { job?.pause(); at(Math.max(0, values.indexOf(wanted))); };
    control.node = row(name, range, output, button("\u2039", () => moved(-1), `Previous ${name}`),
      button("\u203a", () => moved(1), `Next ${name}`), ...(job ? [job.node] : []));
    control.set(value ?? values[0]);
    return control;
  }

  function menu({name, values, value, label = String, change}) {
    const select = element("select", {}, ...values.map((each) => element("option", {textContent: label(each)})));
    const control = {
      get value() { return values[select.selectedIndex]; },
      set(wanted) { select.selectedIndex = Math.max(0, values.indexOf(wanted)); },
      node: row(name, select),
    };
    select.addEventListener("change", () => change(control.value));
    control.set(value ?? values[0]);
    return control;
  }

  function tick({name, value = false, change}) {
    const box = element("input", {type: "checkbox", checked: value});
    box.addEventListener("change", () => change(box.checked));
    return {get value() { return box.checked; }, set(wanted) { box.checked = wanted; },
      node: element("label", {className: "mgt-tick"}, box, name)};
  }

  // ---- numbers and words --------------------------------------------------------------------------------------------

  const signed = (value, places) => value.toFixed(places).replace("-", "\u2212").replace(/^\u2212([0.]+)$/, "$1");
  const a = (name) => `${/^[aeiou8]/i.test(name) ? "an" : "a"} ${name}`;
  const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
  const inWords = (number) => WORDS[number] ?? String(number);
  const atStart = (text) => text[0].toUpperCase() + text.slice(1);

  // What the classes of a figure are called: the digits, unless its data has other names; and what one of them is.
  // Where names are long, the figure's style sheet is told how long.
  const TEN = [..."0123456789"];
  function classesOf(figure, data) {
    const names = data.classes ?? TEN, longest = Math.max(...names.map((name) => name.length));
    figure.style.setProperty("--groups", names.length + 2);
    if (longest > 2) {
      figure.classList.add("mgt-named");
      figure.style.setProperty("--name", `${Math.min(0.6 * longest, 7)}em`);
    }
    const digits = names.every((name) => TEN.includes(name));
    return {names, noun: digits ? "digit" : "class", thing: digits ? "digit" : "picture",
      write: digits ? "Write a digit" : "Draw", here: digits ? "Write a digit here" : "Draw here"};
  }
  const percent = (share) =>                               // a network is never certain
    share > 0.9995 && share <= 1 ? ">99.9\u00a0%" : `${(100 * share).toFixed(1)}\u00a0%`;
  const rounded = (value) => {                             // three digits that count
    if (value === 0 || !Number.isFinite(value)) return String(value);
    const [digits, power] = value.toExponential(2).split("e");
    return Math.abs(power) > 4 ? `${+digits}e${+power}` : String(+value.toPrecision(3));
  };

  // A line that says what is to be seen; a screen reader hears it only when it has stood still for a moment.
  function caption(className = "mgt-says", tag = "p") {
    const node = element(tag, {className, ariaLive: "polite"});
    let timer = 0;
    const say = (text) => {
      if (node.textContent === text) return;
      node.textContent = text;
      node.ariaBusy = "true";
      clearTimeout(timer);
      timer = setTimeout(() => { node.ariaBusy = "false"; }, QUIET);
    };
    return {node, say};
  }

  // ---- pictures of numbers ------------------------------------------------------------------------------------------

  // `paint(values, text)` draws numbers on a canvas of that many pixels; `colours` makes red, green, blue, alpha of one
  // number.
  function picture({width = SIDE, height = SIDE, colours = ink, name = ""}) {
    const canvas = element("canvas", {width, height, role: "img", className: "mgt-picture"});
    const text = element("figcaption", {textContent: name});
    const paint = (values, words) => {
      const context = canvas.getContext("2d"), pixels = context.createImageData(width, height);
      values?.forEach((value, k) => pixels.data.set(colours(value), 4 * k));
      context.putImageData(pixels, 0, 0);
      canvas.ariaLabel = words || "nothing yet";
    };
    paint(null, name);
    return {node: element("figure", {className: "mgt-view"}, canvas, text), canvas, text, paint};
  }

  const clip = (value) => Math.min(Math.max(value, 0), 1);
  const ink = (value) => [0, 0, 0, 255 * clip(value)];                                 // 0 paper, 1 ink
  const between = (top) => (value) => (value < 0                                       // red below 0, blue above
    ? [178, 24, 43, 255 * clip(-value / top)] : [33, 102, 172, 255 * clip(value / top)]);

  // ---- work ---------------------------------------------------------------------------------------------------------

  // Work in slices, with a frame after each: `work()` does a little (under 10 ms) and returns whether there is more, or
  // "later" for more in the next frame; `show()` draws. It stands still while the page is hidden (no frames come then)
  // and while `figure` is out of sight or gone. Only the figure holds its worker: one that was replaced is forgotten
  // with all it had. With a `pace`, work is done once in so many milliseconds.
  function worker(figure, work, show, changed = () => {}, pace = 0) {
    const state = {running: false};
    let due = 0, seen = true;
    new IntersectionObserver((entries) => {
      seen = entries.at(-1).isIntersecting;
      wake();
    }).observe(figure);
    const wake = () => {
      if (due || !state.running || !seen || !figure.isConnected) return;
      due = document.hidden ? requestAnimationFrame(next) : setTimeout(slice, pace);
    };
    const next = () => {
      due = 0;
      wake();
    };
    const slice = () => {
      const start = performance.now();
      let more = state.running;
      const goesOn = () => more && more !== "later" && !pace && performance.now() - start < SLICE;
      do { more = more && work(); } while (goesOn());
      show();
      if (!more) state.pause();
      if (pace) next(); else requestAnimationFrame(next);
    };
    const turn = (running) => {
      if (state.running === running) return;
      state.running = running;
      changed(running);
      wake();
    };
    state.start = () => turn(true);
    state.pause = () => turn(false);
    return state;
  }

  // Calls `act` once, when the figure is first seen.
  function whenSeen(figure, act) {
    new IntersectionObserver((entries, observer) => {
      if (!entries.at(-1).isIntersecting) return;
      observer.disconnect();
      act();
    }).observe(figure);
  }

  // A button that says Play or Pause, for a worker.
  function player(figure, work, show, name, pace = 0) {
    const toggle = button("Play", () => (job.running ? job.pause() : job.start()));
    toggle.className = "mgt-play";
    const changed = (running) => {
      toggle.textContent = running ? "Pause" : "Play";
      toggle.ariaLabel = `${toggle.textContent} ${name}`;
    };
    const job = worker(figure, work, show, changed, pace);
    changed(false);
    return Object.assign(job, {node: toggle});
  }

  // ---- the reader's settings in the page's address: #dream=digit:4,start:blank&invert=... ---------------------------

  const inLab = () => document.querySelector(".jp-NotebookPanel, .jp-Notebook") !== null;
  const states = () => new Map(location.hash.slice(1).split("&").filter((part) => part.includes("="))
    .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]));

  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return ""; }  // anybody may have typed it
  };

  // The state of a figure, as texts by name; null where the address has none.
  const shown = new Map();              // the state of each figure of the page, as the address has it
  let asked = "";                       // whose state was found last
  function remembered(name) {
    const text = states().get(name);
    shown.set(name, text);
    if (text === undefined) return null;
    asked = name;
    return Object.fromEntries(text.split(",").map((part) => part.split(":").map(decoded)));
  }

  // A slider moves sixty times a second; Safari allows a hundred new addresses in half a minute, then it throws.
  const PAUSE = 400, REFUSED = 30_000;  // milliseconds from one address to the next; after one that was refused
  const unwritten = new Map();          // what the address does not hold yet
  let pause = 0;

  function write() {
    if (!unwritten.size) return;
    let wait = PAUSE;
    try {
      const kept = [...states()].filter(([name]) => !unwritten.has(name));  // the last is what was used last
      const all = [...kept, ...unwritten].filter(([, text]) => text);
      history.replaceState(null, "", "#" + all.map((pair) => pair.join("=")).join("&"));
      unwritten.clear();
    } catch { wait = REFUSED; }         // the figure goes on without
    clearTimeout(pause);
    pause = setTimeout(() => { pause = 0; write(); }, wait);
  }

  // At once, or after the pause, or when the reader leaves: the last state is always written.
  function remember(name, state) {
    if (inLab()) return;                // there the address is JupyterLab's own
    unwritten.delete(name);             // so that it is the last
    shown.set(name, Object.entries(state).map((pair) => pair.map(encodeURIComponent).join(":")).join(","));
    unwritten.set(name, shown.get(name));
    addEventListener("pagehide", write);  // once, however often it is asked for
    if (!pause) write();
  }

  // An address that somebody shared leads to its figure, the one that was used last; back or anew, readers stay where
  // they were. Other settings in the address of an open page are a new start; back to those that are there is none.
  const HERE = "mgt-here";              // what the history of the tab says of an address that was just entered
  let arrived = null;
  function isNew() {
    if (arrived !== null) return arrived;
    arrived = history.state === HERE || performance.getEntriesByType("navigation")[0]?.type === "navigate";
    if (history.state === HERE) history.replaceState(null, "");
    addEventListener("pagehide", () => { history.scrollRestoration = "auto"; }, {once: true});
    return arrived;
  }
  function lead(figure) {
    const name = asked;
    asked = "";
    if (!name || inLab() || name !== [...states().keys()].at(-1) || !isNew()) return;
    const show = () => figure.scrollIntoView();
    show();
    if (document.readyState !== "complete") addEventListener("load", show, {once: true});
  }
  globalThis.onhashchange ??= () => {
    const isOther = ([name, text]) => shown.has(name) && shown.get(name) !== text;
    if (inLab() || ![...states()].some(isOther)) return;
    history.replaceState(HERE, "");
    history.scrollRestoration = "manual";
    location.reload();
  };

  // ---- setting up ---------------------------------------------------------------------------------------------------

  const parsed = new Map();
  // What several figures of a page share, packed once: `key` is what `data-once` says.
  function shared(key) {
    if (!parsed.has(key)) parsed.set(key, JSON.parse(document.querySelector(`script[data-once="${key}"]`).textContent));
    return parsed.get(key);
  }

  // Sets up each figure of a kind once; its still makes way for the face that `build(figure, data)` returns. Where the
  // page has one copy of the script, figures may follow that are not read yet.
  function setUp(name, build) {
    const each = () => {
      for (const figure of document.querySelectorAll(`.mgt-${name}:not([data-ready])`)) {
        const data = figure.querySelector("script.mgt-data");
        if (!data) continue;  // the end of the figure is still to be read
        figure.dataset.ready = "true";
        const still = figure.querySelector(".mgt-still"), face = build(figure, JSON.parse(data.textContent));
        still.replaceWith(face);
        lead(figure);
      }
    };
    each();
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", each);
  }

  return {element, svg, button, row, slider, menu, tick, calm, a, inWords, atStart, classesOf, signed, percent, rounded,
    caption, picture, ink, between, worker, player, whenSeen, remembered, remember, shared, setUp};
})();
