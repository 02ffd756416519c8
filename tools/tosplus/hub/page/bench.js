// The world: the simulated doors, buttons, plugs and thermometers around the devices. Never a device's own control.

import * as api from "./api.js";
import { bin, h, say, setAttribute, setText } from "./dom.js";
import { human } from "./format.js";
import { icon } from "./icons.js";

const REFRESH_TICKS = 3;

// Calls show(devices) with the bench's answer: now, after each action, and every few seconds while looked at.
function watch(house, show) {
  let ticks = 0;
  let current = true;
  async function look() {
    if (!house.hub.bench || house.link !== "live") return;
    const devices = await api.bench().catch(() => null);
    if (current && devices) show(devices);
  }
  async function pull(id, lever, value) {
    try {
      await api.pull(id, lever.name, value);
    } catch (refusal) {
      say(`${lever.title}: ${refusal.message}`);
    }
    await look();
  }
  const offs = [
    house.on("tick", () => (ticks = (ticks + 1) % REFRESH_TICKS) || document.hidden || look()),
    house.on("link", look),
    house.on("hub", look),
  ];
  look();
  return { pull, stop: () => ((current = false), offs.forEach((off) => off())) };
}

// The levers of one device. update(entry) touches only what differs, so that a finger or a focus stays where it is.
function levers(pull, id) {
  const element = h("div", { class: "levers" });
  let shape = null;
  let made = [];
  return {
    element,
    update(entry) {
      const now = JSON.stringify(entry.levers.map(({ name, kind, options, words }) => [name, kind, options, words]));
      if (now !== shape) {
        shape = now;
        made = entry.levers.map((lever) => MAKERS[lever.kind]?.((value) => pull(id, lever, value), lever));
        element.replaceChildren(...made.filter(Boolean).map((part) => part.element));
      }
      entry.levers.forEach((lever, index) => made[index]?.update(lever, entry.on || entry.asleep));
    },
  };
}

const MAKERS = {
  toggle(pull, { title, words }) {
    const word = h("span", { class: "word" });
    const button = h("button", { type: "button", role: "switch", class: "switch", "aria-label": title }, word,
      h("span", { class: "track", "aria-hidden": "true" }));
    button.addEventListener("click", () => pull(button.getAttribute("aria-checked") !== "true"));
    const update = ({ value }) => {
      setAttribute(button, "aria-checked", String(value === true));
      setText(word, value === null ? "unknown" : words[Number(value)]);
    };
    return { element: h("div", { class: "row" }, h("span", { class: "label", "aria-hidden": "true" }, title), button),
      update };
  },
  press(pull, { title }) {
    const button = h("button", { type: "button", class: "button", onclick: () => pull() }, title);
    return { element: button, update: (lever, there) => (button.disabled = !there) };
  },
  choice(pull, { title, options }) {
    const keys = options.map((option) => h("button", { type: "button", class: "button key",
      onclick: () => pull(option) }, human(option)));
    const element = h("div", { class: "keys", role: "group", "aria-label": title }, ...keys);
    return { element, update: (lever, there) => keys.forEach((key) => (key.disabled = !there)) };
  },
  act(pull, { title }) {
    const button = h("button", { type: "button", class: "button bad", onclick: () => pull() }, title);
    return { element: button, update: (lever, there) => (button.disabled = !there) };
  },
};

// The world around one device, for its own page; hidden where nothing is simulated.
export function panel(house, id) {
  const element = h("section", { class: "panel world", "aria-labelledby": "world", hidden: true });
  const { pull, stop } = watch(house, (devices) => {
    element.hidden = !devices[id];
    if (devices[id]) own.update(devices[id]);
  });
  const own = levers((...what) => pull(...what), id);
  element.append(h("div", { class: "panelhead" }, icon("bench"), h("h2", { id: "world" }, "The world around it"),
    h("p", { class: "quiet" }, "Simulated; no control of the device.")), own.element);
  return { element, stop };
}

export function page(root, house) {
  const undo = bin();
  const parts = new Map();
  const grid = h("div", { class: "grid" });
  const empty = h("p", { class: "empty" }, "Nothing is simulated here, or the bench does not answer.");
  root.append(h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "The world"),
    h("p", { class: "summary" }, "What surrounds the simulated devices: touch it, break it, see how they take it.")),
  empty, grid);
  const { pull, stop } = watch(house, (devices) => {
    empty.hidden = Object.keys(devices).length > 0;
    for (const [id, { element }] of parts) if (!devices[id]) (element.remove(), parts.delete(id));
    for (const [id, entry] of Object.entries(devices)) {
      if (!parts.has(id)) {
        parts.set(id, section(id));
        grid.append(parts.get(id).element);
      }
      parts.get(id).update(entry);
    }
  });

  function section(id) {
    const name = h("a", { href: `#/device/${encodeURIComponent(id)}` });
    const state = h("span", { class: "quiet" });
    const own = levers((...what) => pull(...what), id);
    const element = h("section", { class: "panel world" }, h("div", { class: "panelhead" }, h("h2", {}, name), state),
      own.element);
    return {
      element,
      update(entry) {
        const shown = house.devices.get(id)?.name ?? entry.name;
        setText(name, shown);
        setAttribute(element, "aria-label", `The world around ${shown}`);
        setText(state, entry.on ? "running" : entry.asleep ? "asleep" : "off");
        own.update(entry);
      },
    };
  }

  undo.add(stop);
  return undo.empty;
}
