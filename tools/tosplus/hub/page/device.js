// One device, all of it: #/device/ID. In the browser.

import { panel as bench } from "./bench.js";
import { chart } from "./chart.js";
import { bin, h, setAttribute, setText } from "./dom.js";
import { stream } from "./events.js";
import { age, clock } from "./format.js";
import { icon, iconOf } from "./icons.js";
import { notices } from "./notices.js";
import { identity } from "./identity.js";
import { log } from "./log.js";
import { peers } from "./peers.js";
import { charted, lanes, shape } from "./model.js";
import { editor } from "./rules.js";
import { table } from "./table.js";

export function page(root, house, id) {
  const undo = bin();
  let drawn = null;
  const outer = h("div", { class: "page" });
  root.append(outer);

  function update() {
    const device = house.devices.get(id);
    const now = device ? shape(device) : "gone";
    if (now === drawn) return;
    drawn = now;
    undo.empty();
    outer.replaceChildren(...(device ? build(house, id, undo) : missing(house)));
  }

  const offs = [house.on("devices", update), house.on(`device ${id}`, (paths) => paths === null && update())];
  update();
  return () => {
    offs.forEach((off) => off());
    undo.empty();
  };
}

function missing(house) {
  const words = house.link === "live" ? "The hub knows no device of this name." : "Asking the hub …";
  return [h("div", { class: "empty" }, h("h1", { tabindex: "-1" }, "No such device"), h("p", {}, words),
    h("a", { href: "#/" }, "To the house"))];
}

function build(house, id, undo) {
  const device = house.devices.get(id);
  const top = heading(house, id);
  const resources = table(house, id);
  const rules = editor(house, id);
  const messages = log(house, id);
  const who = identity(house, id);
  const others = peers(house, id);
  const events = stream(house, 20, (event) => event.device === id);
  const levers = bench(house, id);
  const picture = charted(device).length || lanes(device, 1).length ? chart(house, id) : null;
  undo.add(...[top, resources, rules, messages, who, others, events, levers].map((part) => part.stop), () => picture?.stop());
  return [
    top.element,
    h("div", { class: "withside wide" },
      h("div", { class: "stack" }, picture?.element, resources.element, rules.element, messages.element),
      h("div", { class: "stack" }, levers.element, who.element, others.element,
        h("section", { class: "panel", "aria-labelledby": "own-events" },
          h("div", { class: "panelhead" }, h("h2", { id: "own-events" }, "Lately")), events.element))),
  ];
}

function heading(house, id) {
  const name = h("h1", { tabindex: "-1" });
  const link = h("span", { class: "link" });
  const since = h("span", { class: "since" });
  const warnings = h("ul", { class: "warnings", "aria-label": "Warnings" });
  const element = h("div", { class: "devicehead" },
    h("a", { class: "back", href: "#/" }, icon("back"), "House"),
    h("div", { class: "head" }, h("span", { class: "badge large" }, iconOf(house.devices.get(id))),
      h("div", { class: "who" }, name, h("p", { class: "state" }, link, since))),
    warnings);

  function update() {
    const device = house.devices.get(id);
    if (!device) return;
    const at = device.link === "asleep" && device.next ? `, back at ${clock(device.next)}` : "";
    setText(name, device.name);
    setText(link, device.link);
    link.dataset.link = device.link;
    setText(since, device.since ? `since ${clock(device.since)}${at}, last heard ${age(house.now() - device.seen)}`
      : "");
    setAttribute(element, "data-state", house.link === "live" ? device.link : "away");
    notices(device, warnings);
  }

  const offs = [house.on(`device ${id}`, (paths) => paths === null && update()), house.on("tick", update)];
  update();
  return { element, stop: () => offs.forEach((off) => off()) };
}
