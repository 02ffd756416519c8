// The latest taps at the tills, as sequence diagrams: device, till, token service; a message opens to its bytes. In
// the browser. Numbers of tokens come masked from the hub.

import * as api from "./api.js";
import { bin, h, setText } from "./dom.js";
import { clock } from "./format.js";

const MOST = 8;

const words = ({ at, title }) => `${clock(at, true)}  ${title}`;

// tokens(): those that are known, by whose last digits a device is named. name(): they changed.
export function panel(house, tokens) {
  const undo = bin();
  const latest = new Map(); // by number; the newest has the highest
  const which = h("select", { "aria-label": "Tap", onchange: choose });
  const outcome = h("p", { class: "outcome", role: "status" });
  const none = h("p", { class: "quiet" }, "Tap a watch on a till: what they say to one another is shown here.");
  const place = h("div");
  const element = h("section", { class: "panel", "aria-labelledby": "taps" },
    h("div", { class: "panelhead" }, h("h2", { id: "taps" }, "The latest taps"), which), none, outcome, place);
  let chosen = null; // null follows the newest
  let drawn = null;

  function take(tap) {
    latest.set(tap.id, tap);
    while (latest.size > MOST) latest.delete(Math.min(...latest.keys()));
    update();
  }

  function update() {
    const ids = [...latest.keys()].sort((a, b) => b - a);
    none.hidden = ids.length > 0;
    which.hidden = ids.length < 2;
    if (!latest.has(chosen)) chosen = null;
    const open = chosen ?? ids[0];
    const options = ids.map((id) => h("option", { value: id }, words(latest.get(id))));
    if (options.map(({ text }) => text).join("\n") !== [...which.options].map(({ text }) => text).join("\n")) {
      which.replaceChildren(...options);
    }
    which.value = open ?? "";
    setText(outcome, ids.length ? latest.get(open).title : "");
    if (!ids.length) return place.replaceChildren();
    if (drawn?.id !== open) {
      drawn = diagram(open);
      place.replaceChildren(drawn.element);
    }
    drawn.update(latest.get(open), names(latest.get(open)));
  }

  function choose() {
    const id = Number(which.value);
    chosen = id === Math.max(...latest.keys()) ? null : id;
    update();
  }

  function names({ till, last }) {
    const token = last && tokens().find(({ number_masked: number }) => number.endsWith(last));
    return {
      device: (token && (house.devices.get(token.device)?.name ?? token.device)) ?? "device",
      till: house.devices.get(till)?.name ?? till,
      service: "token service",
    };
  }

  async function look() {
    if (house.link !== "live") return;
    const told = await api.taps().catch(() => null);
    if (told === null) return;
    latest.clear();
    told.forEach((tap) => latest.set(tap.id, tap));
    drawn = null;
    update();
  }

  undo.add(house.on("tap", take), house.on("link", look));
  look();
  return { element, name: () => latest.size && update(), stop: undo.empty };
}

// One tap. update(tap, names): messages are added, never changed.
function diagram(id) {
  const heads = { device: h("span"), till: h("span"), service: h("span") };
  const messages = h("ol", { class: "messages", "aria-label": "What was said, in its order" });
  const element = h("div", { class: "sequence" }, h("div", { class: "lanes", "aria-hidden": "true" },
    ...Object.values(heads)), messages);
  const rows = [];

  function update(tap, names) {
    for (const [who, head] of Object.entries(heads)) setText(head, names[who]);
    tap.rows.slice(rows.length).forEach((row) => {
      rows.push(message(row));
      messages.append(rows.at(-1).element);
    });
    rows.forEach(({ name }) => name(names));
  }
  return { id, element, update };
}

function message(row) {
  const path = h("span", { class: "sr" });
  const line = [path, h("span", { class: "words" }, row.title), h("time", {}, `${row.ms} ms`),
    h("span", { class: "arrow", "aria-hidden": "true" })];
  const bytes = row.hex === "" ? null : h("div", { class: "bytes", hidden: true });
  const head = bytes
    ? h("button", { type: "button", class: "message", "aria-expanded": "false", onclick: toggle }, ...line)
    : h("div", { class: "message" }, ...line);
  const element = h("li", { "data-kind": row.kind, "data-from": row.from, "data-to": row.to }, head, bytes);

  function toggle() {
    if (!bytes.children.length) bytes.append(...opened(row));
    bytes.hidden = !bytes.hidden;
    head.setAttribute("aria-expanded", String(!bytes.hidden));
  }
  return { element, name: (names) => setText(path, `${names[row.from]} to ${names[row.to]}: `) };
}

function opened({ fields, hex }) {
  const rows = fields.map(({ tag, name, value, depth }) => h("div", { "data-depth": depth },
    h("dt", {}, tag ? h("span", { class: "code" }, tag) : null, " ", name), h("dd", {}, value)));
  const pairs = hex.match(/../gs).join(" ");
  const bytes = h("pre", { tabindex: 0, "aria-label": "Bytes" }, pairs);
  return rows.length ? [h("dl", {}, ...rows), bytes] : [bytes];
}
