// Every resource of a device, a page at a time: a thousand cost no more than twenty-five. In the browser.

import { control } from "./controls.js";
import { h, setText } from "./dom.js";
import { age, bare, human, number } from "./format.js";
import { mayWrite } from "./model.js";

const ROWS = 25;

export function table(house, id) {
  const all = house.devices.get(id).resources;
  const many = all.length > ROWS;
  const body = h("tbody");
  const where = h("span", { class: "quiet" });
  const back = h("button", { type: "button", class: "button small", onclick: () => turn(-1) }, "Back");
  const on = h("button", { type: "button", class: "button small", onclick: () => turn(1) }, "Next");
  const find = h("input", { type: "search", placeholder: "Find a resource", "aria-label": "Find a resource",
    hidden: !many, oninput: () => fill(0) });
  const element = h("section", { class: "panel", "aria-labelledby": "resources" },
    h("div", { class: "panelhead" }, h("h2", { id: "resources" }, "Resources"), find),
    h("table", { class: "resources" },
      h("thead", {}, h("tr", {}, ...["Name", "Value", "Kind",
        "Changed"].map((name) => h("th", { scope: "col" }, name)))), body),
    many ? h("div", { class: "pager" }, back, where, on) : null);
  let rows = new Map();
  let page = 0;

  function fill(wanted) {
    const text = find.value.trim().toLowerCase();
    const found = all.filter(({ path }) => path.toLowerCase().includes(text));
    const pages = Math.max(1, Math.ceil(found.length / ROWS));
    page = Math.min(wanted, pages - 1);
    rows = new Map(found.slice(page * ROWS, (page + 1) * ROWS).map(({ path }) => [path, row(house, id, path)]));
    body.replaceChildren(...[...rows.values()].map((made) => made.element));
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
    const first = found.length && page * ROWS + 1;
    setText(where, `${first} to ${Math.min(found.length, (page + 1) * ROWS)} of ${found.length}`);
    update(null);
  }

  function turn(by) {
    fill(page + by);
    element.scrollIntoView({ block: "start" });
  }

  function update(paths) {
    for (const [path, made] of rows) if (!paths || paths.has(path)) made.update();
  }

  const offs = [house.on(`device ${id}`, update), house.on("tick", () => rows.forEach((made) => made.tick()))];
  fill(0);
  return { element, stop: () => offs.forEach((off) => off()) };
}

function row(house, id, path) {
  const resource = house.devices.get(id).byPath.get(path);
  const part = resource.event ? null : control(house, id, path);
  const changed = h("td", { class: "when" });
  const element = h("tr", {},
    h("th", { scope: "row" }, human(path)),
    h("td", { class: "value" }, part ? part.element : h("span", { class: "quiet" }, "happens")),
    h("td", { class: "kind" }, kind(resource)),
    changed);
  function tick() {
    const at = house.devices.get(id)?.byPath.get(path)?.at;
    setText(changed, at ? age(house.now() - at) : "");
  }
  return { element, tick, update: () => (part?.update(), tick()) };
}

// "number, 0 to 100 %, kept" : what the table says of a resource, in words.
function kind(resource) {
  const told = [human(resource.type)];
  const { minimum, maximum, unit, options } = resource;
  if (minimum !== null && maximum !== null) told.push(`${number(minimum)} to ${number(maximum)} ${unit ?? ""}`.trim());
  if (options?.length) told.push(options.join(" · "));
  if (resource.keep) told.push("kept");
  if (resource.safe !== null) told.push(`safe: ${bare(resource, resource.safe)}`);
  if (resource.writable && !mayWrite(resource, "link")) told.push(`set by ${resource.origins.join(" and ")} only`);
  return told.join(", ");
}
