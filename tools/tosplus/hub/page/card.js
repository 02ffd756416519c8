// One device as a card of the house, in the browser: built once for its table, then only what changed is touched.

import { control, reading } from "./controls.js";
import { flash, h, setAttribute, setText } from "./dom.js";
import { age, clock, human, number } from "./format.js";
import { battery as drawBattery, iconOf } from "./icons.js";
import { battery, face, shape } from "./model.js";
import { notices } from "./notices.js";
import { spark } from "./spark.js";

export function card(house, id) {
  const element = h("article", { class: "card", "data-device": id });
  let drawn = null;
  let body = null;

  function update(paths = null) {
    const device = house.devices.get(id);
    if (!device) return;
    const now = device.model + shape(device);
    if (paths === null && now !== drawn) {
      body?.stop();
      body = build(house, id);
      element.replaceChildren(...body.children);
      drawn = now;
    }
    if (paths === null) {
      setAttribute(element, "aria-label", device.name);
      element.dataset.state = house.link === "live" ? device.link : "away";
    }
    body.update(paths);
  }

  const offs = [house.on(`device ${id}`, update), house.on("events", (events) => body.happened(events, true))];
  update();
  body.happened(house.events, false);
  return {
    element,
    stop() {
      offs.forEach((off) => off());
      body.stop();
    },
  };
}

function build(house, id) {
  const device = house.devices.get(id);
  const { first, controls, facts, events, more } = face(device);
  const parts = new Map();
  const place = (path, part) => {
    parts.set(path, [...(parts.get(path) ?? []), part]);
    return part.element;
  };

  const head = heading(house, id);
  const children = [head.element, head.warnings];
  let line = null;
  if (first) {
    line = spark(house, id, first.path);
    children.push(h("div", { class: "primary" },
      h("div", { class: "big" }, h("span", { class: "label" }, human(first.path)),
        place(first.path, reading(house, id, first.path))),
      line.element));
  }
  if (facts.length) {
    children.push(h("dl", { class: "facts" }, ...facts.map((fact) =>
      h("div", {}, h("dt", {}, human(fact.path)), h("dd", {}, place(fact.path, reading(house, id, fact.path)))))));
  }
  if (controls.length) {
    children.push(h("div", { class: "controls" }, ...controls.map((resource) =>
      h("div", { class: "row" }, h("span", { class: "label", "aria-hidden": "true" }, human(resource.path)),
        place(resource.path, control(house, id, resource.path, { value: resource !== first }))))));
  }
  const last = events.length ? h("p", { class: "happened" }, h("span", { class: "what" }, "nothing yet"),
    h("span", { class: "age" })) : null;
  if (last) children.push(last);
  if (more > 0) children.push(h("a", { class: "more", href: `#/device/${encodeURIComponent(id)}` },
    `and ${more} more`));

  let latest = null;
  const showAge = () => latest && setText(last.lastChild, age(house.now() - latest.at));
  const offTick = house.on("tick", () => {
    showAge();
    head.tick();
  });

  return {
    children,
    update(paths) {
      if (paths === null) head.update();
      for (const path of paths ?? parts.keys()) for (const part of parts.get(path) ?? []) part.update();
      if (paths === null || paths.has(battery(house.devices.get(id))?.path)) head.charge();
    },
    happened(news, fresh) {
      const own = last && news.findLast((event) => event.device === id && event.path !== null);
      if (!own || own === latest) return;
      latest = own;
      setText(last.firstChild, `${human(own.path)}: ${own.value}`);
      showAge();
      if (fresh) flash(last);
    },
    stop() {
      line?.stop();
      offTick();
    },
  };
}

// Name, link state, battery and warnings.
function heading(house, id) {
  const device = house.devices.get(id);
  const name = h("a", { href: `#/device/${encodeURIComponent(id)}` });
  const link = h("span", { class: "link" });
  const since = h("span", { class: "since" });
  const power = battery(device);
  const [cell, setCell] = drawBattery();
  const percent = h("span");
  const element = h("header", { class: "head" },
    h("span", { class: "badge" }, iconOf(device)),
    h("div", { class: "who" }, h("h2", {}, name), h("p", { class: "state" }, link, since)),
    power ? h("p", { class: "battery" }, cell, h("span", { class: "sr" }, "battery "), percent) : null);
  const warnings = h("ul", { class: "warnings" });

  function words({ link, since, next, seen }) {
    if (link === "asleep" && next) return `until ${clock(next)}`;
    if (link === "away" && seen) return `last seen ${age(house.now() - seen)}`;
    return since ? `since ${clock(since)}` : "";
  }

  return {
    element,
    warnings,
    tick() {
      const device = house.devices.get(id);
      if (device) setText(since, words(device));
    },
    update() {
      const device = house.devices.get(id);
      setText(name, device.name);
      setText(link, device.link);
      link.dataset.link = device.link;
      setText(since, words(device));
      notices(device, warnings);
    },
    charge() {
      if (!power) return;
      const value = house.devices.get(id).byPath.get(power.path).value;
      setCell(value);
      setText(percent, value === null ? "unknown" : `${number(value)} %`);
    },
  };
}
