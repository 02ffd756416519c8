// The way in, where the hub has a password. In the browser.

import * as api from "./api.js";
import { h, setText } from "./dom.js";

export function page(root, entered) {
  const refused = h("p", { class: "refused", role: "alert" });
  const password = h("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
  const enter = h("button", { type: "submit", class: "button main" }, "Open");
  root.append(h("form", { class: "panel login", onsubmit: send },
    h("h1", { tabindex: "-1" }, "This house is locked"), h("label", { for: "password" }, "Password of the hub"),
      password, refused, enter));
  password.focus();

  async function send(event) {
    event.preventDefault();
    enter.disabled = true;
    try {
      await api.login(password.value);
      localStorage.setItem("entered", "yes");
      entered();
    } catch (refusal) {
      setText(refused, `Not opened: ${refusal.message}.`);
      password.select();
    }
    enter.disabled = false;
  }
}
