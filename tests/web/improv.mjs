// improv-wifi-serial-sdk on a serial port: `node improv.mjs PORT`, a step of JSON on each line of stdin.
// A step is [method, ...arguments] of ImprovSerial, or ["bytes", hex]. Each is answered by a line {"value"} or {"error"}.
import fs from "node:fs";
import { register } from "node:module";
import readline from "node:readline";
import { Readable, Writable } from "node:stream";

register("./bundled.mjs", import.meta.url);
const { ImprovSerial } = await import("improv-wifi-serial-sdk/dist/serial.js");

const flags = fs.constants.O_RDWR | fs.constants.O_NOCTTY;
const out = fs.createWriteStream("", { fd: fs.openSync(process.argv[2], flags) });
const port = {
  readable: Readable.toWeb(fs.createReadStream("", { fd: fs.openSync(process.argv[2], flags) })),
  writable: Writable.toWeb(out),
};
const quiet = { log() {}, debug() {}, error() {} };
const client = new ImprovSerial(port, quiet);

const methods = {
  bytes: (hex) => new Promise((done) => out.write(Buffer.from(hex, "hex"), done)),
  state: async () => {
    await client.requestCurrentState();
    return client.state;
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [method, ...given] = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await (methods[method] ?? client[method].bind(client))(...given)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit();
