// The small line on a card: one reading over the last quarter of an hour, or as much of it as there is. In the browser.

import { h, setText, svg } from "./dom.js";
import { number, span } from "./format.js";
import { extent, paths, trace } from "./trace.js";

const WINDOW_S = 900;
const LEAST_S = 60;
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
  const back = h("span", { class: "quiet" });
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    area, line, tip);
  const element = h("figure", { class: "spark" }, chart,
    h("figcaption", {}, back, range));
  const past = trace(house, id, path, window_s, POINTS, draw);
  let ticks = 0;
  const offTick = house.on("tick", () => (ticks = (ticks + 1) % REDRAW_TICKS) || draw());
  element.addEventListener("seen", () => {
    seen.unobserve(element);
    past.load();
  });
  seen.observe(element);

  function window_s() {
    return Math.min(WINDOW_S, Math.max(LEAST_S, house.now() - (past.points[0]?.[0] ?? 0)));
  }

  function draw() {
    const resource = house.devices.get(id)?.byPath.get(path);
    if (!resource) return;
    const width_s = window_s();
    const from = house.now() - width_s;
    setText(back, span(width_s));
    const until = house.until(house.devices.get(id));
    const bounds = extent(past.points);
    if (!bounds) {
      for (const shape of [line, area, tip]) shape.setAttribute("d", "");
      return setText(range, "");
    }
    const [low, high] = bounds;
    const height = high - low || 1;
    const x = (t) => ((t - from) / width_s) * (WIDTH - 2 * PAD);
    const y = (value) => (high === low ? HEIGHT / 2 : HEIGHT - PAD - ((value - low) / height) * (HEIGHT - 2 * PAD));
    const drawn = paths(past.points, x, y, from, until, HEIGHT);
    line.setAttribute("d", drawn.line);
    area.setAttribute("d", drawn.area);
    const last = past.points.at(-1)[1];
    tip.setAttribute("d", last === null || until < from ? "" : `M${x(until).toFixed(1)} ${y(last).toFixed(1)}h0`);
    const text = low === high ? number(low, resource.decimals)
      : `${number(low, resource.decimals)} – ${number(high, resource.decimals)}`;
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
