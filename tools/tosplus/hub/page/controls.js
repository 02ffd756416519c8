// One control for one resource, by its type, in the browser. Each maker returns {element, update}.

import { h, setAttribute, setText } from "./dom.js";
import { bare, human, isBinary, twoWords, words } from "./format.js";
import { mayWrite } from "./model.js";

const MOST_STOPS = 1000; // a slider with more is a number field: nobody hits 12.50 on 999,999 stops

// `value`: the reading stands beside its slider.
export function control(house, id, path, { value = true } = {}) {
  const resource = house.devices.get(id).byPath.get(path);
  const make = mayWrite(resource, "link") ? maker(resource) : reading;
  return make(house, id, path, value);
}

function maker(resource) {
  if (isBinary(resource)) return switched;
  if (resource.type === "select") return select;
  if (resource.type === "text") return text;
  const { minimum, maximum, step } = resource;
  const bounded = minimum !== null && maximum !== null && (maximum - minimum) / (step || 1) <= MOST_STOPS;
  return bounded ? slider : field;
}

// What update() of every control begins with: the resource as it is now, and whether it can be asked for anything.
function now(house, id, path, element) {
  const device = house.devices.get(id);
  const resource = device.byPath.get(path);
  const hindrance = house.hindranceToSet(device);
  element.disabled = hindrance !== null;
  setAttribute(element, "title", hindrance ?? (house.waiting(id, path) ? "waits for its next report" : null));
  setAttribute(element, "aria-busy", house.pending(id, path) ? "true" : null);
  return { resource, value: house.shown(id, resource) };
}

// A status region would read every change aloud: a reading is one that keeps quiet.
export function reading(house, id, path) {
  const number = h("span");
  const unit = h("span", { class: "unit" });
  const element = h("output", { "data-path": path, "aria-live": "off" }, number, unit);
  function update() {
    const resource = house.devices.get(id).byPath.get(path);
    const value = house.shown(id, resource);
    setText(number, bare(resource, value));
    setText(unit, typeof value === "number" && resource.unit ? `\u00a0${resource.unit}` : "");
    element.classList.toggle("unknown", value === null);
    element.classList.toggle("yes", value === true);
  }
  return { element, update };
}

function switched(house, id, path) {
  const word = h("span", { class: "word", "aria-hidden": "true" });
  const element = h("button", { type: "button", role: "switch", class: "switch", "aria-label": path, onclick: flip },
    word, h("span", { class: "track", "aria-hidden": "true" }));
  function flip() {
    house.set(id, path, element.getAttribute("aria-checked") !== "true");
  }
  function update() {
    const { resource, value } = now(house, id, path, element);
    setAttribute(element, "aria-checked", String(value === true));
    setText(word, value === null ? "unknown" : twoWords(resource)[Number(value)]);
  }
  return { element, update };
}

function slider(house, id, path, withValue) {
  const { minimum, maximum, step } = house.devices.get(id).byPath.get(path);
  const input = h("input", { type: "range", "aria-label": path, min: minimum, max: maximum, step: step || "any" });
  const shown = withValue && h("output", { class: "beside", "data-path": path, "aria-live": "off" });
  let held = false;
  input.addEventListener("input", () => {
    held = true;
    paint(input.valueAsNumber);
  });
  input.addEventListener("change", () => {
    held = false;
    house.set(id, path, input.valueAsNumber);
  });
  function paint(value) {
    const resource = house.devices.get(id).byPath.get(path);
    setAttribute(input, "aria-valuetext", words(resource, value));
    input.style.setProperty("--filled", `${(((value ?? minimum) - minimum) / (maximum - minimum)) * 100}%`);
    if (shown) setText(shown, words(resource, value));
  }
  function update() {
    const { value } = now(house, id, path, input);
    if (held) return;
    input.value = value ?? minimum;
    paint(value);
  }
  return { element: shown ? h("span", { class: "slider" }, input, shown) : input, update };
}

// A field is the person's while they type in it: Enter sends, Escape takes the old value back.
function typed(house, id, path, input, parse, write) {
  let mine = false;
  const send = h("button", { type: "submit", class: "button small send", "aria-label": `Set ${path}` }, "Set");
  const form = h("form", { class: "field" }, input, send);
  input.addEventListener("input", () => {
    mine = true;
    form.classList.add("mine");
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") release();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = parse(input);
    release();
    if (value !== null) house.set(id, path, value);
  });
  function release() {
    mine = false;
    form.classList.remove("mine");
    update();
  }
  function update() {
    const { value } = now(house, id, path, input);
    send.disabled = input.disabled;
    const words = write(value);
    if (!mine && input.value !== words) input.value = words;
  }
  return { element: form, update };
}

function text(house, id, path) {
  const input = h("input", { type: "text", "aria-label": path, autocomplete: "off", spellcheck: "false",
    placeholder: "nothing" });
  return typed(house, id, path, input, () => input.value, (value) => value ?? "");
}

function field(house, id, path) {
  const { minimum, maximum, step, unit } = house.devices.get(id).byPath.get(path);
  const input = h("input", { type: "number", "aria-label": path, min: minimum, max: maximum, step: step || "any",
    inputmode: "decimal" });
  const parts = typed(house, id, path, input,
    () => (Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber), (value) => String(value ?? ""));
  if (unit) input.after(h("span", { class: "unit", "aria-hidden": "true" }, unit));
  return parts;
}

function select(house, id, path) {
  const { options } = house.devices.get(id).byPath.get(path);
  const element = h("select", { "aria-label": path }, ...(options ?? []).map((option) =>
    h("option", { value: option }, human(option))));
  element.addEventListener("change", () => house.set(id, path, element.value));
  function update() {
    const { value } = now(house, id, path, element);
    if (value === null) element.selectedIndex = -1;
    else if (element.value !== value) element.value = value;
  }
  return { element, update };
}
