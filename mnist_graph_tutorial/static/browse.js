// A graph's drawing to look around in: boxes open in place, a node lights up with its lines, nodes are found by name,
// and a drawing that is larger than its page can be dragged and enlarged. Without this script the drawing is a picture.
(() => {
  const {button, caption, element} = globalThis.mgtFace;
  const {boxesOf, drawnIn, nameOf, nodesIn, stage} = globalThis.mgtUnfold;
  const MANY = 30;                            // nodes, from which on there is a search
  const STEP = 1.25, LEAST = 0.15, MOST = 4;  // of the scale
  const DRAG = 4;                             // pixels that a mouse moves before it drags
  const LEGIBLE = 0.6;                        // scale from which on words can be read
  const ROOM = 16;                            // pixels around what comes into view

  // ---- size ---------------------------------------------------------------------------------------------------------

  // Pan and zoom of the boxes that hold one drawing in several forms. The boxes scroll by themselves, so what a wheel
  // and a finger do to the page stays as it was.
  function lens(boxes, changed) {
    let scale = null, pinch = null;           // null: as wide as the page has it
    const shown = () => boxes.find((box) => box.clientWidth) ?? boxes[0];
    const drawn = (box) => box.querySelector("svg");
    const scaleOf = (box) => drawn(box).getBoundingClientRect().width / drawn(box).viewBox.baseVal.width;
    const isLarge = () => scale !== null || overflows(shown());
    function apply() {
      for (const {style, viewBox} of boxes.map(drawn)) {
        const width = viewBox.baseVal.width;
        style.width = scale === null ? "" : `${(width * scale).toFixed(1)}px`;
        style.maxWidth = scale === null ? "" : "none";
        style.minWidth = scale === null ? `${Math.round(0.77 * width)}px` : "0";
      }
      changed();
    }
    // A point of the window stays where it is.
    function zoom(wanted, x, y) {
      const box = shown(), before = scaleOf(box), {left, top} = drawn(box).getBoundingClientRect();
      scale = Math.min(Math.max(wanted, LEAST), MOST);
      for (const each of boxes) each.classList.add("mgt-zoomed");
      apply();
      const now = drawn(box).getBoundingClientRect();
      box.scrollLeft += now.left - left + (x - left) * (scale / before - 1);
      box.scrollTop += now.top - top + (y - top) * (scale / before - 1);
    }
    function by(times) {
      const box = shown(), {left, top} = box.getBoundingClientRect();
      zoom(scaleOf(box) * times, left + box.clientWidth / 2, top + Math.min(box.clientHeight, window.innerHeight) / 2);
    }
    // All of it at once, or, where that is so already, its whole width; no larger than the page would have it.
    function fit() {
      const box = shown(), {width, height} = drawn(box).viewBox.baseVal, isFrame = box.matches(".mgt-playable");
      const bar = box.parentNode.querySelector(".mgt-looks").offsetHeight;
      const room = isFrame ? box.clientHeight : window.innerHeight - bar - ROOM;
      const high = room / height, wide = box.clientWidth / width;
      const isWhole = scale !== null && Math.abs(scale - Math.max(Math.min(wide, high), LEAST)) < 1e-3;
      for (const each of boxes) each.classList.remove("mgt-zoomed");
      scale = null;
      apply();
      const wanted = Math.max(isWhole ? wide : Math.min(wide, high), LEAST);
      if (scaleOf(box) > wanted + 1e-3) scale = wanted;
      apply();
      if (scale !== null) box.scrollIntoView({block: "nearest"});
    }
    // What `act` does leaves the drawing at its scale, and a node where it is.
    function steady(element, act) {
      const box = shown(), before = scaleOf(box), was = element.getBoundingClientRect();
      act();
      if (scale === null && drawn(box).viewBox.baseVal.width * before > box.clientWidth) scale = before;
      apply();
      const now = element.getBoundingClientRect();
      box.scrollLeft += (now.left + now.right - was.left - was.right) / 2;
      box.scrollTop += now.top - was.top;
    }
    // A box that was opened comes into view, as much of it as there is room for, its upper left corner in any case.
    function bring(element) {
      const box = shown(), outer = box.getBoundingClientRect();
      const {left, right, top, bottom} = element.getBoundingClientRect();
      const bar = box.parentNode.querySelector(".mgt-looks")?.getBoundingClientRect().bottom ?? 0;
      const first = Math.max(outer.top, bar, 0), last = Math.min(outer.top + box.clientHeight, window.innerHeight);
      pan(box, Math.min(Math.max(right + ROOM - outer.left - box.clientWidth, 0), left - ROOM - outer.left),
        Math.min(Math.max(bottom + ROOM - last, 0), top - ROOM - first));
    }

    // An element that was looked for is large enough to be read.
    function legible(element) {
      const {left, right, top, bottom} = element.getBoundingClientRect();
      if (scaleOf(shown()) < LEGIBLE) zoom(1, (left + right) / 2, (top + bottom) / 2);
    }

    const apart = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    for (const box of boxes) {
      dragged(box);
      box.addEventListener("wheel", (event) => {
        if (!event.ctrlKey || !isLarge()) return;
        event.preventDefault();
        const turn = Math.min(Math.max(event.deltaY, -40), 40);
        zoom(scaleOf(box) * Math.exp(-turn / 160), event.clientX, event.clientY);
      }, {passive: false});
      box.addEventListener("touchstart", ({touches}) => {
        pinch = touches.length === 2 && isLarge() ? {apart: apart(touches), scale: scaleOf(box)} : null;
      }, {passive: true});
      box.addEventListener("touchmove", (event) => {
        if (!pinch || event.touches.length !== 2) return;
        event.preventDefault();
        const [a, b] = event.touches, x = (a.clientX + b.clientX) / 2, y = (a.clientY + b.clientY) / 2;
        zoom(pinch.scale * apart(event.touches) / pinch.apart, x, y);
      }, {passive: false});
    }
    return {by, fit, steady, bring, legible, isLarge, shown};
  }

  // Whether a drawing is larger than its box, or than the window.
  const overflows = (box) => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1 ||
    box.querySelector("svg").clientHeight > window.innerHeight;

  // What holds a drawing and scrolls: the page, or the notebook in it.
  function around(box) {
    for (let each = box.parentElement; each; each = each.parentElement) {
      const scrolls = /auto|scroll/.test(getComputedStyle(each).overflowY);
      if (scrolls && each.scrollHeight > each.clientHeight + 1) return each;
    }
    return document.scrollingElement;
  }

  // The box scrolls, and what it cannot scroll down or up, the page does.
  function pan(box, x, y) {
    const before = box.scrollTop;
    box.scrollBy({left: x, top: y, behavior: "instant"});
    const rest = y - (box.scrollTop - before);
    if (Math.abs(rest) >= 1) around(box).scrollBy({top: rest, behavior: "instant"});
  }

  // A mouse drags what does not fit; the click at the end of that means nothing. Fingers scroll it by themselves.
  function dragged(box) {
    let start = null, moved = false;
    box.addEventListener("pointerdown", ({pointerType, button: pressed, clientX: x, clientY: y}) => {
      moved = false;
      if (pointerType === "mouse" && pressed === 0 && overflows(box)) start = {x, y};
    });
    box.addEventListener("pointermove", (event) => {
      if (!start) return;
      if (!(event.buttons & 1)) return end();
      const x = start.x - event.clientX, y = start.y - event.clientY;
      if (!moved && Math.hypot(x, y) < DRAG) return;
      if (!moved) box.setPointerCapture(event.pointerId);
      moved = true;
      box.classList.add("mgt-dragged");
      start = {x: event.clientX, y: event.clientY};
      pan(box, x, y);
    });
    const end = () => {
      start = null;
      box.classList.remove("mgt-dragged");
    };
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, end);
    box.addEventListener("click", (event) => {
      if (moved) event.stopPropagation();
      moved = false;
    }, true);
    new ResizeObserver(() => box.classList.toggle("mgt-pans", overflows(box))).observe(box.querySelector("svg"));
  }

  // ---- search -------------------------------------------------------------------------------------------------------

  // All nodes of a drawing and of what is in its boxes: `chain` are the insides that lead to one, from outside in.
  function entries(home, chain = []) {
    const svg = drawnIn(home);
    return nodesIn(svg.querySelector(":scope > g")).flatMap((el, k) => {
      const name = nameOf(el), texts = [...el.querySelectorAll(".mgt-label, .mgt-detail")];
      const text = [name, ...texts.map((each) => each.textContent)].join(" ").toLowerCase();
      return [{chain, k, text}, ...boxesOf(home, name).flatMap((box) => entries(box, [...chain, box]))];
    });
  }

  // The node of an entry, or the closed box that it is in.
  function located({drawing}, {chain, k}) {
    for (const box of chain) {
      const holder = drawing.nodes.find(({boxes}) => boxes.includes(box));
      if (!holder.isOpen) return holder;
      drawing = holder.inner[holder.boxes.indexOf(box)];
    }
    return drawing.nodes[k];
  }

  // ---- the figure ---------------------------------------------------------------------------------------------------

  const reveal = ({outline}) => outline.scrollIntoView({block: "nearest", inline: "nearest"});

  function browse(figure) {
    const opened = new Set(), known = new WeakMap();  // insides that are open; element -> node
    const boxes = [...figure.querySelectorAll(":scope > .mgt-drawing")];
    const stages = boxes.map((box) => stage(box.querySelector("svg"), figure, opened, true));
    const below = [];                                // drawings that stand below, once they are seen
    const says = caption("mgt-told"), all = entries(figure);
    const tools = element("span", {className: "mgt-zooms", role: "group", ariaLabel: "Size of the drawing"},
      button("\u2212", () => look.by(1 / STEP), "Zoom out"), button("+", () => look.by(STEP), "Zoom in"),
      button("Fit", () => look.fit(), "Fit the whole drawing into the window"));
    const look = lens(boxes, () => { tools.hidden = !look.isLarge(); });
    const shownStage = () => stages[boxes.indexOf(look.shown())];

    // ---- what assistive technology is told: a tree, whose branches are the boxes
    const name = (node) => {
      const {el, words, boxes: insides, left, isOpen} = node, isBox = insides.length > 0;
      known.set(el, node);
      el.setAttribute("role", "treeitem");
      el.ariaLabel = words + (left ? `, not in this page: in a notebook, ${left} opens it` : "");
      el.ariaExpanded = isBox ? String(isOpen) : null;
      if (!el.hasAttribute("tabindex")) el.setAttribute("tabindex", -1);
    };
    function enter(each) {
      const nodes = each.nodes();
      each.svg.setAttribute("role", "tree");
      each.svg.ariaLabel = each.svg.querySelector(":scope > title").textContent;
      each.svg.parentNode.dataset.lmSuppressShortcuts = "true";
      each.svg.parentNode.removeAttribute("tabindex");
      nodes.forEach(name);
      if (!nodes.some(({el}) => el.tabIndex === 0)) nodes[0].el.setAttribute("tabindex", 0);
    }
    const stageOf = (el) => [...stages, ...below].find(({svg}) => svg.contains(el));

    // ---- a node and its lines
    let lit = [], hovered = null, focused = null;
    const light = () => {
      for (const [el, kind] of lit) el.classList.remove(kind);
      const node = hovered ?? focused;
      lit = node ? [[node.el, "mgt-lit"]] : [];
      for (const {el, a, b} of node?.drawing.edges ?? []) {
        if (b === node) lit.push([el, "mgt-comes"], [a.el, "mgt-near"]);
        if (a === node) lit.push([el, "mgt-goes"], [b.el, "mgt-near"]);
      }
      for (const [el, kind] of lit) el.classList.add(kind);
    };
    const nodeAt = (target) => known.get(target.closest?.(".mgt-node")) ?? null;
    figure.addEventListener("pointerover", ({target, pointerType}) => {
      hovered = pointerType === "touch" ? null : nodeAt(target);
      light();
    });
    figure.addEventListener("pointerleave", () => { hovered = null; light(); });
    figure.addEventListener("focusin", ({target}) => { focused = nodeAt(target); light(); });
    figure.addEventListener("focusout", () => { focused = null; light(); });
    function stopAt(node) {  // where the Tab key stops
      for (const {el} of stageOf(node.el).nodes()) el.setAttribute("tabindex", el === node.el ? 0 : -1);
    }
    function choose(node) {
      stopAt(node);
      node.el.focus({preventScroll: true});
    }

    // ---- boxes
    function settle() {
      for (const each of stages) { each.arrange(); enter(each); }
      mark();
    }
    function toggle(node) {
      const {left} = node;
      if (left) return says.say(`This box is not in the page, to keep it light. Type ${left} after graph_of(\u2026).`);
      if (!node.boxes.length) return;
      if (node.isOpen) opened.delete(node.boxes[0]); else opened.add(node.boxes[0]);
      look.steady(node.outline, settle);
      if (node.isOpen) look.bring(node.outline);
      says.say(node.isOpen ? figure.querySelector(":scope > .mgt-whole")?.textContent ?? "" : "");
    }
    figure.addEventListener("click", ({target, clientY}) => {
      const node = nodeAt(target);
      if (!node) return;
      choose(node);
      const {top, height} = node.outline.getBoundingClientRect(), head = height * node.h / node.H;
      if (!node.isOpen || target === node.sign || clientY < top + head) toggle(node);
    });

    // ---- keys, as in every tree: up and down in the order of the graph, right into a box, left out of it
    const along = (node, step) => {
      const nodes = stageOf(node.el).nodes();
      return nodes[nodes.indexOf(node) + step];
    };
    const isClosed = ({boxes: insides, isOpen}) => insides.length > 0 && !isOpen;
    const KEYS = {  // what to go to, if anything
      ArrowDown: (node) => along(node, 1), ArrowUp: (node) => along(node, -1),
      ArrowRight: (node) => (isClosed(node) ? toggle(node) : node.isOpen ? along(node, 1) : null),
      ArrowLeft: (node) => (node.isOpen ? toggle(node) : node.drawing.holder),
      Home: (node) => stageOf(node.el).nodes()[0], End: (node) => stageOf(node.el).nodes().at(-1),
      Enter: (node) => toggle(node), " ": (node) => toggle(node),
    };
    figure.addEventListener("keydown", (event) => {
      const node = known.get(event.target), key = KEYS[event.key];
      if (!node || !key || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const next = key(node);
      if (!next) return;
      choose(next);
      reveal(next);
    });

    // ---- search
    let found = [], at = -1;
    const hint = "Search a node";
    const field = element("input", {type: "search", ariaLabel: hint, placeholder: hint, size: 14});
    function mark() {
      const current = found[at] && located(shownStage(), found[at]);
      const here = new Map(found.map((each) => [located(shownStage(), each), each]));
      for (const each of stages) {
        for (const node of each.nodes()) {
          const entry = here.get(node), isOwn = entry && node.drawing.nodes[entry.k] === node;
          node.el.classList.toggle("mgt-found", Boolean(isOwn));
          node.el.classList.toggle("mgt-holds", Boolean(entry) && !isOwn);
          node.el.classList.toggle("mgt-current", node === current);
        }
      }
    }
    function search() {
      const wanted = field.value.trim().toLowerCase();
      [found, at] = [wanted ? all.filter(({text}) => text.includes(wanted)) : [], -1];
      mark();
      const count = `${found.length} node${found.length === 1 ? "" : "s"} found`;
      says.say(!wanted ? "" : found.length ? `${count}. Enter shows the first.` : `No node has ${wanted} in its name.`);
      if (found.length) reveal(located(shownStage(), found[0]));
    }
    function next(step) {
      if (!found.length) return;
      at = at < 0 && step < 0 ? found.length - 1 : (at + step + found.length) % found.length;
      for (const box of found[at].chain) opened.add(boxesOf(box.parentNode, box.dataset.box)[0]);
      look.steady(look.shown(), settle);
      const node = located(shownStage(), found[at]);
      look.legible(node.outline);
      reveal(node);
      stopAt(node);
      says.say(`${at + 1} of ${found.length}: ${node.words}`);
    }
    field.addEventListener("input", search);
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      next(event.shiftKey ? -1 : 1);
    });

    for (const box of figure.querySelectorAll("details[data-box][open]")) {
      opened.add(box);
      box.open = false;  // it is open in the drawing
    }
    const bar = element("div", {className: "mgt-looks"}, ...(all.length > MANY ? [field] : []), tools, says.node);
    boxes[0].before(bar);
    figure.addEventListener("toggle", ({target}) => {
      for (const svg of target.querySelectorAll(":scope[data-box] > .mgt-drawing > svg:not([role=tree])")) {
        below.push(stage(svg, target, opened, false));
        enter(below.at(-1));
      }
    }, true);
    settle();
    new ResizeObserver(() => { tools.hidden = !look.isLarge(); }).observe(figure);
  }

  // Each figure once. Where the page has one copy of the script, figures may follow that are not read yet.
  const each = () => {
    for (const figure of document.querySelectorAll(".mgt-graph:not([data-ready])")) {
      figure.dataset.ready = "true";
      browse(figure);
    }
  };
  each();
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", each);
})();
