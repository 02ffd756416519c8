// Who a device is, its name, and forgetting it. In the browser.

import * as api from "./api.js";
import { confirm, h, say, setText } from "./dom.js";

const FACTS = [
  ["Model", (device) => device.model],
  ["Version", (device) => device.version],
  ["Board", (device) => device.board],
  ["Address", (device) => device.address],
  ["Id", (device) => device.id],
  ["Starts", (device) => String(device.starts)],
  ["Features", (device) => device.features.join(", ") || "none"],
];

export function identity(house, id) {
  const values = FACTS.map(() => h("dd"));
  const input = h("input", { type: "text", "aria-label": "Name", maxlength: 40, required: true, autocomplete: "off" });
  const save = h("button", { class: "button", type: "submit" }, "Rename");
  const drop = h("button", { class: "button bad quietly", type: "button", onclick: forget }, "Forget this device");
  const element = h("section", { class: "panel", "aria-labelledby": "identity" },
    h("div", { class: "panelhead" }, h("h2", { id: "identity" }, "Identity")),
    h("dl", { class: "identity" }, ...FACTS.map(([name], index) => h("div", {}, h("dt", {}, name), values[index]))),
    h("form", { class: "field rename", onsubmit: rename }, input, save), drop);

  async function rename(event) {
    event.preventDefault();
    save.disabled = true;
    try {
      await api.rename(id, input.value.trim());
      say(`It is called ${input.value.trim()} now`);
    } catch (refusal) {
      say(`The name stays: ${refusal.message}`);
    }
    save.disabled = false;
    input.blur();
    update();
  }

  async function forget() {
    const { name } = house.devices.get(id);
    const words = "Its name, readings and events are deleted here. " + (house.devices.get(id).paired
      ? "It forgets this hub too, if it answers; else hold its pairing button for ten seconds."
      : "If it still runs, it comes back as a new device.");
    if (!(await confirm(`Forget ${name}?`, words, "Forget"))) return;
    try {
      await api.forget(id);
      location.hash = "#/";
      say(`${name} is forgotten`);
    } catch (refusal) {
      say(`${name} stays: ${refusal.message}`);
    }
  }

  function update() {
    const device = house.devices.get(id);
    FACTS.forEach(([, read], index) => setText(values[index], read(device) ?? "unknown"));
    if (document.activeElement !== input && input.value !== device.name) input.value = device.name;
    for (const part of [input, save, drop]) part.disabled = house.link !== "live";
  }

  update();
  return { element, stop: house.on(`device ${id}`, (paths) => paths === null && update()) };
}
