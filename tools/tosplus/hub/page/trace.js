// A resource's last minutes as points [t, value], kept current; and points as an SVG path. In the browser.

import * as api from "./api.js";

const AT_ONCE = 4; // requests for history under way: the first cards of a large house come first
const waiting = [];
let running = 0;

async function turn(work) {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

// {points, load, stop}; `window_s` is a function: how far back. changed() is called when there are new points.
export function trace(house, id, path, window_s, most, changed) {
  const self = { points: [], loaded: null, load, stop };
  let wanted = true;
  const offs = [
    house.on(`device ${id}`, (paths) => paths?.has(path) && append()),
    house.on("link", () => house.link === "live" && self.loaded && load()),
  ];

  function load() {
    return (self.loaded = read());
  }

  async function read() {
    const since = house.now() - window_s();
    try {
      const points = await turn(() => (wanted ? api.history(id, path, since, most) : []));
      if (!wanted) return;
      self.points = points;
      append();
    } catch {
      changed(); // without its past a line begins now
    }
  }

  // At most one point for each of the places there are, so that a chatty device costs no more than a quiet one.
  function append() {
    const { value, at } = house.devices.get(id)?.byPath.get(path) ?? {};
    const { points } = self;
    if (at == null || (points.length && at <= points.at(-1)[0])) return changed();
    const place_s = window_s() / most;
    if (points.length > 1 && at - points.at(-2)[0] < place_s && points.at(-1)[1] !== null) points.pop();
    points.push([at, value]);
    const from = house.now() - window_s();
    while (points.length > 1 && points[1][0] < from) points.shift();
    changed();
  }

  function stop() {
    wanted = false;
    offs.forEach((off) => off());
  }
  return self;
}

// The value in force at t, or undefined before the first.
export function at(points, t) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= t) low = middle + 1;
    else high = middle;
  }
  return points[low - 1]?.[1];
}

// [smallest, largest] of the known values, or null.
export function extent(points) {
  let [low, high] = [Infinity, -Infinity];
  for (const [, value] of points) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : null;
}

// {line, area}: a device tells changes, so a value holds until shortly before the next; unknown is a gap.
export function paths(points, x, y, from, until, floor) {
  const hold_s = (until - from) / 60;
  let line = "";
  let area = "";
  let run = [];
  const close = () => {
    if (!run.length) return;
    const d = run.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L");
    line += `M${d}`;
    area += `M${run[0][0].toFixed(1)} ${floor}L${d}L${run.at(-1)[0].toFixed(1)} ${floor}Z`;
    run = [];
  };
  points.forEach(([t, value], index) => {
    const start = Math.max(t, from);
    const end = points[index + 1]?.[0] ?? until;
    if (value !== null && end >= start) {
      run.push([x(start), y(value)]);
      if (end - start > hold_s || points[index + 1]?.[1] === null || index === points.length - 1) {
        const until = index === points.length - 1 || points[index + 1][1] === null ? end : end - hold_s / 2;
        run.push([x(Math.max(start, until)), y(value)]);
      }
    } else close();
  });
  close();
  return { line, area };
}
