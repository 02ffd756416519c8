// What of a device is shown where: read off its resource table, never off its name. No element is made here.

import { isBinary, isNumeric } from "./format.js";

const MOST_ROWS = 6;

export const mayWrite = (resource, origin) =>
  resource.writable && !resource.event && (!resource.origins?.length || resource.origins.includes(origin));

const isBattery = (resource) => resource.device_class === "battery" && isNumeric(resource);

export const battery = (device) => device.resources.find(isBattery);

// The one reading that stands for the device, or undefined.
export function primary(device) {
  const numeric = device.resources.filter(isNumeric);
  const sensors = numeric.filter((resource) => resource.type === "sensor" && !isBattery(resource));
  return (
    sensors.find((resource) => resource.device_class === "temperature") ??
    sensors[0] ??
    numeric.find((resource) => mayWrite(resource, "link")) ??
    numeric[0]
  );
}

// What a card has room for: {first, controls, facts, events, more: how many it leaves out}.
export function face(device) {
  const first = primary(device);
  const rest = device.resources.filter((resource) => resource !== first || mayWrite(resource, "link"));
  const controls = rest.filter((resource) => mayWrite(resource, "link")).slice(0, MOST_ROWS);
  const facts = rest.filter((resource) => !resource.event && !mayWrite(resource, "link")
    && !isBattery(resource)).slice(0, MOST_ROWS);
  const events = device.resources.filter((resource) => resource.event);
  const shown = controls.length + facts.length + events.length + (first && !controls.includes(first) ? 1 : 0);
  const left = battery(device) && battery(device) !== first ? 1 : 0;
  return { first, controls, facts, events, more: device.resources.length - shown - left };
}

// Two tables with the same shape are drawn by the same elements.
export function shape(device) {
  return JSON.stringify(device.resources.map((r) => [
    r.path, r.type, r.unit, r.minimum, r.maximum, r.step, r.options, r.writable, r.device_class, r.origins,
  ]));
}

export const charted = (device) => device.resources.filter(isNumeric);
export const lanes = (device, most) => device.resources.filter(isBinary).slice(0, most);
