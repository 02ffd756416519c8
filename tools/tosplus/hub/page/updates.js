// Updates on their way: a wall for each rollout, one square a device, and its brakes. In the browser.

import * as api from "./api.js";
import { bin, confirm, h, say, setAttribute, setText } from "./dom.js";
import { clock, plural } from "./format.js";

const SIGNS = { waiting: "·", trial: "?", confirmed: "✓", failed: "✕", "rolled back": "↺" };
const FIRST = ["failed", "rolled back", "trial", "downloading", "confirmed", "waiting"];
const ENDED = ["failed", "rolled back"];

export function page(root, house) {
  const undo = bin();
  const walls = new Map();
  const list = h("div", { class: "stack" });
  const empty = h("div", { class: "empty", hidden: true }, h("h2", {}, "No update was rolled out yet"),
    h("p", {}, "A bundle goes to all devices that it is for with"), h("code", {}, "tos ota rollout BUNDLE"));
  root.append(h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Updates"),
    h("p", { class: "summary" }, "A square is a device.")), empty, list);

  function show(rollout) {
    if (!walls.has(rollout.id)) {
      const wall = made(house, rollout.id);
      const later = [...walls].filter(([id]) => id < rollout.id).sort(([a], [b]) => b - a)[0];
      list.insertBefore(wall.element, later ? later[1].element : null);
      walls.set(rollout.id, wall);
    }
    walls.get(rollout.id).update(rollout);
    empty.hidden = true;
  }

  async function look() {
    if (house.link !== "live") return;
    try {
      const { rollouts } = await api.updates();
      rollouts.forEach(show);
      empty.hidden = walls.size > 0;
    } catch (refusal) {
      say(`Updates: ${refusal.message}`);
    }
  }

  undo.add(house.on("rollout", show), house.on("link", look),
    house.on("devices", () => walls.forEach((wall) => wall.name())));
  look();
  return undo.empty;
}

// update(rollout) takes all of it, or only the devices that changed.
function made(house, id) {
  const squares = new Map();
  const title = h("h2", { id: `rollout-${id}` });
  const state = h("span", { class: "level" });
  const why = h("p", { class: "refused", role: "status" });
  const counts = h("p", { class: "quiet" });
  const wall = h("ul", { class: "wall", "aria-label": "Devices" });
  const reasons = h("ul", { class: "reasons", "aria-label": "What went wrong" });
  const pause = act("Pause", "pause");
  const resume = act("Resume", "resume");
  const halt = h("button", { type: "button", class: "button small bad", onclick: halted }, "Halt");
  const element = h("section", { class: "panel", "aria-labelledby": `rollout-${id}` },
    h("div", { class: "panelhead" }, title, state, h("div", { class: "actions" }, pause, resume, halt)),
    why, counts, wall, reasons);
  let now = null;

  function act(words, word) {
    return h("button", { type: "button", class: "button small", onclick: () => order(word) }, words);
  }

  async function order(word) {
    await api.orderRollout(id, word).catch((refusal) => say(refusal.message));
  }

  async function halted() {
    const words = "Nobody more begins, and downloads are ended. Devices that try it already go on with that.";
    if (await confirm("Halt this rollout?", words, "Halt it")) await order("halt");
  }

  function update(rollout) {
    now = rollout;
    setText(title, `${rollout.product} ${rollout.version}`);
    setText(state, rollout.state);
    element.dataset.state = rollout.state;
    setText(why, rollout.why && rollout.state === "halted" ? `Halted: ${rollout.why}.` : "");
    for (const row of rollout.devices) put(row);
    pause.hidden = rollout.state !== "running";
    resume.hidden = !["paused", "halted"].includes(rollout.state);
    halt.hidden = !["running", "paused"].includes(rollout.state);
    name();
  }

  function put(row) {
    if (!squares.has(row.device)) {
      const link = h("a", { href: `#/device/${encodeURIComponent(row.device)}` });
      squares.set(row.device, { link, reason: h("li") });
      wall.append(h("li", {}, link));
    }
    const square = squares.get(row.device);
    square.row = row;
    square.link.dataset.state = row.state;
    const share = row.total_b ? row.done_b / row.total_b : 0;
    const percent = `${Math.floor(100 * share)} %`;
    square.link.style.setProperty("--share", share);
    setText(square.link, row.state === "downloading" ? percent : SIGNS[row.state]);
    square.words = row.state === "downloading" ? `downloading, ${percent}` : row.state;
    if (row.text) square.words += `: ${row.text}`;
  }

  // What depends on how devices are called, and on all of them.
  function name() {
    const ended = [];
    for (const [device, { link, row, words, reason }] of squares) {
      const called = house.devices.get(device)?.name;
      if (called === undefined) { // forgotten
        link.parentElement.remove();
        squares.delete(device);
        continue;
      }
      setAttribute(link, "aria-label", `${called}: ${words}`);
      setAttribute(link, "title", `${called}: ${words}`);
      setText(reason, `${called}: ${words}`);
      if (ENDED.includes(row.state)) ended.push(reason);
    }
    if (ended.some((each, place) => each !== reasons.children[place]) || reasons.children.length !== ended.length) {
      reasons.replaceChildren(...ended);
    }
    element.hidden = !squares.size;
    const rows = [...squares.values()].map(({ row }) => row.state);
    const told = FIRST.filter((word) => rows.includes(word))
      .map((word) => `${rows.filter((each) => each === word).length} ${word}`);
    const wave = now.state === "running" ? `, wave ${now.opened} of ${now.waves.length}` : "";
    setText(counts, `${plural(squares.size, "device")}${wave}, begun ${clock(now.at)}: ${told.join(", ")}`);
  }

  return { element, update, name };
}
