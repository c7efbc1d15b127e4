// A WebSocket that queues what is sent too early, and comes back after a drop.

class Connection extends EventTarget {
  #queue = [];
  #failures = 0;

  constructor(path) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = location.protocol.replace("http", "ws");
    this.#open();
  }

  #open() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => this.#opened());
    this.socket.addEventListener("close", () => this.#closed());
    this.socket.addEventListener("message", ({ data }) =>
      this.dispatchEvent(new CustomEvent("frame", { detail: JSON.parse(data) })),
    );
  }

  #opened() {
    this.#failures = 0;
    this.dispatchEvent(new CustomEvent("status", { detail: "connected" }));
    for (const text of this.#queue.splice(0)) this.socket.send(text);
  }

  #closed() {
    this.dispatchEvent(new CustomEvent("status", { detail: "reconnecting…" }));
    const longest = Math.min(400 * 1.6 ** this.#failures++, 6000);
    setTimeout(() => this.#open(), longest * (0.6 + 0.4 * Math.random()));
  }

  send(frame) {
    const text = JSON.stringify(frame);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else this.#queue.push(text);
  }
}
