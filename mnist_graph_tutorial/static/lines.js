// A small plot of lines: one a digit, or a class, with two of them in colour, or only one.
globalThis.mgtLines = (() => {
  const {element, signed} = globalThis.mgtFace, WIDE = 1000, HIGH = 100;

  function drawn(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // Points joined by lines, with a gap where a value is not a number.
  function path(values, place, height) {
    let text = "", pen = "M";
    values.forEach((value, k) => {
      if (Number.isNaN(value)) pen = "M";
      else text += `${pen}${(WIDE * place(k)).toFixed(1)} ${height(value).toFixed(2)}`;
      if (!Number.isNaN(value)) pen = "L";
    });
    return text;
  }

  // The names of two lines at their ends, apart enough to be read.
  function apart(first, second, least) {
    const middle = (first + second) / 2, half = Math.max(Math.abs(first - second), least) / 2;
    return first <= second ? [middle - half, middle + half] : [middle + half, middle - half];
  }

  // `show({lines, low, high, place, first, second, words})` draws as many arrays of numbers from `low` to `high`:
  // `place(k)` is where point k lies, from 0 to 1; `first` and `second` are the lines in colour, or null. They have
  // their `names` at their ends. `mark(x)` draws an upright line there; `written` makes texts of heights.
  function plot({names = [...Array(10).keys()], written = (value) => signed(value, 0)} = {}) {
    const curves = names.map(() => drawn("path"));
    const zero = drawn("line", {x1: 0, x2: WIDE}), here = drawn("line", {class: "mgt-here", y1: 0, y2: HIGH});
    const group = drawn("g", {}, ...curves), viewBox = `0 0 ${WIDE} ${HIGH}`;
    const svg = drawn("svg", {viewBox, preserveAspectRatio: "none", role: "img"}, zero, group, here);
    const ticks = element("span", {className: "mgt-ticks", ariaHidden: "true"});
    const ends = element("span", {className: "mgt-ends", ariaHidden: "true"});
    const label = (textContent, height, className = "") => {
      const made = element("span", {textContent, className});
      made.style.top = `${height}%`;
      return made;
    };

    function show({lines, low, high, place, first, second, words}) {
      const height = (value) => HIGH * (high - value) / (high - low);
      lines.forEach((values, k) => {
        curves[k].setAttribute("d", path(values, place, height));
        curves[k].setAttribute("class", k === first ? "mgt-first" : k === second ? "mgt-second" : "");
      });
      for (const k of [second, first]) if (k !== null) group.append(curves[k]);  // on top
      zero.setAttribute("y1", height(0));
      zero.setAttribute("y2", height(0));
      const heights = new Set([high, ...(low < 0 && high > 0 ? [0] : []), low]);
      ticks.replaceChildren(...[...heights].map((value) => label(written(value), height(value))));
      const shown = [first, second].filter((k) => k !== null && Number.isFinite(lines[k].at(-1)));
      const at = shown.map((k) => height(lines[k].at(-1)));
      const tops = at.length === 2 ? apart(...at, 12) : at;
      ends.replaceChildren(...shown.map((k, n) => label(names[k], tops[n], k === first ? "mgt-first" : "mgt-second")));
      svg.setAttribute("aria-label", words);
    }
    const mark = (x) => ["x1", "x2"].forEach((end) => here.setAttribute(end, WIDE * x));
    return {node: element("div", {className: "mgt-lines"}, ticks, svg, ends), show, mark};
  }

  // From a whole ten below all numbers to a whole ten above.
  function tens(lines) {
    const all = lines.flat().filter(Number.isFinite);
    return {low: 10 * Math.floor(Math.min(0, ...all) / 10), high: 10 * Math.ceil(Math.max(1, ...all) / 10)};
  }

  return {plot, tens};
})();
