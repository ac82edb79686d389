// A player of pictures: native controls choose which of the figure's pictures is shown.
// The script stands in every output; whichever copy runs first sets up each figure, once.
(() => {
  const PAUSE = 700;  // milliseconds between played pictures
  const QUIET = 600;  // milliseconds without a change before a screen reader gets the caption

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    if (["button", "input", "select"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves it the keys
    made.append(...children);
    return made;
  }

  const row = (name, control, ...others) =>
    element("div", {className: "mgt-row"},
      element("label", {}, element("span", {className: "mgt-name", textContent: name}), control), ...others);

  function slider({name, values, at}, choose) {
    const last = values.length - 1;
    const range = element("input", {type: "range", min: 0, max: last, value: at, ariaValueText: values[at]});
    const output = element("output", {textContent: values[at], ariaLive: "off"});
    const play = element("button", {type: "button", className: "mgt-play", textContent: "Play", ariaLabel: `Play ${name}`});
    let timer = 0;
    const show = () => {
      output.textContent = range.ariaValueText = values[range.value];
      choose(+range.value);
    };
    const move = (k) => { range.value = k; show(); };  // the range keeps it between its ends
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      Object.assign(play, {textContent: "Play", ariaLabel: `Play ${name}`});
    };
    const start = () => {
      if (+range.value === last) move(0);
      timer = setInterval(() => {
        move(+range.value + 1);
        if (+range.value === last || !range.isConnected) stop();
      }, PAUSE);
      Object.assign(play, {textContent: "Pause", ariaLabel: `Pause ${name}`});
    };
    const stepper = (textContent, word, by) => {
      const button = element("button", {type: "button", textContent, ariaLabel: `${word} ${name}`});
      button.addEventListener("click", () => { stop(); move(+range.value + by); });
      return button;
    };
    range.addEventListener("input", () => { stop(); show(); });
    play.addEventListener("click", () => timer ? stop() : start());
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return row(name, range, output, stepper("\u2039", "Previous", -1), stepper("\u203a", "Next", 1), ...(calm ? [] : [play]));
  }

  function menu({name, values, at}, choose) {
    const select = element("select", {}, ...values.map((value) => element("option", {textContent: value})));
    select.selectedIndex = at;
    select.addEventListener("change", () => choose(select.selectedIndex));
    return row(name, select);
  }

  function player(figure) {
    const {controls, frames, pictures, texts} = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const image = figure.querySelector("img"), caption = figure.querySelector("figcaption");
    const at = controls.map((control) => control.at);
    let quiet = 0;
    pictures[0] = image.src;
    const show = () => {
      const k = controls.reduce((index, control, i) => index * control.values.length + at[i], 0);
      image.src = pictures[frames[k]];
      image.alt = caption.textContent = texts[k];
      caption.ariaBusy = "true";
      clearTimeout(quiet);
      quiet = setTimeout(() => { caption.ariaBusy = "false"; }, QUIET);
    };
    caption.ariaLive = "polite";
    const rows = controls.map((control, i) => (control.ordered ? slider : menu)(control, (k) => { at[i] = k; show(); }));
    caption.before(element("div", {className: "mgt-controls"}, ...rows));
  }

  for (const figure of document.querySelectorAll(".mgt-explore:not([data-ready])")) {
    figure.dataset.ready = "true";
    player(figure);
  }
})();
