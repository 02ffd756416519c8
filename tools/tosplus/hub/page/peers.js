// Who may speak with a device, and sending one of them away. In the browser.

import * as api from "./api.js";
import { confirm, h, say, setText } from "./dom.js";

const OWN = "hub"; // what this hub is called there

export function peers(house, id) {
  const list = h("ul", { class: "peers" });
  const hint = h("p", { class: "hint" });
  const again = h("button", { type: "button", class: "button small", onclick: load }, "Read again");
  const element = h("section", { class: "panel", "aria-labelledby": "peers", hidden: true },
    h("div", { class: "panelhead" }, h("h2", { id: "peers" }, "Paired with"), again), list, hint);

  async function load() {
    setText(hint, "Asking the device …");
    try {
      const { open_ms, peers } = await api.peers(id);
      list.replaceChildren(...peers.map(row));
      setText(hint, open_ms ? `It takes others for ${Math.ceil(open_ms / 1000)} s more.` : "");
    } catch (refusal) {
      setText(hint, `Not known: ${refusal.message}.`);
    }
  }

  function row({ name, role, paths }) {
    const about = [role, ...paths].join(", ");
    return h("li", {}, h("span", { class: "what" }, name), h("span", { class: "quiet" }, about),
      name === OWN ? h("span", { class: "quiet" }, "this hub") : h("button", { type: "button",
        class: "button small bad", "aria-label": `Revoke ${name}`, onclick: () => revoke(name) }, "Revoke"));
  }

  async function revoke(name) {
    const device = house.devices.get(id)?.name;
    if (!(await confirm(`Revoke ${name}?`, `${device} refuses it from now on.`, "Revoke"))) return;
    try {
      await api.revoke(id, name);
      say(`${name} is revoked`);
    } catch (refusal) {
      say(`${name} stays: ${refusal.message}`);
    }
    await load();
  }

  let was = null;
  function update() {
    const device = house.devices.get(id);
    const now = device?.paired && !house.hindrance(device);
    element.hidden = !device?.paired;
    if (now && now !== was) load();
    was = now;
  }

  const off = house.on(`device ${id}`, (paths) => paths === null && update());
  update();
  return { element, stop: off };
}
