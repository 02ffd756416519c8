// What is to be said of a device, under its name: warnings, and what waits for it. In the browser.

import { h, setAttribute } from "./dom.js";
import { human, plural, words } from "./format.js";
import { icon } from "./icons.js";

// Fills the list; touches it only when something differs.
export function notices(device, list) {
  const warnings = device.warnings.map(({ text }) => text);
  const waiting = device.waiting.map(({ path, value }) => {
    const resource = device.byPath.get(path);
    return `${human(path)}: ${resource ? words(resource, value) : value} waits for its next report`;
  });
  const told = JSON.stringify([warnings, waiting]);
  if (told === list.dataset.told) return;
  list.dataset.told = told;
  list.hidden = !warnings.length && !waiting.length;
  setAttribute(list, "aria-label", warnings.length ? plural(warnings.length, "warning") : "Waiting");
  list.replaceChildren(...warnings.map((text) => h("li", { class: "chip warn" }, icon("warning"), text)),
    ...waiting.map((text) => h("li", { class: "chip" }, icon("events"), text)));
}
