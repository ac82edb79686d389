// When do several workers pay? A step on paper for any number of them, and where the reader expects it to be shortest.
(() => {
  const {button, caption, element, menu, remember, remembered, rounded, setUp, slider, svg} = globalThis.mgtFace;
  const MOST = 64;  // workers

  // ---- the settings, and how they are written -----------------------------------------------------------------------

  // 1, 2, 5, 10 and so on, from one power of ten to another.
  const ladder = (low, high) => {
    const powers = Array.from({length: high - low}, (_, k) => low + k);
    return [...powers.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`))), Number(`1e${high}`)];
  };
  const count = (number) => number.toLocaleString("en");
  const big = (number) => {
    const unit = [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]].find(([least]) => number >= least);
    return unit ? `${rounded(number / unit[0])} ${unit[1]}` : count(number);
  };
  const time = (seconds) => {
    if (seconds === 0) return "0";
    if (seconds < 1e-3) return `${rounded(1e6 * seconds)}\u00a0\u00b5s`;
    return seconds < 1 ? `${rounded(1e3 * seconds)}\u00a0ms` : `${rounded(seconds)}\u00a0s`;
  };
  const workers = (number) => (number === 1 ? "1 worker" : `${number} workers`);

  const SETTINGS = {
    rate: {name: "operations a second", values: ladder(10, 15), label: big},
    bits: {name: "link", values: [1e8, 1e9, 2.5e9, 1e10, 2.5e10, 1e11, 4e11, 3.2e12],
      label: (bits) => `${count(bits / 1e9)} Gbit/s`},
    latency: {name: "latency", values: ladder(-6, -1), label: time},
    batch: {name: "images in a batch", values: ladder(1, 5), label: count},
    guess: {name: "my guess", values: Array.from({length: MOST}, (_, k) => k + 1), label: workers},
  };
  const START = {net: 0, rate: 1e11, bits: 1e10, latency: 5e-5, batch: 1000, guess: 2, look: false};

  // What the address says, as far as it is among the choices.
  function asked(networks) {
    const texts = remembered("pay") ?? {}, state = {...START};
    const lists = {net: [...networks.keys()]};
    for (const [key, {values}] of Object.entries(SETTINGS)) lists[key] = values;
    for (const [key, values] of Object.entries(lists)) {
      if (values.includes(Number(texts[key] ?? NaN))) state[key] = Number(texts[key]);
    }
    return {...state, look: texts.look === "true"};
  }

  // ---- a step on paper, as in chapter 7 -----------------------------------------------------------------------------

  // The seconds of a step: arithmetic, bytes on the link, latencies.
  function partsOf(team, {batch, operations, message, rate, bits, latency}) {
    const arithmetic = batch * operations / rate / team, sent = 2 * (team - 1) / team * message;
    return [arithmetic, sent / (bits / 8), 2 * (team - 1) * latency];
  }
  const stepSeconds = (team, settings) => {
    const [arithmetic, link, latencies] = partsOf(team, settings);
    return arithmetic + link + latencies;
  };

  // The step of every team that has an image for each, the fastest team, and whether a larger one would be faster.
  function teamsOf(settings) {
    const largest = Math.min(MOST, settings.batch), sizes = Array.from({length: largest}, (_, k) => k + 1);
    const seconds = sizes.map((team) => stepSeconds(team, settings));
    const best = seconds.indexOf(Math.min(...seconds)) + 1;
    const rises = best === MOST && settings.batch > MOST && stepSeconds(MOST + 1, settings) < seconds[MOST - 1];
    return {sizes, seconds, speedups: seconds.map((taken) => seconds[0] / taken), best, rises};
  }

  // ---- what is to be seen -------------------------------------------------------------------------------------------

  const WIDE = 480, HIGH = 250, LEFT = 40, RIGHT = 470, TOP = 14, BOTTOM = 208;
  const x = (team) => LEFT + (RIGHT - LEFT) * Math.log2(team) / Math.log2(MOST);
  const path = (points) =>
    points.map(([left, top], k) => `${k ? "L" : "M"}${left.toFixed(1)} ${top.toFixed(1)}`).join("");
  const word = (left, top, text, anchor = "middle", kind = null) =>
    svg("text", {x: left.toFixed(1), y: top.toFixed(1), "text-anchor": anchor, class: kind}, text);

  function axes(y, top) {
    const step = ladder(-1, 2).find((each) => top / each <= 5);
    const marks = Array.from({length: Math.floor(top / step) + 1}, (_, k) => k * step);
    return [
      ...marks.map((mark) => svg("path", {class: "mgt-grid", d: path([[LEFT, y(mark)], [RIGHT, y(mark)]])})),
      ...marks.map((mark) => word(LEFT - 6, y(mark) + 4, rounded(mark), "end")),
      ...[1, 2, 4, 8, 16, 32, 64].map((team) => word(x(team), BOTTOM + 18, team)),
      word((LEFT + RIGHT) / 2, HIGH - 6, "workers"),
      svg("text", {transform: `translate(11 ${(TOP + BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle"},
        "times as fast as one"),
    ];
  }

  // A dot on the curve and a word: above the peak, and for the guess beneath the curve, on the side of the peak.
  const dot = (team, height, kind) => svg("circle", {cx: x(team), cy: height, r: 5, class: kind});
  const peakMark = (team, height, text) => {
    const anchor = team < 3 ? "start" : team > 32 ? "end" : "middle";
    return [dot(team, height, "mgt-peak"), word(x(team), height - 9, text, anchor, "mgt-peak")];
  };
  const guessMark = (team, height, text, before) => [dot(team, height, "mgt-guess"),
    word(x(team) + (before ? 8 : -8), Math.min(height + 16, BOTTOM - 5), text, before ? "start" : "end", "mgt-guess")];

  // The curve, its peak and the guess; before the reader looks, the guess and what would be ideal.
  function drawing({sizes, speedups, best}, guess, look) {
    const peak = speedups[best - 1], top = look ? Math.max(1.25, 1.15 * peak) : 8;
    const y = (value) => BOTTOM - (BOTTOM - TOP) * value / top, own = speedups[guess - 1];
    const ideal = Array.from({length: 61}, (_, k) => top ** (k / 60)).filter((team) => team <= MOST);
    const seen = !look ? [] : [
      svg("path", {class: "mgt-curve", d: path(sizes.map((team, k) => [x(team), y(speedups[k])]))}),
      ...(own && guess !== best ? guessMark(guess, y(own), `my guess: ${rounded(own)}`, guess < best) : []),
      ...peakMark(best, y(peak), `${workers(best)}: ${rounded(peak)}`),
    ];
    const [end, below] = [x(ideal.at(-1)) - 14, y(ideal.at(-1)) + 20];
    const isFree = end > LEFT + 42 && !(look && Math.abs(end - x(best)) < 100 && y(peak) - below < 30);
    return [...axes(y, top), svg("path", {class: "mgt-ideal", d: path(ideal.map((team) => [x(team), y(team)]))}),
      word(end, below, isFree ? "ideal" : "", "end"),
      svg("path", {class: "mgt-own", d: path([[x(guess), TOP], [x(guess), BOTTOM]])}), ...seen];
  }

  const PARTS = ["arithmetic, shared out", "bytes on the link", "latencies"];
  function table(settings, guess, {sizes, best}, look) {
    const teams = !look ? [1] : [...new Set([1, guess, best])].filter((team) => sizes.includes(team));
    const title = (team) => [workers(team), ...(look && team === guess ? ["my guess"] : []),
      ...(look && team === best ? ["fastest"] : [])].join(", ");
    const line = (name, text) => element("tr", {}, element("th", {scope: "row", textContent: name}),
      ...teams.map((team) => element("td", {textContent: text(team)})));
    const head = element("tr", {}, element("th", {scope: "col", textContent: "a step"}),
      ...teams.map((team) => element("th", {scope: "col", textContent: title(team)})));
    return element("table", {}, element("thead", {}, head), element("tbody", {},
      ...PARTS.map((name, k) => line(name, (team) => time(partsOf(team, settings)[k]))),
      line("together", (team) => time(stepSeconds(team, settings))),
      line("images a second", (team) => count(+(settings.batch / stepSeconds(team, settings)).toPrecision(3)))));
  }

  function question({batch, operations, message, bits, latency}, {sizes, seconds}) {
    const reach = sizes.length < MOST ? ` There are images for ${workers(sizes.length)}.` : "";
    return `The arithmetic of a step, ${count(batch)} images of ${big(operations)} operations each, ` +
      `takes one worker ${time(seconds[0])}. The gradients are ${count(message)} bytes; the link carries them in ` +
      `${time(message / (bits / 8))}, and a message takes ${time(latency)} to arrive.${reach} ` +
      "With how many workers is a step shortest? Set your guess, then look.";
  }

  function answer(guess, {sizes, seconds, speedups, best, rises}) {
    const own = speedups[guess - 1], more = rises ? ", and beyond 64 workers the curve goes on rising" : "";
    const most = best === 1
      ? `One worker is fastest: a step takes ${time(seconds[0])} with one and ${time(seconds[1])} with two.`
      : `Fastest with ${workers(best)}: a step takes ${time(seconds[best - 1])}, ` +
        `${rounded(speedups[best - 1])} times as fast as with one${more}.`;
    if (guess === best) return `${most} Just as you guessed.`;
    if (!own) return `${most} Of the ${guess} that you guessed, ${guess - sizes.length} would have no image.`;
    return `${most} Your guess, ${guess}, makes it ${rounded(own)} times.`;
  }

  // ---- the figure ---------------------------------------------------------------------------------------------------

  function pay(figure, {networks}) {
    const state = asked(networks), says = caption();
    const plot = svg("svg", {viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "mgt-plot"});
    const numbers = element("div", {className: "mgt-sums"});
    const settings = () => ({...networks[state.net], ...state});

    function show() {
      const teams = teamsOf(settings());
      const text = state.look ? answer(state.guess, teams) : question(settings(), teams);
      plot.replaceChildren(...drawing(teams, state.guess, state.look));
      plot.setAttribute("aria-label", state.look ? `Times as fast as one worker, for 1 to ${teams.sizes.length}`
        : "Axes for a curve that is still to come.");
      numbers.replaceChildren(table(settings(), state.guess, teams, state.look));
      says.say(text);
      look.textContent = state.look ? "Guess again" : "Look";
    }
    const choose = (key, value) => {
      state[key] = value;
      remember("pay", state);
      show();
    };
    const made = (kind, key, spec) => kind({...spec, value: state[key], change: (value) => choose(key, value)});
    const nets = {name: "network", values: [...networks.keys()], label: (k) => networks[k].name};
    const controls = {net: made(menu, "net", nets)};
    for (const [key, spec] of Object.entries(SETTINGS)) controls[key] = made(slider, key, spec);
    const look = button("Look", () => choose("look", !state.look));
    const reset = button("Reset", () => {
      Object.assign(state, START);
      for (const [key, control] of Object.entries(controls)) control.set(state[key]);
      remember("pay", state);
      show();
    });
    figure.pay = {stepSeconds, teamsOf};
    show();
    return element("div", {className: "mgt-face"}, ...Object.values(controls).map((control) => control.node),
      element("div", {className: "mgt-tools"}, look, reset), says.node, plot, numbers);
  }

  setUp("pay", pay);
})();
