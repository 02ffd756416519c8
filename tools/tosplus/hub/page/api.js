// The hub's HTTP API, in the browser: a call returns JSON (or null) or throws a Refusal with words for a person.

export class Refusal extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function call(method, path, body, patience_ms = 20000) {
  const options = { method, signal: AbortSignal.timeout(patience_ms) };
  if (body instanceof Blob) {
    options.headers = { "Content-Type": body.type };
    options.body = body;
  } else if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`/api/${path}`, options);
  } catch {
    throw new Refusal(0, "the hub does not answer");
  }
  const json = await answer.json().catch(() => null);
  if (answer.ok) return json;
  throw new Refusal(answer.status, json?.error ?? `the hub answered ${answer.status}`);
}

const device = (id) => `devices/${encodeURIComponent(id)}`;
const inPath = (path) => path.split("/").map(encodeURIComponent).join("/");

export const house = () => call("GET", "house");
export const login = (password) => call("POST", "login", { password });
export const logout = () => call("POST", "logout", {});
export const events = (before, limit) => call("GET", `events?before=${before}&limit=${limit}`);
export const log = (id) => call("GET", `${device(id)}/log`);
export const put = (id, path, value) => call("PUT", `${device(id)}/s/${inPath(path)}`, { value });
export const putRules = (id, rules) => call("PUT", `${device(id)}/rules`, { rules });
export const rename = (id, name) => call("PATCH", device(id), { name });
export const forget = (id) => call("DELETE", device(id));
export const pair = (code, address) => call("POST", "pair", { code, address }, 120000);
export const checkCode = (code) => call("POST", "pair/check", { code });
export const readPhoto = (picture) => call("POST", "pair/photo", picture);
export const peers = (id) => call("GET", `${device(id)}/peers`);
export const revoke = (id, name) => call("DELETE", `${device(id)}/peers/${encodeURIComponent(name)}`);
export const updates = () => call("GET", "updates");
export const orderRollout = (id, word) => call("POST", `updates/rollouts/${id}/${word}`, {});
export const money = () => call("GET", "money");
export const taps = () => call("GET", "money/taps");
export const orderToken = (id, word) => call("POST", `money/tokens/${encodeURIComponent(id)}/${word}`);
export const bench = () => call("GET", "bench");
export const pull = (id, lever, value = null) =>
  call("POST", `bench/${encodeURIComponent(id)}/${encodeURIComponent(lever)}`, { value });

// [[t, value], ...] from `since` on, the first of them perhaps before it.
export async function history(id, path, since, points) {
  return (await call("GET", `${device(id)}/history/${inPath(path)}?since=${since}&points=${points}`)).points;
}
