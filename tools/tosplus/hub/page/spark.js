// The small line on a card: the last quarter of an hour of one reading, in the browser.

import { h, setText, svg } from "./dom.js";
import { number } from "./format.js";
import { extent, paths, trace } from "./trace.js";

const WINDOW_S = 900;
const POINTS = 160;
const WIDTH = 300;
const HEIGHT = 56;
const PAD = 5;
const REDRAW_TICKS = 5;

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) entry.target.dispatchEvent(new Event("seen"));
});

export function spark(house, id, path) {
  const line = svg("path", { class: "line" });
  const area = svg("path", { class: "area" });
  const tip = svg("path", { class: "tip" });
  const range = h("span");
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, area, line, tip);
  const element = h("figure", { class: "spark" }, chart,
    h("figcaption", {}, h("span", { class: "quiet" }, "15 min"), range));
  const past = trace(house, id, path, () => WINDOW_S, POINTS, draw);
  let ticks = 0;
  const offTick = house.on("tick", () => (ticks = (ticks + 1) % REDRAW_TICKS) || draw());
  element.addEventListener("seen", () => {
    seen.unobserve(element);
    past.load();
  });
  seen.observe(element);

  function draw() {
    const resource = house.devices.get(id)?.byPath.get(path);
    if (!resource) return;
    const from = house.now() - WINDOW_S;
    const until = house.until(house.devices.get(id));
    const bounds = extent(past.points);
    if (!bounds) {
      for (const shape of [line, area, tip]) shape.setAttribute("d", "");
      return setText(range, "");
    }
    const [low, high] = bounds;
    const span = high - low || 1;
    const x = (t) => ((t - from) / WINDOW_S) * (WIDTH - 2 * PAD);
    const y = (value) => (high === low ? HEIGHT / 2 : HEIGHT - PAD - ((value - low) / span) * (HEIGHT - 2 * PAD));
    const drawn = paths(past.points, x, y, from, until, HEIGHT);
    line.setAttribute("d", drawn.line);
    area.setAttribute("d", drawn.area);
    const last = past.points.at(-1)[1];
    tip.setAttribute("d", last === null || until < from ? "" : `M${x(until).toFixed(1)} ${y(last).toFixed(1)}h0`);
    const text = low === high ? number(low, resource.decimals) : `${number(low, resource.decimals)} – ${number(high, resource.decimals)}`;
    setText(range, text);
  }

  return {
    element,
    stop() {
      past.stop();
      offTick();
      seen.unobserve(element);
    },
  };
}
