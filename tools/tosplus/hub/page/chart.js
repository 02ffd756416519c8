// The large chart of a device, in the browser: a reading as a line, its switches as lanes below, and a read-out.

import { bin, h, setAttribute, setText, svg } from "./dom.js";
import { clock, human, number, words } from "./format.js";
import { charted, lanes, primary } from "./model.js";
import { at, extent, paths, trace } from "./trace.js";

const RANGES = [["2 min", 120], ["15 min", 900], ["1 h", 3600], ["6 h", 21600], ["24 h", 86400], ["7 d", 604800]];
const POINTS = 600;
const MOST_LANES = 4;
const PLOT = { left: 48, right: 14, top: 10, height: 210, axis: 24, lane: 30 };
const NICE_S = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800];

export function chart(house, id) {
  const undo = bin();
  const device = house.devices.get(id);
  const numeric = charted(device);
  const strips = lanes(device, MOST_LANES).map((resource) =>
    ({ resource, past: trace(house, id, resource.path, () => window_s, POINTS, soon) }));
  let window_s = RANGES[1][1];
  let line = null;
  let cursor = null; // seconds since 1970, or null: the read-out shows now
  let waiting = false;

  const which = h("select", { "aria-label": "Chart of", hidden: numeric.length < 2, onchange: pick },
    ...numeric.slice(0, 200).map(({ path }) => h("option", { value: path }, human(path))));
  if (numeric.length) which.value = primary(device)?.path;
  const ranges = h("div", { class: "segments", role: "group", "aria-label": "How far back" },
    ...RANGES.map(([name, s]) => h("button", { type: "button", "aria-pressed": String(s === window_s),
      onclick: () => look(s) }, name)));
  const readout = h("p", { class: "readout" });
  const drawing = svg("svg", { "aria-hidden": "true" });
  const plot = h("div", { class: "plot", tabindex: 0, role: "slider", "aria-label": "Moment in the chart",
    onpointermove: point, onpointerdown: point, onpointerleave: leave, onkeydown: walk, onblur: leave }, drawing);
  const element = h("section", { class: "panel chart", "aria-label": "Chart" },
    h("div", { class: "panelhead" }, numeric.length === 1 ? h("h2", {}, human(numeric[0].path)) : which, ranges),
      readout, plot);
  const resized = new ResizeObserver(soon);
  resized.observe(plot);
  undo.add(() => resized.disconnect(), () => line?.stop(), () => strips.forEach(({ past }) => past.stop()),
    house.on("tick", () => window_s <= 3600 && soon()));

  function pick() {
    line?.stop();
    line = numeric.length ? trace(house, id, which.value, () => window_s, POINTS, soon) : null;
    line?.load();
  }

  function look(s) {
    window_s = s;
    [...ranges.children].forEach((button, index) =>
      setAttribute(button, "aria-pressed", String(RANGES[index][1] === s)));
    line?.load();
    strips.forEach(({ past }) => past.load());
    cursor = null;
  }

  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (house.devices.has(id)) draw();
    });
  }

  const span = () => ({ to: house.now(), from: house.now() - window_s });

  function draw() {
    const width = plot.clientWidth;
    const device = house.devices.get(id);
    const until = house.until(device);
    const { from, to } = span();
    const { left, right, top, axis, lane } = PLOT;
    const height = line ? PLOT.height : 0;
    const total = top + height + strips.length * lane + axis;
    const x = (t) => left + ((t - from) / window_s) * (width - left - right);
    const shapes = [];
    const floor = top + height;
    const resource = line && device.byPath.get(which.value);
    const [low, high, step] = ticks(line && extent(line.points));
    const y = (value) => floor - ((value - low) / (high - low)) * height;
    const every = NICE_S.find((s) => (s / window_s) * (width - left - right) > 74) ?? NICE_S.at(-1);
    const zone_s = new Date(to * 1000).getTimezoneOffset() * 60;
    for (let t = Math.ceil((from - zone_s) / every) * every + zone_s; t <= to; t += every) {
      if (x(t) > left + 12 && x(t) < width - right - 8) {
        shapes.push(svg("path", { class: "hair", d: `M${x(t)} ${top}V${total - axis + 4}` }),
          svg("text", { x: x(t), y: total - 5, class: "x" }, tick(t, every)));
      }
    }
    if (line) {
      for (let value = low; value <= high + step / 2; value += step) {
        shapes.push(svg("path", { class: "hair", d: `M${left} ${y(value)}H${width - right}` }),
          svg("text", { x: left - 8, y: y(value) + 4, class: "y" }, number(value, decimals(step))));
      }
      const drawn = paths(line.points, x, y, from, until, floor);
      shapes.push(svg("path", { class: "area", d: drawn.area }), svg("path", { class: "line", d: drawn.line }));
    }
    strips.forEach(({ resource, past }, row) => {
      const base = floor + row * lane;
      shapes.push(svg("path", { class: "rail", d: `M${left} ${base + 23}H${width - right}` }));
      for (const [a, b] of yes(past.points, from, until)) {
        shapes.push(svg("path", { class: "on", d: `M${x(a)} ${base + 23}H${Math.max(x(b), x(a) + 0.5)}` }));
      }
      shapes.push(svg("text", { x: left, y: base + 16, class: "lane" }, human(resource.path)));
    });
    const t = cursor === null ? until : Math.min(Math.max(cursor, from), to);
    const value = resource && (cursor === null ? house.shown(id, resource) : at(line.points, t));
    if (cursor !== null) shapes.push(svg("path", { class: "cursor", d: `M${x(t)} ${top}V${total - axis}` }));
    if (typeof value === "number") shapes.push(svg("circle",
      { class: "dot", cx: x(t), cy: y(Math.min(high, Math.max(low, value))), r: 4 }));
    drawing.setAttribute("width", width);
    drawing.setAttribute("height", total);
    drawing.replaceChildren(...shapes);
    read(t, resource, value);
  }

  function read(t, resource, value) {
    const told = [];
    if (resource) told.push([human(resource.path), value === undefined ? "not known" : words(resource, value)]);
    for (const strip of strips) {
      const then = cursor === null ? house.devices.get(id).byPath.get(strip.resource.path).value
        : at(strip.past.points, t);
      told.push([human(strip.resource.path), then === undefined ? "not known" : words(strip.resource, then)]);
    }
    const when = cursor === null ? "now" : clock(t, true);
    const text = `${when}, ${told.map((pair) => pair.join(" ")).join(", ")}`;
    if (readout.dataset.text !== text) {
      readout.dataset.text = text;
      readout.replaceChildren(h("time", {}, when), ...told.map(([name, value]) =>
        h("span", {}, `${name} `, h("b", {}, value))));
    }
    setAttribute(plot, "aria-valuemin", 0);
    setAttribute(plot, "aria-valuemax", 1000);
    setAttribute(plot, "aria-valuenow", Math.round((1 - (span().to - t) / window_s) * 1000));
    setAttribute(plot, "aria-valuetext", text);
  }

  function point(event) {
    const { left, right } = PLOT;
    const { from, to } = span();
    const share = (event.clientX - plot.getBoundingClientRect().left - left) / (plot.clientWidth - left - right);
    cursor = Math.min(to, Math.max(from, from + share * window_s));
    soon();
  }

  function walk(event) {
    const { from, to } = span();
    const far = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (far) cursor = Math.min(to, Math.max(from, (cursor ?? to) + (far * window_s) / 100));
    else if (event.key === "Home") cursor = from;
    else if (event.key === "End" || event.key === "Escape") cursor = null;
    else return;
    event.preventDefault();
    soon();
  }

  function leave() {
    cursor = null;
    soon();
  }

  setText(readout, "\u00a0");
  pick();
  line?.loaded.then(() => house.now() - line.points[0]?.[0] < RANGES[0][1] && look(RANGES[0][1]));
  strips.forEach(({ past }) => past.load());
  return { element, stop: undo.empty };
}

// [lowest, highest, step] of an axis with four to eight round steps around the values.
function ticks(bounds) {
  let [low, high] = bounds ?? [0, 1];
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step, step];
}

const decimals = (step) => Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)));

// The stretches [from, to] where a binary resource was true.
function yes(points, from, until) {
  return points
    .map(([t, value], index) => value === true && [Math.max(t, from), points[index + 1]?.[0] ?? until])
    .filter((stretch) => stretch && stretch[1] > from);
}

function tick(t, every) {
  if (every >= 86400) return new Date(t * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return clock(t, every < 60).split(", ").at(-1);
}
