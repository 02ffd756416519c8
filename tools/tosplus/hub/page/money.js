// Money: who has what, what was paid, what each party's share is, the brake of a token, and the latest taps. In the
// browser. The token service knows all of it; this page asks again as long as it is looked at.

import * as api from "./api.js";
import { bin, flash, h, say, setAttribute, setText } from "./dom.js";
import { clock, plural } from "./format.js";
import * as taps from "./taps.js";

const REFRESH_TICKS = 3;
const KINDS = [["csv", "CSV"], ["json", "JSON"], ["beancount", "beancount"]];
const BRAKES = { active: ["Suspend", "suspend"], suspended: ["Resume", "resume"] };
const MEANS = {
  requested: "its first key is on its way", provisioned: "its first key is there",
  suspended: "its next tap is declined", revoked: "its taps are declined for ever",
};
const DONE = { suspend: "Suspended: its next tap is declined", resume: "Resumed: it pays again" };

// Only who opens this page needs its look.
const styled = new Promise((done) => {
  const href = new URL("money.css", import.meta.url);
  document.head.append(h("link", { rel: "stylesheet", href, onload: done, onerror: done }));
});

export function page(root, house) {
  const undo = bin();
  const summary = h("p", { class: "summary" });
  const away = h("p", { class: "refused", role: "status" });
  let now = null;
  const latest = taps.panel(house, () => now?.tokens ?? []);
  const parts = [accounts(), tokens(house, look), shares(), ledger()];
  let asking = false;
  let ticks = 0;
  let current = true;
  root.classList.add("money");
  root.hidden = true;
  styled.then(() => (root.hidden = false));
  root.append(h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Money"), summary), away,
    h("div", { class: "ledgers" }, h("div", { class: "stack" }, parts[0].element, parts[1].element, latest.element),
      h("div", { class: "stack" }, parts[2].element, parts[3].element)));

  async function look() {
    if (asking || house.link !== "live") return;
    asking = true;
    try {
      const told = await api.money();
      if (current) show(told);
    } catch (refusal) {
      if (current) setText(away, `${sentence(refusal.message)}. Trying again.`);
    }
    asking = false;
  }

  function show(told) {
    setText(away, "");
    const before = now;
    now = told;
    if (JSON.stringify(before) === JSON.stringify(told)) return;
    const sum = told.balanced ? "the ledger sums up to zero" : "the ledger does not sum up to zero";
    setText(summary, `${plural(told.accounts.length, "account")}, ${plural(told.tokens.length, "token")}; ${sum}`);
    summary.dataset.balanced = told.balanced;
    for (const part of parts) part.update(told, before === null);
    latest.name();
  }

  undo.add(latest.stop, () => (current = false), house.on("money", look), house.on("tap", look), house.on("link", look),
    house.on("tick", () => (ticks = (ticks + 1) % REFRESH_TICKS) || document.hidden || look()));
  look();
  return undo.empty;
}

const sentence = (words) => words[0].toUpperCase() + words.slice(1);

function amount({ digits }, currency, minor) {
  return `${(minor / 10 ** digits[currency]).toFixed(digits[currency])} ${currency}`;
}

// A panel with a list whose elements stay as long as their rows: make(row) -> {element, update(row, told)}.
function listed(title, id, empty, key, make) {
  const list = h("ul", { class: `rows ${id}` });
  const none = h("p", { class: "quiet" }, empty);
  const element = h("section", { class: "panel", "aria-labelledby": id }, h("div", { class: "panelhead" },
    h("h2", { id }, title)), none, list);
  const made = new Map();
  return {
    element,
    update(rows, told, first) {
      none.hidden = rows.length > 0;
      const keys = new Set(rows.map(key));
      for (const [name, { element: old }] of made) if (!keys.has(name)) (old.remove(), made.delete(name));
      rows.forEach((row, place) => {
        const name = key(row);
        const fresh = !made.has(name);
        if (fresh) made.set(name, make(row));
        const { element: its, update } = made.get(name);
        update(row, told);
        if (list.children[place] !== its) list.insertBefore(its, list.children[place] ?? null);
        if (fresh && !first) flash(its);
      });
    },
  };
}

function accounts() {
  const panel = listed("Accounts", "accounts", "There is no account yet.", ({ id }) => id, ({ id }) => {
    const has = h("output");
    const held = h("span", { class: "quiet" });
    const element = h("li", {}, h("b", {}, id), held, has);
    return { element, update(row, told) {
      setText(has, amount(told, row.currency, row.available));
      setText(held, row.held ? `and ${amount(told, row.currency, -row.held)} held for tills` : "");
    } };
  });
  return { element: panel.element, update: (told, first) => panel.update(told.accounts, told, first) };
}

function tokens(house, look) {
  const panel = listed("Tokens", "tokens", "No token was issued yet.", ({ id }) => id, ({ id }) => {
    const who = h("b");
    const about = h("span", { class: "quiet" });
    const state = h("span", { class: "level" });
    const brake = h("button", { type: "button", class: "button small", onclick: pull });
    const element = h("li", {}, h("div", {}, who, about), state, brake);
    let word = "";
    async function pull() {
      brake.disabled = true;
      try {
        await api.orderToken(id, word);
        say(DONE[word]);
      } catch (refusal) {
        say(`${who.textContent}: ${refusal.message}`);
      }
      brake.disabled = false;
      look();
    }
    return { element, update(row) {
      const name = house.devices.get(row.device)?.name ?? row.device ?? row.account;
      setText(who, name);
      setText(about, `${row.number_masked}, of ${row.account}; ${MEANS[row.state]
        ?? `${plural(row.uses_left, "tap")} left on its key`}`);
      setText(state, row.state);
      element.dataset.state = row.state;
      brake.hidden = !(row.state in BRAKES);
      if (brake.hidden) return;
      const [words, its] = BRAKES[row.state];
      word = its;
      setText(brake, words);
      brake.classList.toggle("bad", its === "suspend");
      setAttribute(brake, "aria-label", `${words} the token of ${name}: ${its === "suspend"
        ? "its next tap is declined" : "it pays again"}`);
    } };
  });
  return { element: panel.element, update: (told, first) => panel.update(told.tokens, told, first) };
}

function shares() {
  const panel = listed("Shares", "shares", "No sale was captured yet.", ({ party, currency }) => `${party} ${currency}`,
    ({ party }) => {
      const has = h("output");
      const bar = h("div", { class: "bar", "aria-hidden": "true" }, h("div"));
      const links = KINDS.map(([kind, title]) => h("a", { class: "more", download: true,
        "aria-label": `${party}, ${title}`,
        href: `/api/money/statements/${encodeURIComponent(party)}?format=${kind}` }, title));
      const element = h("li", {}, h("b", {}, party), has, bar, h("div", { class: "actions" },
        h("span", { class: "quiet" }, "Statement"), ...links));
      return { element, update(row, told) {
        const whole = told.shares.filter(({ currency }) => currency === row.currency)
          .reduce((sum, { total }) => sum + total, 0);
        const part = whole > 0 ? row.total / whole : 0;
        bar.firstChild.style.setProperty("--share", part);
        setText(has, `${amount(told, row.currency, row.total)}, ${(100 * part).toFixed(1)} %`);
      } };
    });
  return { element: panel.element, update: (told, first) => panel.update(told.shares, told, first) };
}

function ledger() {
  const panel = listed("Ledger", "ledger", "Nothing was paid yet.", ({ id, kind }) => `${id} ${kind}`, (row) => {
    const state = h("span", { class: "level" });
    const element = h("li", {}, h("span", {}, row.words), state,
      h("time", { datetime: new Date(row.at * 1000).toISOString() }, clock(row.at, true)));
    return { element, update(now) {
      setText(state, now.state);
      element.dataset.state = now.state;
    } };
  });
  return { element: panel.element, update: (told, first) => panel.update(told.ledger, told, first) };
}
