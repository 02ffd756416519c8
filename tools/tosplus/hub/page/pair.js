// Adding a device by the code that it shows: typed, from a photo, or by the camera. In the browser.

import * as api from "./api.js";
import { bin, h, say, setText } from "./dom.js";

const CHECK_MS = 500; // after the last key
const LOOK_MS = 400; // between two pictures of the camera
const LEAST = 12; // characters; before that everything is missing
const SIDE = 1280; // pixels of a camera's picture

export function page(root, house) {
  const undo = bin();
  let asked = 0; // the number of the last check: answers to earlier ones come too late
  let timer = null;
  let camera = null;

  const code = h("textarea", { id: "code", rows: 2, autocomplete: "off", autocapitalize: "characters",
    spellcheck: "false", required: true, "aria-describedby": "code-says", oninput: typed,
    placeholder: "tos:v1:kettle-c0ffee:ABCD-EFGH-…" });
  const says = h("p", { id: "code-says", class: "says", role: "status" });
  const address = h("input", { id: "address", type: "text", autocomplete: "off", spellcheck: "false",
    placeholder: "192.168.1.20:5683" });
  const add = h("button", { type: "submit", class: "button main" }, "Add");
  const file = h("input", { type: "file", id: "photo", accept: "image/*", class: "sr", onchange: chosen });
  const film = h("button", { type: "button", class: "button", onclick: () => (camera ? stop() : start()) }, "Use the camera");
  const view = h("video", { hidden: true, muted: true, playsinline: true, "aria-label": "What the camera sees" });
  film.hidden = !(window.isSecureContext && navigator.mediaDevices);
  root.classList.add("narrow");
  root.append(
    h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Add device")),
    h("form", { class: "panel pairing", onsubmit: send },
      h("p", {}, "A device without an owner shows its pairing code on its screen, or prints it on its console when it " +
        "starts. One that has an owner takes others for two minutes after its pairing button was pressed."),
      h("label", { for: "code" }, "Pairing code"), code, says,
      h("div", { class: "actions" }, add,
        h("label", { class: "button", for: "photo" }, "Choose a photo"), file, film),
      view,
      h("details", {}, h("summary", {}, "It is not found by itself"),
        h("label", { for: "address" }, "Address"), address)),
  );
  undo.add(() => clearTimeout(timer), stop, house.on("pairing", ({ step }) => add.disabled && tell(step)));
  code.focus({ preventScroll: true });

  function tell(words, wrong = false) {
    setText(says, words);
    says.classList.toggle("refused", wrong);
    code.setAttribute("aria-invalid", String(wrong));
  }

  function typed() {
    clearTimeout(timer);
    asked += 1;
    tell("");
    if (code.value.trim().length >= LEAST) timer = setTimeout(check, CHECK_MS);
  }

  async function check() {
    const mine = (asked += 1);
    const [words, wrong] = await api.checkCode(code.value).then(
      ({ id }) => [`This is the code of ${id}.`, false], (refusal) => [refusal.message, true]);
    if (mine === asked && !add.disabled) tell(words, wrong);
  }

  async function send(event) {
    event?.preventDefault();
    clearTimeout(timer);
    asked += 1;
    add.disabled = true;
    tell("Looking for the device …");
    try {
      const { id } = await api.pair(code.value, address.value.trim());
      say("It is yours now");
      location.hash = `#/device/${encodeURIComponent(id)}`;
    } catch (refusal) {
      tell(refusal.message, true);
      if (refusal.status === 404) root.querySelector("details").open = true;
    }
    add.disabled = false;
  }

  async function chosen() {
    const [picture] = file.files;
    file.value = "";
    if (picture) await look(picture, true);
  }

  // Whether the picture showed a code, which is then sent.
  async function look(picture, tellWhenNot) {
    if (tellWhenNot) tell("Looking for a code in the picture …");
    try {
      code.value = (await api.readPhoto(picture)).code;
    } catch (refusal) {
      if (tellWhenNot) tell(refusal.message, true);
      return false;
    }
    await send();
    return true;
  }

  async function start() {
    try {
      const wish = { video: { facingMode: "environment", width: { ideal: SIDE } } };
      camera = await navigator.mediaDevices.getUserMedia(wish);
    } catch {
      tell("The camera cannot be used; allow it for this page, or choose a photo.", true);
      return;
    }
    view.srcObject = camera;
    view.hidden = false;
    setText(film, "Stop the camera");
    await view.play();
    tell("Hold the code in front of the camera.");
    while (camera) {
      const picture = await snapshot();
      if (camera && picture && (await look(picture, false))) stop();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  function snapshot() {
    const canvas = h("canvas", { width: view.videoWidth, height: view.videoHeight });
    canvas.getContext("2d").drawImage(view, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  }

  function stop() {
    camera?.getTracks().forEach((track) => track.stop());
    camera = null;
    view.hidden = true;
    view.srcObject = null;
    setText(film, "Use the camera");
  }

  return undo.empty;
}
