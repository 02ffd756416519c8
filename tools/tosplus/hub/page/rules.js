// The editor of the rules that a device runs by itself: "When door is open, set light to on". In the browser.

import * as api from "./api.js";
import { h, setText } from "./dom.js";
import { human, isBinary, isNumeric, twoWords } from "./format.js";
import { mayWrite } from "./model.js";

const MOST = 16;
const HOWS = { equals: "is", above: "rises above", below: "falls below" };

export function editor(house, id) {
  let mine = null; // the rules as edited; null while they are the device's own
  const list = h("ol", { class: "rules" });
  const refused = h("p", { class: "refused", role: "alert" });
  const hint = h("p", { class: "quiet" });
  const add = h("button", { type: "button", class: "button", onclick: append }, "Add a rule");
  const undo = h("button", { type: "button", class: "button", onclick: drop }, "Discard");
  const save = h("button", { type: "submit", class: "button main" }, "Save");
  const form = h("form", { onsubmit: send }, list, hint, refused, h("div", { class: "actions" }, add, undo, save));
  const element = h("section", { class: "panel", "aria-labelledby": "rules" },
    h("div", { class: "panelhead" }, h("h2", { id: "rules" }, "Rules"),
      h("p", { class: "quiet" }, "They run on the device, with the hub off too.")), form);
  let drawn = null;

  const device = () => house.devices.get(id);
  const watched = () => device().resources.filter((resource) => resource.type !== "text");
  const targets = (other = "") => resources(other).filter((resource) => mayWrite(resource, other ? "link" : "rule"));
  const resources = (other) => (other ? house.devices.get(other)?.resources ?? [] : device().resources);
  const others = () => device().paired ? [...house.devices.values()].filter((one) => one.id !== id && one.paired
    && targets(one.id).length) : [];

  function update() {
    const rules = mine ?? device().rules;
    const now = JSON.stringify(rules);
    if (!mine && now !== drawn) {
      drawn = now;
      list.replaceChildren(...(rules ?? []).map(row));
    }
    const able = watched().length > 0 && (targets().length > 0 || others().length > 0);
    const hindrance = house.hindrance(device());
    add.disabled = !able || rules === null || list.children.length >= MOST;
    save.hidden = undo.hidden = !mine;
    save.disabled = hindrance !== null;
    if (!able) setText(hint, "Nothing of this device can be watched and set by a rule.");
    else if (rules === null) setText(hint, "Not read from the device yet.");
    else if (mine && hindrance) setText(hint, `They can be saved when the device is back: ${hindrance} now.`);
    else setText(hint, list.children.length ? "" : "None yet.");
  }

  // One rule as a sentence of selects; row.rule() is what it says now.
  function row(rule) {
    const when = choice("When", watched().map(({ path }) => [path, human(path)]), rule.when);
    const how = h("select", { "aria-label": "Condition" });
    const than = h("span", { class: "operand" });
    const where = choice("Of", [["", "this device"], ...others().map((one) => [one.id, one.name])], rule.device ?? "");
    const set = h("select", { "aria-label": "Set" });
    const to = h("span", { class: "operand" });
    const remove = h("button", { type: "button", class: "button small bad quietly",
      "aria-label": "Remove this rule" }, "Remove");
    const element = h("li", { class: "rule" }, h("span", { class: "sentence" },
      h("span", { class: "clause" }, "When ", when, how, than),
        h("span", { class: "clause" }, "then set ", set, ...(where.options.length > 1 ? [" of ", where] : []),
          " to ", to)), remove);
    const given = Object.keys(HOWS).find((name) => name in rule) ?? "equals";

    const source = () => device().byPath.get(when.value);
    const target = () => (where.value ? house.devices.get(where.value) : device())?.byPath.get(set.value);
    function sets(chosen) {
      const made = choice("Set", targets(where.value).map(({ path }) => [path, human(path)]), chosen);
      const { value } = made; // which it has no more without its options
      set.replaceChildren(...made.children);
      set.value = value;
    }
    function hows(chosen) {
      const fits = source() && isNumeric(source()) ? ["above", "below", "equals"] : ["equals"];
      how.replaceChildren(...fits.map((name) => h("option", { value: name }, HOWS[name])));
      how.value = fits.includes(chosen) ? chosen : fits[0];
    }
    function operands(first, second) {
      than.replaceChildren(operand(source(), "Value watched for", first, false));
      to.replaceChildren(operand(target(), "Value to set", second, true));
    }
    when.addEventListener("change", () => {
      hows(how.value);
      than.replaceChildren(operand(source(), "Value watched for", undefined, false));
    });
    set.addEventListener("change", () => to.replaceChildren(operand(target(), "Value to set", undefined, true)));
    where.addEventListener("change", () => {
      sets(undefined);
      to.replaceChildren(operand(target(), "Value to set", undefined, true));
    });
    element.addEventListener("input", edited);
    remove.addEventListener("click", () => {
      const next = element.nextElementSibling ?? element.previousElementSibling;
      element.remove();
      (next?.querySelector("select") ?? add).focus();
      edited();
    });
    hows(given);
    sets(rule.set);
    operands(rule[given], rule.to);
    element.rule = () => {
      const made = { when: when.value, [how.value]: than.firstChild.read() };
      if (where.value) made.device = where.value;
      made.set = set.value;
      const value = to.firstChild.read();
      return value === undefined ? made : { ...made, to: value };
    };
    return element;
  }

  function edited() {
    mine = [...list.children].map((row) => row.rule());
    setText(refused, "");
    update();
  }

  function append() {
    const source = watched()[0];
    const other = targets().length ? undefined : others()[0].id;
    const target = targets(other).find(isBinary) ?? targets(other)[0];
    list.append(row({ when: source.path, equals: undefined, ...(other && { device: other }), set: target.path,
      to: isBinary(target) ? true : undefined }));
    edited();
    list.lastChild.querySelector("select").focus();
  }

  function drop() {
    mine = drawn = null;
    setText(refused, "");
    update();
    add.focus();
  }

  async function send(event) {
    event.preventDefault();
    edited();
    save.disabled = true;
    const sent = mine;
    try {
      await api.putRules(id, sent);
      device().rules = sent;
      mine = drawn = null;
      add.focus();
    } catch (refusal) {
      setText(refused, `Not saved: ${refusal.message}.`);
    }
    update();
  }

  update();
  return { element, stop: house.on(`device ${id}`, (paths) => paths === null && update()) };
}

function choice(name, pairs, chosen) {
  const element = h("select", { "aria-label": name }, ...pairs.map(([value, words]) => h("option", { value }, words)));
  if (chosen !== undefined && !pairs.some(([value]) => value === chosen)) element.append(h("option",
    { value: chosen }, chosen));
  element.value = chosen ?? pairs[0]?.[0] ?? "";
  return element;
}

// A field for a value of this resource; .read() gives it. `toggles`: a switch may also be turned the other way.
function operand(resource, name, value, toggles) {
  let element;
  if (resource && isBinary(resource)) {
    const [no, yes] = twoWords(resource);
    const pairs = [["true", yes], ["false", no]];
    if (toggles) pairs.push(["toggle", "the other way"]);
    element = choice(name, pairs, value === undefined ? (toggles ? "toggle" : "true") : String(value));
    element.read = () => ({ true: true, false: false })[element.value];
  } else if (resource?.options?.length) {
    element = choice(name, resource.options.map((option) => [option, human(option)]), value);
    element.read = () => element.value;
  } else if (resource && isNumeric(resource)) {
    const { minimum, maximum, step } = resource;
    element = h("input", { type: "number", required: true, "aria-label": name, min: minimum, max: maximum,
      step: step || "any", inputmode: "decimal" });
    element.value = value ?? resource.value ?? minimum ?? 0;
    element.read = () => element.valueAsNumber;
  } else {
    element = h("input", { type: "text", "aria-label": name, value: value ?? "" });
    element.read = () => element.value;
  }
  return element;
}
