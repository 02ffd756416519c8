// navigator.serial over a WebSocket, for a browser without it: bytes are binary messages, lines are JSON.
// As in a browser: who cancels a stream finds a new one, and a port that is lost has none any more.
export class Port {
  constructor(url) { this.url = url; this.readable = this.writable = null; }
  getInfo() { return {}; }
  addEventListener() {}
  removeEventListener() {}
  async open() {
    const socket = this.socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    await new Promise((done, fail) => { socket.onopen = done; socket.onerror = fail; });
    const lost = new DOMException("The device has been lost.", "NetworkError");
    this.settled = [];
    socket.onmessage = ({ data }) =>
      typeof data === "string" ? this.settled.shift().done() : this.heard.enqueue(new Uint8Array(data));
    socket.onclose = () => {
      this.heard.error(lost);
      for (const { fail } of this.settled) fail(lost);
      this.readable = this.writable = null;
    };
    this.listen();
    this.writable = new WritableStream({
      write: (bytes) => { if (socket.readyState !== WebSocket.OPEN) throw lost; socket.send(bytes); },
    });
  }
  listen() {
    this.readable = new ReadableStream({ start: (heard) => { this.heard = heard; }, cancel: () => this.listen() });
  }
  setSignals(lines) {
    return new Promise((done, fail) => {
      this.settled.push({ done, fail });
      this.socket.send(JSON.stringify(lines));
    });
  }
  async close() {
    this.socket.onclose = this.socket.onmessage = null;
    this.socket.close();
    this.readable = this.writable = null;
  }
}
