// What happened in the house: the short stream beside the cards, and the page with all of it. In the browser.

import * as api from "./api.js";
import { bin, flash, h, say, setText } from "./dom.js";
import { age, clock, occurrence } from "./format.js";
import { iconOf, icon } from "./icons.js";

const PAGE = 100;
const MOST_ROWS = 1000;

function row(house, event) {
  const device = house.devices.get(event.device);
  const name = device?.name ?? (event.kind === "forgotten" ? event.value : event.device) ?? "hub";
  const when = h("time", { datetime: new Date(event.at * 1000).toISOString(), title: clock(event.at, true) });
  const element = h("li", { class: "event", "data-kind": event.kind ?? "event" },
    h("span", { class: "badge" }, device ? iconOf(device) : icon("generic")),
    h("span", { class: "what" },
      device ? h("a", { href: `#/device/${encodeURIComponent(device.id)}` }, name) : h("b", {}, name), " ",
        occurrence(event)),
    when);
  return { element, id: event.id, device: event.device, tick: () => setText(when, told(house, event.at)) };
}

function told(house, at) {
  const s = house.now() - at;
  return s < 3600 ? age(s) : clock(at);
}

// Newest first; `most` rows. Not a live region: a chatty house would never stop talking.
export function stream(house, most, wanted = () => true) {
  const element = h("ol", { class: "events" });
  const rows = [];
  function add(events, fresh) {
    for (const event of events.slice(-most)) {
      if (!wanted(event)) continue;
      const made = row(house, event);
      made.tick();
      rows.unshift(made);
      element.prepend(made.element);
      if (fresh) flash(made.element);
    }
    while (rows.length > most) rows.pop().element.remove();
  }
  const offs = [
    house.on("events", (events) => add(events, true)),
    house.on("tick", () => rows.forEach((made) => made.tick())),
  ];
  add(house.events, false);
  return {
    element,
    rows,
    older(events) {
      for (const event of events.toReversed().filter(wanted)) {
        const made = row(house, event);
        made.tick();
        rows.push(made);
        element.append(made.element);
      }
    },
    clear() {
      rows.length = 0;
      element.replaceChildren();
      add(house.events, false);
    },
    stop: () => offs.forEach((off) => off()),
  };
}

export function page(root, house) {
  const undo = bin();
  const which = h("select", { "aria-label": "Events of", onchange: () => restart() });
  const more = h("button", { type: "button", class: "button", onclick: () => older() }, "Older");
  const list = stream(house, MOST_ROWS, (event) => !which.value || event.device === which.value);
  let oldest = null;
  root.append(h("div", { class: "page narrow" },
    h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Events"), which),
      h("section", { class: "panel" }, list.element), more));

  function names() {
    const chosen = which.value;
    which.replaceChildren(h("option", { value: "" }, "all devices"),
      ...[...house.devices.values()].map(({ id, name }) => h("option", { value: id }, name)));
    which.value = house.devices.has(chosen) ? chosen : "";
  }

  function restart() {
    oldest = house.events[0]?.id ?? null;
    more.hidden = oldest === null;
    list.clear();
    if (list.rows.length < PAGE / 4) older();
  }

  // The hub pages through all devices' events; one device's may be far apart, so a few pages are read at once.
  async function older() {
    more.disabled = true;
    const enough = list.rows.length + PAGE / 2;
    try {
      for (let pages = 0; pages < 5 && list.rows.length < enough && oldest !== null; pages++) {
        const { events } = await api.events(oldest, PAGE);
        list.older(events);
        oldest = events.length === PAGE ? events[0].id : null;
      }
    } catch (refusal) {
      say(`Older events: ${refusal.message}`);
    }
    more.disabled = false;
    more.hidden = oldest === null || list.rows.length >= MOST_ROWS;
  }

  names();
  restart();
  undo.add(list.stop, house.on("devices", names));
  return undo.empty;
}
