// Where the page begins: the frame around the views, and which view the address asks for. In the browser.

import * as api from "./api.js";
import * as device from "./device.js";
import { h, setText } from "./dom.js";
import * as events from "./events.js";
import * as home from "./home.js";
import { icon, iconOfPart } from "./icons.js";
import { connect } from "./live.js";
import * as login from "./login.js";
import { House } from "./store.js";

const house = new House();
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const hubLink = document.getElementById("link");
const banners = document.getElementById("banners");
let leave = null;
let shown = null;

function route() {
  if (house.link === "connecting") return;
  const locked = house.link === "locked";
  const [view = "", rest = ""] = location.hash.replace(/^#\/?/, "").split(/\/(.*)/);
  const wanted = locked ? "locked" : `${view}/${rest}`;
  if (wanted === shown) return;
  const first = shown === null;
  shown = wanted;
  leave?.();
  leave = null;
  main.replaceChildren();
  if (locked) login.page(main, () => live.again());
  else leave = open(view, decodeURIComponent(rest));
  if (!first && !locked) {
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
  marks();
}

function open(view, rest) {
  if (view === "device") return device.page(main, house, rest);
  if (view === "events") return events.page(main, house);
  if (view === "part") return part(rest);
  return home.page(main, house);
}

// A part of the hub brings its own module: page(root, house), which may return how to leave.
function part(name) {
  const { module, title } = house.hub.pages.find((page) => page.name === name) ?? {};
  const root = h("div", { class: "page" });
  let gone = false;
  let leave = null;
  main.append(root);
  if (!module) root.append(h("p", { class: "empty" }, "The hub has no such part."));
  else {
    import(new URL(module, import.meta.url)).then(
      ({ page }) => gone || (leave = page(root, house)),
      () => root.append(h("p", { class: "empty" }, `${title} could not be loaded.`)));
  }
  return () => {
    gone = true;
    leave?.();
  };
}

function navigation() {
  const entries = [["#/", "House", "house"], ["#/events", "Events", "events"]];
  for (const { name, title } of house.hub.pages) entries.push([`#/part/${encodeURIComponent(name)}`, title, name]);
  nav.hidden = house.link === "locked";
  if (nav.dataset.entries === JSON.stringify(entries)) return;
  nav.dataset.entries = JSON.stringify(entries);
  const links = entries.map(([href, title, name]) => h("a", { href }, iconOfPart(name), h("span", {}, title)));
  if (localStorage.getItem("entered")) links.push(h("button",
    { type: "button", class: "button small", onclick: lock }, "Lock"));
  nav.replaceChildren(...links);
  marks();
}

async function lock() {
  localStorage.removeItem("entered");
  await api.logout().catch(() => null);
  location.reload();
}

function marks() {
  const here = location.hash.startsWith("#/device/") || !location.hash ? "#/" : location.hash;
  for (const link of nav.children) {
    if (link.getAttribute("href") === here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = main.querySelector("h1")?.textContent;
  document.title = heading ? `${heading} · TOS+` : "TOS+";
}

const LINKS = { connecting: "connecting", live: "connected", away: "no connection", locked: "locked" };

function state() {
  setText(hubLink, LINKS[house.link]);
  hubLink.dataset.link = house.link;
  document.body.dataset.link = house.link;
  const told = [];
  if (house.link === "away") told.push(["The hub does not answer; trying again", "away"]);
  if (house.hub.history === "full") told.push([house.hub.text || "The disk is full: nothing is kept now", "full"]);
  const now = JSON.stringify(told);
  if (banners.dataset.told === now) return;
  banners.dataset.told = now;
  banners.replaceChildren(...told.map(([words, kind]) => h("p", { class: "banner", "data-kind": kind },
    icon("warning"), words)));
}

house.on("link", () => {
  state();
  navigation();
  route();
});
house.on("hub", () => {
  state();
  navigation();
});
house.on("devices", marks);
addEventListener("hashchange", route);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view, so it cannot also say where in it
  main.focus();
});
navigation();
state();
const live = connect(house);
