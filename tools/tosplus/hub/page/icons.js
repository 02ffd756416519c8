// The page's own icons, drawn on 24 by 24 with one stroke; made in the browser.

import { svg } from "./dom.js";

const SHAPES = {
  kettle: "M7 9h9l2 11H5L7 9ZM8.5 9a3.2 3.2 0 0 1 6 0M11.5 5V4M16.3 10.5 20 9M6.6 11C3.9 11 3.2 13 4 15.5",
  fridge: "M7 3h10a1 1 0 0 1 1 1v15a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1ZM6 9.5h12M9 5.8v1.6M9 12v3M8 20v1.5M16 20v1.5",
  watch: "M12 6.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM9 7 9.6 3h4.8L15 7M9 17l.6 4h4.8l.6-4M12 9.3V12l1.8 1.3",
  tv: "M4 5.5h16a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6.5a1 1 0 0 1 1-1ZM8.5 20.5h7M12 17v3.5",
  till: "M7 4h6v4M7 4v4M4.5 20.5h15V16L17.5 8h-11L4.5 16v4.5ZM4.5 16h15M9 11h.01M12 11h.01M15 11h.01M8.7 13.5h.01M12 13.5h.01M15.3 13.5h.01",
  lamp: "M12 3.5a5.5 5.5 0 0 0-3.2 10c.7.6 1.2 1.4 1.2 2.5h4c0-1.1.5-1.9 1.2-2.5a5.5 5.5 0 0 0-3.2-10ZM10 18.5h4M10.8 21h2.4",
  generic: "M8 7h8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1ZM10 7V4M14 7V4M10 20v-3M14 20v-3M7 10H4M7 14H4M20 10h-3M20 14h-3",
  house: "M4 11.5 12 4.5l8 7M6 10v9.5h12V10M10 19.5v-5h4v5",
  events: "M3 12h4l2.5-6.5 4.5 13L16.5 12H21",
  bench: "M9.5 3.5h5M10.5 3.5V9L5 18.5a1.3 1.3 0 0 0 1.2 2h11.6a1.3 1.3 0 0 0 1.2-2L13.5 9V3.5M7.5 15h9",
  pair: "M12 5v14M5 12h14",
  updates: "M12 4v11M7.5 10.5 12 15l4.5-4.5M5 19.5h14",
  money: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM14.7 9.6c-.5-.8-1.5-1.3-2.7-1.3-1.5 0-2.6.8-2.6 1.9 0 2.6 5.2 1.1 5.2 3.7 0 1.1-1.1 1.9-2.6 1.9-1.2 0-2.2-.5-2.7-1.3M12 6.7v1.6M12 15.8v1.6",
  part: "M5 5h6v6H5ZM13 5h6v6h-6ZM5 13h6v6H5ZM16 13v6M13 16h6",
  warning: "M12 4.5 3.5 19.5h17L12 4.5ZM12 10.5v4M12 17h.01",
  back: "M14.5 5.5 8 12l6.5 6.5",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
};

// An icon beside words, or one whose element says what it is: it is never read out.
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: SHAPES[name] ?? SHAPES.generic }));
}

export const iconOfPart = (name) => icon(name in SHAPES ? name : "part");
export const iconOf = (device) => icon(device.model in SHAPES ? device.model : "generic");

// A battery that is as full as it says. Returns [element, setter of percent or null].
export function battery() {
  const level = svg("rect", { x: 5, y: 9.5, width: 0, height: 5, rx: 0.8, class: "level" });
  const element = svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    svg("path", { d: "M4.5 7.5h13a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 3 15V9a1.5 1.5 0 0 1 1.5-1.5ZM21.5 10.5v3" }), level);
  return [element, (percent) => level.setAttribute("width", ((percent ?? 0) * 12) / 100)];
}
