// INDEX: [file, anchor, title of the page, heading, text] for each section of the book.
const field = document.querySelector("main input"), results = document.getElementById("site-results");
const {element} = globalThis.mgtFace;

function found(words) {
  const score = ([, , title, heading, text]) => words.map(word => 10 * heading.toLowerCase().includes(word)
    + 5 * title.toLowerCase().includes(word) + Math.min(4, text.toLowerCase().split(word).length - 1));
  return INDEX.map(entry => [score(entry), entry]).filter(([scores]) => scores.every(Boolean))
    .map(([scores, entry]) => [scores.reduce((a, b) => a + b), entry]).sort((a, b) => b[0] - a[0]).map(pair => pair[1]);
}

function excerpt(text, words) {
  const hits = words.map(word => text.toLowerCase().indexOf(word)).filter(i => i >= 0);
  const at = Math.max(0, Math.min(...hits, text.length) - 60), line = element("p");
  const pattern = new RegExp(words.map(word => word.replace(/[^\w\s]/g, "\\$&")).join("|"), "gi");
  const piece = (at ? "… " : "") + text.slice(at, at + 200) + (text.length > at + 200 ? " …" : "");
  let last = 0;
  for (const hit of piece.matchAll(pattern)) {
    line.append(piece.slice(last, hit.index), element("mark", {textContent: hit[0]}));
    last = hit.index + hit[0].length;
  }
  line.append(piece.slice(last));
  return line;
}

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = words.length ? found(words) : [];
  results.replaceChildren(...hits.slice(0, 40).map(([file, anchor, title, heading, text]) => {
    const textContent = heading === title ? title : `${title}: ${heading}`;
    const link = element("a", {textContent, href: file + (anchor && "#" + anchor)});
    return element("li", {}, link, excerpt(text, words));
  }));
  const more = hits.length > 40 ? ", the best 40 of them here" : "";
  document.getElementById("site-count").textContent = words.length
    ? `${hits.length} ${hits.length === 1 ? "section" : "sections"}${more}` : "";
}

field.value = new URLSearchParams(location.search).get("q") || "";
field.addEventListener("input", search);
addEventListener("pageshow", search);  // by then the browser has put back what was typed before
