// A WebSocket that queues what is sent too early, and comes back after a drop.

class Connection extends EventTarget {
  #queue = [];
  #failures = 0;
  #noAnswer; // a timer

  constructor(path) {
    super();
    this.url = new URL(path, location.href);
    this.url.protocol = location.protocol.replace("http", "ws");
    this.#open();
  }

  #open() {
    const socket = (this.socket = new WebSocket(this.url));
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("close", () => socket === this.socket && this.#closed());
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.socket) this.#frame(JSON.parse(data));
    });
  }

  #frame(detail) {
    clearTimeout(this.#noAnswer);
    this.dispatchEvent(new CustomEvent("frame", { detail }));
  }

  #giveUp() {
    const { socket } = this;
    this.socket = null;
    socket.close();
    this.#frame({ error: "No answer. Send it again?" });
    this.#closed();
  }

  #opened() {
    this.#failures = 0;
    this.dispatchEvent(new CustomEvent("status", { detail: "connected" }));
    for (const text of this.#queue.splice(0)) this.#send(text);
  }

  #closed() {
    clearTimeout(this.#noAnswer);
    this.dispatchEvent(new CustomEvent("status", { detail: "reconnecting…" }));
    const longest = Math.min(400 * 1.6 ** this.#failures++, 6000);
    setTimeout(() => this.#open(), longest * (0.6 + 0.4 * Math.random()));
  }

  send(frame) {
    const text = JSON.stringify(frame);
    if (this.socket?.readyState === WebSocket.OPEN) this.#send(text);
    else this.#queue.push(text);
  }

  #send(text) {
    this.socket.send(text);
    clearTimeout(this.#noAnswer);
    this.#noAnswer = setTimeout(() => this.#giveUp(), 5000);
  }
}
