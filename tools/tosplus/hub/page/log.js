// A device's log, its counters and its last crash, read when asked for. In the browser.

import * as api from "./api.js";
import { h, setText } from "./dom.js";

export function log(house, id) {
  const again = h("button", { type: "button", class: "button small", onclick: load }, "Read");
  const words = h("p", { class: "quiet", role: "status" });
  const body = h("div");
  const element = h("section", { class: "panel", "aria-labelledby": "log" },
    h("div", { class: "panelhead" }, h("h2", { id: "log" }, "Log"), again), words, body);

  async function load() {
    again.disabled = true;
    setText(words, "Reading …");
    try {
      const read = await api.log(id);
      body.replaceChildren(...drawn(read));
      setText(words, `The device started ${ago(read.ms)} ago; times count from there.`);
      setText(again, "Read again");
    } catch (refusal) {
      setText(words, `It could not be read: ${refusal.message}.`);
    }
    again.disabled = false;
  }

  if (!house.hindrance(house.devices.get(id))) load();
  else setText(words, "It can be read when the device is live.");
  return { element, stop() {} };
}

function drawn({ ring, counts, crash }) {
  return [
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Log entries, latest first" },
      h("table", { class: "log" }, h("tbody", {}, ...ring.toReversed().map((entry) =>
        h("tr", { "data-level": entry.level }, h("td", { class: "when" }, ago(entry.ms)),
          h("td", {}, h("span", { class: "level" }, entry.level)), h("td", {}, entry.text),
            h("td", { class: "code" }, `${entry.code}`)))))),
    counts.length
      ? h("details", {}, h("summary", {}, "How often since the start"),
        h("ul", { class: "counts" }, ...counts.map(({ code, name, times }) =>
        h("li", {}, h("b", {}, `${times} ×`), ` ${name.toLowerCase().replaceAll("_", " ")} `,
          h("span", { class: "code" }, `${code}`)))))
      : null,
    crash ? h("details", { open: true }, h("summary", {}, "Last crash"), h("pre", { tabindex: 0 }, crash)) : null,
  ].filter(Boolean);
}

function ago(ms) {
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(2)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
