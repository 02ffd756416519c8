// The socket to the hub, in the browser: a snapshot, then changes; it comes back by itself, and so does the house.

import * as api from "./api.js";

const FIRST_MS = 200;
const LAST_MS = 5000;
const SILENT_MS = 12000; // the hub says something every 5 s; one that is stopped, or far away, closes nothing

export function connect(house) {
  let wait_ms = FIRST_MS;
  let timer = null;

  function open() {
    timer = null;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    let heard = false;
    let silence = setTimeout(gone, SILENT_MS);
    socket.onmessage = ({ data }) => {
      heard = true;
      wait_ms = FIRST_MS;
      clearTimeout(silence);
      silence = setTimeout(gone, SILENT_MS);
      house.receive(JSON.parse(data));
    };
    socket.onclose = async () => {
      clearTimeout(silence);
      if (!heard && (await locked())) house.setLink("locked");
      else away();
    };
    function gone() {
      socket.onmessage = socket.onclose = null;
      socket.close();
      away();
    }
  }

  function away() {
    house.setLink("away");
    timer = setTimeout(open, wait_ms * (0.8 + 0.4 * Math.random()));
    wait_ms = Math.min(LAST_MS, wait_ms * 1.7);
  }

  // A browser is not told why a socket was refused; a request is.
  async function locked() {
    return api.house().then(() => false, (refusal) => refusal.status === 401);
  }

  function now() {
    if (timer === null) return;
    clearTimeout(timer);
    open();
  }

  document.addEventListener("visibilitychange", () => document.hidden || now());
  addEventListener("online", now);
  open();
  return { again: open };
}
