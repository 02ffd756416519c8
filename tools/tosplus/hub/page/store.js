// The house as data, in the browser: what the hub last said, what a person has just asked for, and who wants to know.

import * as api from "./api.js";
import { say } from "./dom.js";

const GATHER_MS = 40; // changes are told together: a busy house costs some 25 small updates a second, not one a message
const KEEP_EVENTS = 200;
const SETTLE_MS = 2500; // an accepted value that never shows in a report gives way to what the device says

// Topics: "devices" (one came, went or was renamed), "device ID" (with a Set of paths, or null for all of it),
// "events" (with the new ones), "rollout" (with what is new of one), "tap" (with one), "money" (it changed), "hub",
// "link", "tick" (every second).
export class House {
  hub = { version: "", history: "kept", pages: [], bench: false };
  devices = new Map();
  events = [];
  link = "connecting"; // then live, away, or locked: the hub wants a password
  #listeners = new Map();
  #changed = new Map();
  #newEvents = [];
  #wishes = new Map();
  #skew_s = 0;
  #timer = null;

  constructor() {
    setInterval(() => this.#tell("tick"), 1000);
  }

  on(topic, listener) {
    if (!this.#listeners.has(topic)) this.#listeners.set(topic, new Set());
    this.#listeners.get(topic).add(listener);
    return () => this.#listeners.get(topic).delete(listener);
  }

  #tell(topic, detail) {
    for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener(detail);
  }

  // Seconds since 1970 by the hub's clock, as well as the messages so far let us know it.
  now() {
    return Date.now() / 1000 + this.#skew_s;
  }

  #heard(at) {
    const skew_s = at - Date.now() / 1000;
    if (Math.abs(skew_s - this.#skew_s) > 1) this.#skew_s = skew_s;
  }

  setLink(link) {
    if (link === this.link) return;
    this.link = link;
    this.#tell("link");
    for (const id of this.devices.keys()) this.#touch(id);
  }

  receive(message) {
    this[`_${message.type}`]?.(message);
  }

  _house({ hub, devices, events }) {
    const known = new Set(devices.map((device) => device.id));
    for (const id of this.devices.keys()) if (!known.has(id)) this.devices.delete(id);
    for (const device of devices) this.#adopt(device);
    const last = this.events.at(-1)?.id ?? -1;
    this.events = events;
    this._hub({ hub });
    this.#tell("devices");
    this.#tell("events", events.filter((event) => event.id > last));
    this.setLink("live");
  }

  _hub({ hub }) {
    this.hub = hub;
    this.#tell("hub");
  }

  _device({ device }) {
    const before = this.devices.get(device.id);
    this.#adopt(device);
    if (before?.name !== device.name || before?.link !== device.link) this.#tell("devices");
  }

  #adopt(device) {
    const before = this.devices.get(device.id);
    device.byPath = new Map(device.resources.map((resource) => [resource.path, resource]));
    for (const resource of device.resources) {
      const old = before?.byPath.get(resource.path);
      resource.news = (old?.news ?? 0) + (old && old.value !== resource.value ? 1 : 0);
      resource.decimals = old?.decimals ?? 0;
      count(resource);
    }
    this.devices.set(device.id, device);
    this.#touch(device.id);
  }

  _values({ device: id, at, values }) {
    this.#heard(at);
    const device = this.devices.get(id);
    if (!device) return;
    for (const [path, value] of Object.entries(values)) {
      const resource = device.byPath.get(path);
      if (!resource) continue;
      Object.assign(resource, { value, at, news: resource.news + 1 });
      count(resource);
      if (this.#wishes.get(key(id, path))?.accepted) this.#wishes.delete(key(id, path));
      this.#touch(id, path);
    }
  }

  _pairing(message) {
    this.#tell("pairing", message);
  }

  _rollout({ rollout }) {
    this.#tell("rollout", rollout);
  }

  _tap({ tap }) {
    this.#tell("tap", tap);
  }

  _money() {
    this.#tell("money");
  }

  _forgotten({ device }) {
    if (this.devices.delete(device)) this.#tell("devices");
  }

  _event({ event }) {
    this.#heard(event.at);
    this.events.push(event);
    if (this.events.length > KEEP_EVENTS) this.events.shift();
    this.#newEvents.push(event);
    this.#soon();
  }

  #touch(id, path = null) {
    if (path === null) this.#changed.set(id, null);
    else if (!this.#changed.has(id)) this.#changed.set(id, new Set([path]));
    else this.#changed.get(id)?.add(path);
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const changed = this.#changed;
      const events = this.#newEvents;
      this.#changed = new Map();
      this.#newEvents = [];
      for (const [id, paths] of changed) if (this.devices.has(id)) this.#tell(`device ${id}`, paths);
      if (events.length) this.#tell("events", events);
    }, GATHER_MS);
  }

  // Until when a device's last values are known to hold: now, or the last that was heard of it.
  until(device) {
    const heard = Math.max(device.seen ?? 0, ...device.resources.map(({ at }) => at ?? 0));
    return device.link === "live" && this.link === "live" ? this.now() : Math.min(this.now(), heard);
  }

  // Why nothing can be asked of this device now, in words; null when it can.
  hindrance(device) {
    if (this.link !== "live") return "the hub does not answer";
    return device.link === "live" ? null : { new: "not read yet", asleep: "asleep" }[device.link] ?? "away";
  }

  // The same for setting a value: for a paired device that sleeps, the hub keeps it.
  hindranceToSet(device) {
    return this.link === "live" && device.link === "asleep" && device.paired ? null : this.hindrance(device);
  }

  // What waits for this resource until its device reports, or undefined.
  waiting(id, path) {
    return this.devices.get(id)?.waiting.find((command) => command.path === path);
  }

  // What a control shows: what was asked for while that is under way or waits, else what the device reports.
  shown(id, resource) {
    const wish = this.#wishes.get(key(id, resource.path)) ?? this.waiting(id, resource.path);
    return wish ? wish.value : resource.value;
  }

  pending(id, path) {
    const wish = this.#wishes.get(key(id, path));
    return wish !== undefined && !wish.accepted;
  }

  // Asks the device for a value: shown at once, and taken back with the device's words when it refuses.
  async set(id, path, value) {
    const current = () => this.devices.get(id)?.byPath.get(path);
    const wish = { value, accepted: false };
    const news = current().news;
    const show = () => this.devices.has(id) && this.#tell(`device ${id}`, new Set([path]));
    const settle = () => {
      if (this.#wishes.get(key(id, path)) !== wish) return;
      this.#wishes.delete(key(id, path));
      show();
    };
    this.#wishes.set(key(id, path), wish);
    show();
    try {
      const queued = await api.put(id, path, value);
      wish.accepted = true;
      if (queued) say(`${this.devices.get(id)?.name ?? id} is asleep: ${path} waits for its next report`);
      show();
      if (current()?.news !== news) settle();
      else setTimeout(settle, SETTLE_MS);
    } catch (refusal) {
      settle();
      say(`${this.devices.get(id)?.name ?? id}, ${path}: ${refusal.message}`);
    }
  }
}

const key = (id, path) => `${id} ${path}`;

// The most decimals a reading has shown: 4.0 after 4.3 keeps its width.
function count(resource) {
  if (typeof resource.value !== "number") return;
  const decimals = String(resource.value).split(".")[1]?.length ?? 0;
  resource.decimals = Math.min(2, Math.max(resource.decimals, decimals));
}
