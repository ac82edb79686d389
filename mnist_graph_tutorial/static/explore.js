// A player of pictures: native controls choose which of the figure's pictures is shown.
(() => {
  const {caption, element, menu, setUp, slider} = globalThis.mgtFace;
  const PACE = 700;  // milliseconds between played pictures

  function player(figure, {controls, frames, pictures, texts}) {
    const sheet = figure.querySelector(".mgt-paper"), image = sheet.querySelector("img");
    const at = controls.map((control) => control.at), says = caption("mgt-says", "figcaption");
    pictures[0] = image.src;
    says.node.textContent = image.alt;
    const show = () => {
      const k = controls.reduce((index, {values}, i) => index * values.length + at[i], 0);
      image.src = pictures[frames[k]];
      image.alt = texts[k];
      says.say(texts[k]);
    };
    const rows = controls.map(({name, values, ordered}, i) => (ordered ? slider : menu)({name, figure, pace: PACE,
      values: [...values.keys()], value: at[i], label: (k) => values[k], change: (k) => { at[i] = k; show(); }}).node);
    return element("div", {className: "mgt-face"}, sheet, ...rows, says.node);
  }

  setUp("explore", player);
})();
