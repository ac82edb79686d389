// Boxes of a graph's drawing that open in place. Nothing is laid out anew: the drawing is pulled apart where a box
// grows, like a print on rubber, so that all else keeps its order and no line comes to lie on a node.
globalThis.mgtUnfold = (() => {
  const {svg: made} = globalThis.mgtFace;
  const EDGE = 12, APART = 24, TITLE = 20;  // pixels: around what is in a box, between parts, above each
  const SIDE = 640;                         // parts that are no wider stand side by side
  const MARGIN = 8, LEGEND = 24, LEAST = 330, DIGIT = 6.7;   // as graph_drawing.py has them

  // ---- reading what graph_drawing.py wrote --------------------------------------------------------------------------

  const numbers = (text) => (text.match(/-?[\d.]+/g) ?? []).map(Number);
  const commands = (d) => [...d.matchAll(/([A-Z])([^A-Z]*)/g)].map(([, kind, text]) => [kind, numbers(text)]);

  // Half the width and half the height of an outline, which lies around (0, 0); a drum bulges at both ends.
  function halves(d) {
    const half = {w: 0, h: 0};
    for (const [kind, values] of commands(d)) {
      const [x, y] = values.slice(-2), bulge = kind === "A" ? values[1] : 0;
      if (kind === "A") values.splice(0, 5, x, y);
      values.forEach((value, k) => {
        const isDown = kind === "V" || (kind !== "H" && k % 2), way = isDown ? "h" : "w";
        half[way] = Math.max(half[way], Math.abs(value) + (isDown ? bulge : 0));
      });
    }
    return half;
  }

  // Where a line begins, and the pieces that lead it from row to row: `x` where a piece ends, and on the way there
  // `out`, up to where it runs straight, `above`, where it has bent, or `low`, around which it turns, and `start`.
  function lineOf(d) {
    const [[, [x, y]], ...rest] = commands(d), pieces = [];
    if (rest[0][0] === "H") return {x, y, pieces, side: rest[0][1][0]};
    for (let at = x; rest.length; at = pieces.at(-1).x) {
      const [[, [out]], [kind, values]] = rest;
      const [end, start] = rest.splice(0, kind === "Q" ? 5 : 3).slice(-2).map(([, told]) => told);
      if (kind === "Q") pieces.push({x: end[0], out, low: values[1], start: start[0]});
      else pieces.push({x: kind === "C" ? values[4] : at, out, above: values.at(-1), start: start[0]});
    }
    return {x, y, pieces};
  }

  const nameOf = (el) => el.querySelector(":scope > title").textContent;
  const nodesIn = (body) => [...body.querySelectorAll(":scope > .mgt-node")];
  const boxesOf = (home, name, kind = "details") =>
    [...home.querySelectorAll(`:scope > ${kind}[data-box]`)].filter((each) => each.dataset.box === name);
  // What opens a box in a notebook, whose inside is not in the page.
  const callFor = (home, name) => boxesOf(home, name, "details > ul > li")[0]?.textContent ?? null;
  const drawnIn = (home) => home.querySelector(":scope > .mgt-drawing:not(.mgt-wide) > svg");

  // The nodes in words, as the list below the drawing has them; constants are not in the list.
  function told(home, elements) {
    const words = [...home.querySelectorAll(":scope > details:not([data-box]) > ol > li")];
    return elements.map((el) => (el.matches(".mgt-constant") || !words.length
      ? `${el.querySelector("text")?.textContent ?? nameOf(el)}: constant` : words.shift().textContent));
  }

  // A drawing, `body` of an SVG or a copy of it. `home` is the element whose other children are the list in words and
  // the insides of the boxes.
  function read(svg, body, home, opens) {
    const [left] = numbers(svg.querySelector(":scope > g").getAttribute("transform"));
    const legend = svg.querySelector(":scope > .mgt-legend"), [, low] = numbers(legend.getAttribute("transform"));
    const entries = [...legend.children], elements = nodesIn(body), words = told(home, elements);
    const drawing = {body, entries, width: svg.viewBox.baseVal.width - 2 * left, height: low - LEGEND - MARGIN};
    drawing.nodes = elements.map((el, k) => {
      const [x, y] = numbers(el.getAttribute("transform")), outline = el.querySelector(":scope > path");
      const d = outline.getAttribute("d"), {w, h} = halves(d), name = nameOf(el);
      return {el, k, outline, d, x, y, w, h, W: w, H: h, name, words: words[k], drawing, inner: null, isOpen: false,
        boxes: opens ? boxesOf(home, name) : [], left: opens ? callFor(home, name) : null};
    });
    for (const note of body.querySelectorAll(":scope > .mgt-note")) {
      const node = drawing.nodes[note.dataset.a];
      if (+note.getAttribute("y") < node.y) node.corner = -1;  // the note is where the sign would be
    }
    drawing.edges = [...body.querySelectorAll(":scope > .mgt-edge")].map((el) =>
      ({el, a: drawing.nodes[el.dataset.a], b: drawing.nodes[el.dataset.b]}));
    return drawing;
  }

  // ---- pulling it apart ---------------------------------------------------------------------------------------------

  // A function of a place that grows nowhere by less than one, and over each span [from, to, times] at least so fast.
  function stretched(spans) {
    const cuts = [...new Set(spans.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
    const parts = cuts.slice(1).map((to, k) => {
      const over = spans.filter((span) => span[0] <= cuts[k] && to <= span[1]).map(([, , times]) => times);
      return {from: cuts[k], to, more: Math.max(1, ...over) - 1};
    });
    return (x) => parts.reduce((sum, {from, to, more}) => sum + more * Math.min(Math.max(x - from, 0), to - from), x);
  }

  const pixels = (...values) => values.map((value) => +value.toFixed(1)).join(",");
  const move = (el, x, y, more = "") => el.setAttribute("transform", `translate(${pixels(x, y)})${more}`);
  const beyond = (step, half, grown) => (Math.abs(step) > half - 2 ? Math.sign(step) * (grown - half) : 0);
  // Where a point at the border of a node is now.
  const attached = (node, x, y) => [node.X + x - node.x + beyond(x - node.x, node.w, node.W),
    node.Y + y - node.y + beyond(y - node.y, node.h, node.H)];

  // A line anew; `across` and `down` say where its places are now.
  function drawLine(edge, across, down) {
    const {el, a, b} = edge, path = el.querySelector("path");
    edge.line ??= lineOf(path.getAttribute("d"));
    const {x, y, pieces, side} = edge.line;
    let [at, top] = attached(a, x, y), d = `M${pixels(at, top)}`;
    if (side !== undefined) d += `H${pixels(attached(b, side, b.y)[0])}`;
    pieces.forEach((piece, k) => {
      const isLast = k === pieces.length - 1, out = down(piece.out);
      const [end, start] = isLast ? attached(b, piece.x, piece.start) : [across(piece.x), down(piece.start)];
      if (piece.low) d += turned(at, end, down(piece.low), piece.low - piece.out, start);
      else d += bent(at, end, out, down(piece.above), start);
      at = end;
    });
    path.setAttribute("d", d);
    for (const each of el.querySelectorAll(".mgt-tip, text")) shiftEnd(each, b);
  }
  function bent(from, to, out, above, start) {
    const middle = (out + above) / 2;
    const way = Math.abs(to - from) < 0.5 ? `V${pixels(above)}`
      : `C${pixels(from, middle)} ${pixels(to, middle)} ${pixels(to, above)}`;
    return `V${pixels(out)}${way}V${pixels(start)}`;
  }
  const turned = (from, to, low, r, start) => `V${pixels(low - r)}Q${pixels(from, low)} ${pixels(from + r, low)}` +
    `H${pixels(to - r)}Q${pixels(to, low)} ${pixels(to, low - r)}V${pixels(start)}`;

  // The arrow at the end of a line and the number beside it; the number lies a little off the border.
  const began = new WeakMap();
  function shiftEnd(el, node) {
    const isTip = el.matches("path"), at = (name) => +el.getAttribute(name);
    if (!began.has(el)) began.set(el, isTip ? numbers(el.getAttribute("transform")) : [at("x"), at("y")]);
    const [x, y, angle] = began.get(el);
    const sideways = Math.abs(y - node.y) < node.h, onX = sideways ? node.x + Math.sign(x - node.x) * node.w : x;
    const onY = sideways ? y : node.y + Math.sign(y - node.y) * node.h, [newX, newY] = attached(node, onX, onY);
    if (isTip) return move(el, newX + x - onX, newY + y - onY, `rotate(${angle})`);
    el.setAttribute("x", pixels(newX + x - onX));
    el.setAttribute("y", pixels(newY + y - onY));
  }

  const frame = (w, h) => `M${pixels(-w, -h)}H${pixels(w)}V${pixels(h)}H${pixels(-w)}Z`;
  const ROUND = "M-8,0A8,8 0 0 1 8,0A8,8 0 0 1 -8,0";
  const signOf = ({isOpen, left}) =>  // minus, plus, or dots for what is not here
    ROUND + (left ? "M-4.5,0H-3M-.8,0H.8M3,0H4.5" : isOpen ? "M-4,0H4" : "M-4,0H4M0,-4V4");

  function drawNode(node, across, down) {
    const {el, outline, isOpen} = node;
    [node.X, node.Y] = [across(node.x), down(node.y)];
    move(el, node.X, node.Y);
    outline.setAttribute("d", isOpen ? frame(node.W, node.H) : node.d);
    for (const text of el.querySelectorAll(":scope > text, :scope > image")) {
      if (isOpen) move(text, 0, node.h - node.H); else text.removeAttribute("transform");
    }
    el.classList.toggle("mgt-open", isOpen);
    drawSign(node);
  }

  // In an upper corner of a box, the right one unless something is written there.
  function drawSign(node) {
    const {el, boxes, left} = node;
    if (!boxes.length && !left) return;
    el.classList.add("mgt-opens");
    if (!node.sign) el.append(node.sign = made("path", {class: "mgt-sign"}));
    node.sign.setAttribute("d", signOf(node));
    move(node.sign, (node.corner ?? 1) * (node.W - 3), 2 - node.H);
  }

  // What is in a box, under what the box says: copies of the drawings that stand below, side by side or one by one.
  function fill(node) {
    const {inner} = node, title = inner.length > 1 ? TITLE : 0;
    for (const each of inner) arrange(each);
    const total = (sizes) => sizes.reduce((sum, size) => sum + size + APART, -APART);
    const most = (sizes) => Math.max(...sizes);
    const widths = inner.map(({width}) => width), heights = inner.map(({height}) => height + title);
    const isRow = total(widths) <= SIDE, wide = (isRow ? total : most)(widths), tall = (isRow ? most : total)(heights);
    node.W = Math.max(node.w, wide / 2 + EDGE);
    node.H = node.h + (tall + EDGE) / 2;
    let [x, y] = [-wide / 2, 2 * node.h - node.H + title];
    inner.forEach(({body, width, title: text}, k) => {
      move(body, isRow ? x : -width / 2, y);
      if (text) text.setAttribute("x", pixels(width / 2));
      if (isRow) x += width + APART; else y += heights[k] + APART;
    });
  }
  function copyInto(node) {
    node.inner = node.boxes.map((box) => {
      const svg = drawnIn(box), body = svg.querySelector(":scope > g").cloneNode(true);
      body.setAttribute("class", "mgt-inside");
      body.setAttribute("role", "group");
      const drawing = Object.assign(read(svg, body, box, true), {holder: node});
      if (node.boxes.length < 2) return drawing;
      drawing.title = made("text", {class: "mgt-detail", y: 8 - TITLE});
      drawing.title.textContent = box.querySelector("summary").textContent.split(": ").at(-1);
      body.append(drawing.title);
      return drawing;
    });
  }

  // Everything where it belongs, with the boxes that are open now.
  function arrange(drawing) {
    const {nodes, edges, body} = drawing;
    drawing.first ??= {width: drawing.width, height: drawing.height};
    for (const node of nodes) {
      [node.W, node.H] = [node.w, node.h];
      if (node.isOpen) fill(node);
    }
    const open = nodes.filter(({isOpen}) => isOpen);
    const across = stretched(open.map(({x, w, W}) => [x - w, x + w, W / w]));
    const down = stretched(open.map(({y, h, H}) => [y - h, y + h, H / h]));
    for (const node of nodes) drawNode(node, across, down);
    for (const edge of edges) drawLine(edge, across, down);
    for (const note of body.querySelectorAll(":scope > .mgt-note")) shiftEnd(note, nodes[note.dataset.a]);
    [drawing.width, drawing.height] = [across(drawing.first.width), down(drawing.first.height)];
  }

  const kindOf = (entry) => entry.getAttribute("class");
  // The entries of a legend for all kinds that are to be seen.
  function legendOf(drawing, found = new Map()) {
    for (const entry of drawing.entries) if (!found.has(kindOf(entry))) found.set(kindOf(entry), entry);
    for (const {isOpen, inner} of drawing.nodes) if (isOpen) for (const each of inner) legendOf(each, found);
    return found;
  }

  // The SVG around a drawing: its size and its legend.
  function dress(svg, drawing) {
    const legend = svg.querySelector(":scope > .mgt-legend"), width = Math.max(drawing.width, LEAST);
    const entries = [...legendOf(drawing).values()]
      .map((entry) => (legend.contains(entry) ? entry : entry.cloneNode(true)));
    let x = 0, y = 12;
    for (const entry of entries) {
      const room = 60 + entry.querySelector("text").textContent.length * DIGIT;
      if (x && x + room > width) [x, y] = [0, y + 26];
      move(entry, x + 20, y);
      x += room;
    }
    legend.replaceChildren(...entries);
    const wide = Math.round(width + 2 * MARGIN), tall = Math.round(drawing.height + LEGEND + y + 14 + 2 * MARGIN);
    move(drawing.body, MARGIN + (width - drawing.width) / 2, MARGIN);
    move(legend, MARGIN, drawing.height + LEGEND + MARGIN);
    for (const [name, value] of [["viewBox", `0 0 ${wide} ${tall}`], ["width", wide], ["height", tall]]) {
      svg.setAttribute(name, value);
    }
    svg.style.minWidth = `${Math.round(0.77 * wide)}px`;
  }

  // A drawing on the page. `arrange()` opens the boxes whose insides are in `opened`, a set that others may share, and
  // closes all others; until one is to be opened, the drawing stays what it was. `nodes()` are those that can be seen,
  // in their order.
  function stage(svg, home, opened, opens) {
    const drawing = read(svg, svg.querySelector(":scope > g"), home, opens);
    const isOpen = ({boxes}) => boxes.length > 0 && opened.has(boxes[0]);
    function settle({nodes}) {
      for (const node of nodes) {
        node.isOpen = isOpen(node);
        if (node.isOpen && !node.inner) copyInto(node);
        for (const each of node.inner ?? []) {
          if (!node.isOpen) each.body.remove();
          else if (each.body.parentNode !== node.el) node.el.append(each.body);  // moved again, it would lose the focus
          if (node.isOpen) settle(each);
        }
      }
    }
    const seen = ({nodes}) => nodes.flatMap((node) => [node, ...(node.isOpen ? node.inner.flatMap(seen) : [])]);
    const arranged = () => {
      if (!drawing.first && !drawing.nodes.some(isOpen)) return drawing.nodes.forEach(drawSign);
      settle(drawing);
      arrange(drawing);
      dress(svg, drawing);
    };
    return {svg, drawing, nodes: () => seen(drawing), arrange: arranged};
  }

  return {stage, nodesIn, nameOf, boxesOf, drawnIn};
})();
