// Light and dark: what the system prefers, until the reader chooses, on this page or in another tab.
const theme = document.getElementById("site-theme"), root = document.documentElement;
const preferred = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : preferred.matches;
const name = () => { theme.textContent = isDark() ? "Light pages" : "Dark pages" };
theme.hidden = false;
theme.onclick = () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.theme = root.dataset.theme } catch {}
  name();
};
const follow = () => {
  try { root.dataset.theme = localStorage.theme || "" } catch {}
  name();
};
addEventListener("storage", follow);
addEventListener("pageshow", follow);  // a page that a reader goes back to may have been kept as it was
preferred.addEventListener("change", name);
name();

// What scrolls sideways can be reached from the keyboard.
const reach = () => document.querySelectorAll("pre, .wide, .output, .formula").forEach(box => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
});
addEventListener("resize", reach);
addEventListener("load", reach);
reach();

// Code can be copied; what the button says tells how that went.
const copier = (code) => {
  const button = document.createElement("button");
  Object.assign(button, {type: "button", className: "copy", textContent: "Copy"});
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch { button.textContent = "Not allowed" }
  };
  button.onblur = button.onpointerleave = () => { button.textContent = "Copy" };
  return button;
};
if (navigator.clipboard) document.querySelectorAll("pre.code").forEach(code => {
  const box = document.createElement("div");
  box.className = "copied-from";
  code.replaceWith(box);
  box.append(code, copier(code));
});

// A slash goes to the search field; contents that lie over the page make way; folded solutions open for the printer.
addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  const field = document.querySelector("input[type=search]");
  if (!field.checkVisibility()) document.getElementById("site-nav").showPopover();
  field.focus();
  event.preventDefault();
});
document.getElementById("site-nav").addEventListener("click", event => {
  if (event.target.closest("a") && event.currentTarget.matches(":popover-open")) event.currentTarget.hidePopover();
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(fold => { fold.open = true }));
