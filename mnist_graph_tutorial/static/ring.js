// The ring all-reduce, turn by turn: who passes which block on to whom, and what all of them hold then.
(() => {
  const {button, caption, element, remember, remembered, setUp, slider, svg} = globalThis.mgtFace;
  const COUNTS = [2, 3, 4, 5, 6, 7, 8], START = {n: 4, turn: 0}, PACE = 1200;  // milliseconds between played turns

  // What each worker holds at the start and after each turn, as `ring_turns` of chapter 7 has it: parts[worker][block].
  function ringTurns(parts) {
    const n = parts.length, held = [parts];
    for (let turn = 0; turn < 2 * (n - 1); turn++) {
      const before = held[turn], after = before.map((blocks) => [...blocks]);
      for (let worker = 0; worker < n; worker++) {
        const next = (worker + 1) % n, block = blockOf(worker, turn, n);
        after[next][block] = before[worker][block] + (turn < n - 1 ? before[next][block] : 0);
      }
      held.push(after);
    }
    return held;
  }
  // The block that a worker passes on in a turn; turns are counted from 0.
  const blockOf = (worker, turn, n) => (worker - turn + 2 * n) % n;

  const upTo = (n, make) => Array.from({length: n}, (_, k) => make(k));
  const square = (n, cell) => upTo(n, (worker) => upTo(n, (block) => cell(worker, block)));
  const start = (n) => square(n, (worker, block) => 1 + (5 * worker + 7 * block + worker * block) % 9);

  // ---- what is to be seen -------------------------------------------------------------------------------------------

  const CENTRE = 160, RING = 96, OUTSIDE = 130, NODE = 18;
  const place = (angle, radius) =>
    [CENTRE + radius * Math.sin(angle), CENTRE - radius * Math.cos(angle)].map((at) => at.toFixed(1));

  // An arrow along the ring from one worker to the next, and the block that it carries.
  function arrow(worker, turn, n) {
    const angle = (k) => 2 * Math.PI * k / n, room = (NODE + 4) / RING;
    const from = angle(worker) + room, to = angle(worker + 1) - room;
    const [x, y] = place(angle(worker + .5), OUTSIDE), [left, top] = place(to, RING);
    const line = svg("path",
      {d: `M${place(from, RING).join(" ")}A${RING} ${RING} 0 0 1 ${place(to - .06, RING).join(" ")}`});
    const tip = svg("path", {class: "mgt-tip", d: "M0 0L-11 5V-5Z",
      transform: `translate(${left} ${top}) rotate(${180 * to / Math.PI})`});
    if (turn === 0) return svg("g", {}, line, tip);
    const said = svg("text", {x, y: +y + 4}, `block ${blockOf(worker, turn - 1, n)}`);
    return svg("g", {class: "mgt-busy"}, line, tip, said);
  }
  function ring(n, turn) {
    const nodes = upTo(n, (worker) => {
      const [cx, cy] = place(2 * Math.PI * worker / n, RING);
      return svg("g", {}, svg("circle", {cx, cy, r: NODE}), svg("text", {x: cx, y: +cy + 5}, worker));
    });
    return [...nodes.map((_, worker) => arrow(worker, turn, n)), ...nodes];
  }

  // A row for each worker: its blocks, darker the more parts are summed, and what it has sent.
  function table(n, turn) {
    const held = ringTurns(start(n))[turn], summed = ringTurns(square(n, () => 1))[turn];
    const isNew = (worker, block) => turn > 0 && block === blockOf((worker + n - 1) % n, turn - 1, n);
    const cell = (worker, block) => {
      const className = isNew(worker, block) ? "mgt-new" : "";
      const made = element("td", {textContent: held[worker][block], className});
      made.style.setProperty("--share", `${45 * (summed[worker][block] - 1) / (n - 1)}%`);
      return made;
    };
    const head = (text, others = {}) => element("th", {scope: "col", textContent: text, ...others});
    const row = (worker) => element("tr", {}, element("th", {scope: "row", textContent: worker}),
      ...upTo(n, (block) => cell(worker, block)), element("td", {className: "mgt-sent", textContent: `${turn}/${n}`}));
    const over = head("block", {colSpan: n, scope: "colgroup", className: "mgt-over"});
    const top = element("tr", {}, head("worker", {rowSpan: 2}), over, head("sent", {rowSpan: 2}));
    return element("table", {}, element("thead", {}, top, element("tr", {}, ...upTo(n, (block) => head(block)))),
      element("tbody", {}, ...upTo(n, row)));
  }

  function words(n, turn, message) {
    const last = 2 * (n - 1), share = `${turn}/${n} of the vector`;
    if (turn === 0) return `${n} workers, each with numbers of its own in ${n} blocks. Nothing has been sent yet.`;
    const moves = upTo(n, (worker) => `worker ${worker} block ${blockOf(worker, turn - 1, n)}`).join(", ");
    const adding = turn < n ? "which adds it to its own" : "which puts it in place of its own";
    const passed = `Turn ${turn} of ${last}: each worker passes a block on to the next, ${adding} (${moves}). `;
    const whole = turn === n - 1 ? ", and of every block one worker holds the whole sum" : "";
    if (turn < last) return `${passed}Each has sent ${share}${whole}.`;
    return `${passed}All hold the sum. Each has sent ${last} blocks, ${share}, 2(n\u00a0\u2212\u00a01)/n: ` +
      `of ${message.toLocaleString("en")} bytes of gradients ${Math.round(message * last / n).toLocaleString("en")}.`;
  }

  // ---- the figure ---------------------------------------------------------------------------------------------------

  function asked() {
    const {n, turn} = remembered("ring") ?? {}, known = COUNTS.includes(Number(n)) ? Number(n) : START.n;
    const last = 2 * (known - 1), at = Number(turn);
    return {n: known, turn: Number.isInteger(at) && at >= 0 && at <= last ? at : 0};
  }

  function build(figure, {message}) {
    const state = asked(), says = caption(), sums = element("div", {className: "mgt-sums"});
    const viewBox = `0 14 ${2 * CENTRE} ${2 * CENTRE - 28}`;
    const circle = svg("svg", {viewBox, class: "mgt-plot", "aria-hidden": "true"});
    let turns = null;

    function show() {
      circle.replaceChildren(...ring(state.n, state.turn));
      sums.replaceChildren(table(state.n, state.turn));
      says.say(words(state.n, state.turn, message));
    }
    const choose = (changed) => {
      Object.assign(state, changed);
      remember("ring", state);
      show();
    };
    // There are as many turns as the number of workers asks for, so their slider is made anew.
    function renew() {
      const old = turns;
      turns = slider({name: "turn", values: [...Array(2 * state.n - 1).keys()], value: state.turn, figure, pace: PACE,
        label: (turn) => `${turn} of ${2 * (state.n - 1)}`, change: (turn) => choose({turn})});
      old?.set(0);  // it stops playing
      old?.node.replaceWith(turns.node);
    }
    const resize = (n) => { choose({n, turn: 0}); renew(); };
    const count = slider({name: "workers", values: COUNTS, value: state.n, change: resize});
    const reset = button("Reset", () => { count.set(START.n); resize(START.n); });
    figure.ring = {ringTurns, start};
    renew();
    show();
    return element("div", {className: "mgt-face"}, count.node, turns.node,
      element("div", {className: "mgt-pair"}, circle, sums), says.node,
      element("div", {className: "mgt-tools"}, reset));
  }

  setUp("ring", build);
})();
