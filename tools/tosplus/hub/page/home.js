// The house: a card for each device, and what happens, beside them. In the browser.

import { bin, h, setText } from "./dom.js";
import { card } from "./card.js";
import { stream } from "./events.js";
import { plural } from "./format.js";

const NARROW = 14; // so many devices are taken in at a glance; more can be narrowed down by name

export function page(root, house) {
  const undo = bin();
  const cards = new Map();
  const summary = h("p", { class: "summary" });
  const grid = h("div", { class: "grid" });
  const filter = h("input", { type: "search", placeholder: "Find a device", "aria-label": "Find a device",
    oninput: narrow, hidden: true });
  const empty = h("div", { class: "empty", hidden: true }, h("h2", {}, "There is no device yet"),
    h("p", {}, h("a", { href: "#/part/pair" }, "Add one"), " by the code that it shows. To see some without hardware: "),
      h("code", {}, "make demo"));
  const events = stream(house, 40);
  root.append(h("div", { class: "withside" },
    h("div", {}, h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "The house"), summary, filter), empty, grid),
    h("aside", { class: "side", "aria-labelledby": "lately" }, h("h2", { id: "lately" }, "Lately"), events.element,
      h("a", { class: "more", href: "#/events" }, "All events"))));
  undo.add(events.stop, house.on("devices", update), house.on("link", update));

  function update() {
    for (const [id, { element, stop }] of cards) {
      if (house.devices.has(id)) continue;
      stop();
      element.remove();
      cards.delete(id);
    }
    const inOrder = [...house.devices.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    inOrder.forEach(({ id }, place) => {
      if (!cards.has(id)) cards.set(id, card(house, id));
      const { element } = cards.get(id);
      if (grid.children[place] !== element) grid.insertBefore(element, grid.children[place] ?? null);
    });
    const count = (link) => [...house.devices.values()].filter((device) => device.link === link).length;
    const states = ["live", "asleep", "away", "new"].filter(count).map((link) => `${count(link)} ${link}`);
    setText(summary, house.devices.size ? `${plural(house.devices.size, "device")}: ${states.join(", ")}` : "");
    empty.hidden = house.devices.size > 0 || house.link !== "live";
    filter.hidden = house.devices.size < NARROW;
    narrow();
  }

  function narrow() {
    const wanted = filter.hidden ? "" : filter.value.trim().toLowerCase();
    for (const [id, { element }] of cards) element.hidden = !house.devices.get(id).name.toLowerCase().includes(wanted);
  }

  update();
  undo.add(() => cards.forEach(({ stop }) => stop()));
  return undo.empty;
}
