// A graph whose values come one step at a time. The page holds them all; this hides what is still to come.
// The script stands in every output; whichever copy runs first sets up each figure once.
(() => {
  const PAUSE = 900;  // milliseconds between played steps

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    if (/^(button|input)$/.test(tag)) made.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves it the keys
    made.append(...children);
    return made;
  }

  // The node of the step, in the drawing that is shown, comes into view inside the drawing's own box; the page stays.
  function reveal(box, node) {
    if (!node || !box.clientHeight) return;
    const inner = node.getBoundingClientRect(), outer = box.getBoundingClientRect();
    const x = inner.left + inner.width / 2 - outer.left - box.clientWidth / 2;
    const y = inner.top + inner.height / 2 - outer.top - box.clientHeight / 2;
    if (Math.abs(x) > box.clientWidth / 3 || Math.abs(y) > box.clientHeight / 3) box.scrollBy(x, y);
  }

  function stepper(figure) {
    const captions = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const last = captions.length - 1, drawings = [...figure.querySelectorAll(".mgt-drawing")];
    const items = [...figure.querySelectorAll(".mgt-drawing [data-at]")];
    const range = element("input", {type: "range", min: 0, max: last, step: 1, value: last});
    const output = element("output", {}), caption = element("p", {className: "mgt-caption"});
    output.setAttribute("aria-live", "off");
    caption.setAttribute("aria-live", "polite");

    const show = (k, moved = true) => {
      const [phase, text] = captions[k];
      range.value = k;
      range.setAttribute("aria-valuetext", `${k} of ${last}, ${phase}`);
      output.textContent = `${k} of ${last}`;
      caption.replaceChildren(element("strong", {textContent: phase}), ` \u2002${text}`);
      for (const item of items) {
        const at = +item.dataset.at, from = +(item.dataset.from ?? at);
        item.classList.toggle("mgt-later", at > k && from >= k || at > k && item.classList.contains("mgt-node"));
        item.classList.toggle("mgt-now", at === k && k > 0);
      }
      if (moved) for (const box of drawings) box.classList.add("mgt-playable");  // from now on no higher than the window
      if (moved) for (const box of drawings) reveal(box, k && box.querySelector(`.mgt-node[data-at="${k}"]:not(.mgt-constant)`));
    };

    let timer = 0;
    const play = element("button", {type: "button", className: "mgt-play", textContent: "Play", ariaLabel: "Play the steps"});
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      Object.assign(play, {textContent: "Play", ariaLabel: "Play the steps"});
    };
    const advance = () => { if (!range.isConnected || +range.value === last) stop(); else show(+range.value + 1); };
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (+range.value === last) show(0);
      timer = setInterval(advance, PAUSE);
      Object.assign(play, {textContent: "Pause", ariaLabel: "Pause the steps"});
    });
    range.addEventListener("input", () => { stop(); show(+range.value); });
    const button = (text, name, by) => {
      const made = element("button", {type: "button", textContent: text, ariaLabel: name});
      made.addEventListener("click", () => { stop(); show(Math.min(Math.max(+range.value + by, 0), last)); });
      return made;
    };

    const label = element("label", {}, "Step", range);
    const row = element("div", {className: "mgt-controls"}, label, output,
                        button("\u2039", "Previous step", -1), button("\u203a", "Next step", 1), play);
    drawings[0].before(row, caption);
    show(last, false);
  }

  for (const figure of document.querySelectorAll(".mgt-steps:not([data-ready])")) {
    figure.dataset.ready = "true";
    stepper(figure);
  }
})();
