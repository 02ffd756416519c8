// navigator.serial over a WebSocket, for a browser without it: bytes are binary messages, lines are JSON.
export class Port {
  constructor(url) { this.url = url; }
  getInfo() { return {}; }
  addEventListener() {}
  removeEventListener() {}
  async open() {
    this.socket = new WebSocket(this.url);
    this.socket.binaryType = "arraybuffer";
    const settled = [];
    this.readable = new ReadableStream({
      start: (heard) => {
        this.socket.onmessage = ({ data }) =>
          typeof data === "string" ? settled.shift()() : heard.enqueue(new Uint8Array(data));
        
      },
    });
    this.writable = new WritableStream({ write: (bytes) => this.socket.send(bytes) });
    this.settle = (lines) => new Promise((done) => { settled.push(done); this.socket.send(JSON.stringify(lines)); });
    await new Promise((done, fail) => { this.socket.onopen = done; this.socket.onerror = fail; });
  }
  setSignals(lines) { return this.settle(lines); }
  async close() { this.socket.close(); }
}
