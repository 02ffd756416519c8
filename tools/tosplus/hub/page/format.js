// Values, times and ages as words, in the browser.

const BINARY = {
  door: ["closed", "open"], window: ["closed", "open"], opening: ["closed", "open"], garage_door: ["closed", "open"],
  lock: ["locked", "unlocked"], motion: ["still", "motion"], occupancy: ["empty", "occupied"],
  presence: ["away", "home"], moisture: ["dry", "wet"], smoke: ["clear", "smoke"], gas: ["clear", "gas"],
  problem: ["fine", "problem"], battery: ["fine", "low"], plug: ["unplugged", "plugged in"],
  connectivity: ["disconnected", "connected"], light: ["dark", "light"], heat: ["normal", "hot"],
};

export const human = (path) => path.replaceAll("_", " ");

export const isNumeric = (resource) => !resource.event && ["sensor", "number"].includes(resource.type);
export const isBinary = (resource) => ["binary_sensor", "switch"].includes(resource.type);

export const twoWords = (resource) => BINARY[resource.device_class] ?? ["off", "on"];

// The value without its unit.
export function bare(resource, value) {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return twoWords(resource)[Number(value)];
  if (typeof value === "number") return number(value, resource.decimals);
  return value === "" ? "–" : String(value);
}

export function words(resource, value) {
  const unit = typeof value === "number" && resource.unit ? ` ${resource.unit}` : "";
  return bare(resource, value) + unit;
}

export function number(value, decimals = 0) {
  return value.toLocaleString("en-GB", { minimumFractionDigits: decimals,
    maximumFractionDigits: Math.max(decimals, 2) });
}

// "14:02", or "3 Mar, 14:02" on another day.
export function clock(at, seconds = false) {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit"
    : undefined });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

export function age(s) {
  if (s < 5) return "now";
  if (s < 60) return `${Math.floor(s / 5) * 5} s ago`;
  return `${span(s)} ago`;
}

export function span(s) {
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

const KINDS = { live: "is live", away: "is away", asleep: "is asleep", restarted: "restarted",
  forgotten: "was forgotten" };

// An event as a sentence without its subject.
export function occurrence(event) {
  if (event.path === null) return KINDS[event.kind] ?? String(event.value);
  return `${human(event.path)}: ${event.value}`;
}
