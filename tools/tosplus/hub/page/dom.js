// Making and changing elements, in the browser. A device's text only becomes a text node or an attribute's value.

const SVG = "http://www.w3.org/2000/svg";

// h("p", {class: "quiet", onclick: f}, "text", child): an element. true is an empty attribute; false and null are none.
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Both touch the document only when something differs: a reading that stays costs nothing.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

// Draws the eye to what has just happened, once.
export function flash(node) {
  if (still.matches) return;
  node.animate({ backgroundColor: ["var(--glow)", "transparent"] }, { duration: 1600, easing: "ease-out" });
}

// For work that must be undone when a view goes: bin.add(off) ... bin.empty().
export function bin() {
  const undo = [];
  return { add: (...functions) => undo.push(...functions), empty: () => undo.splice(0).forEach((f) => f()) };
}

const toasts = document.getElementById("toasts");

// Words for a person, at the foot of the page, for as long as they take to read.
export function say(words) {
  const toast = h("p", { class: "toast" }, words);
  toasts.append(toast);
  if (toasts.children.length > 3) toasts.firstChild.remove();
  setTimeout(() => toast.remove(), 4000 + words.length * 60);
}

// Asks before what cannot be undone. Resolves to true or false.
export function confirm(title, words, act) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" },
      h("h2", { id: "dialog-title" }, title),
      h("p", {}, words),
      h("form", { method: "dialog", class: "actions" },
        h("button", { value: "", class: "button" }, "Cancel"),
        h("button", { value: "yes", class: "button bad" }, act)));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
