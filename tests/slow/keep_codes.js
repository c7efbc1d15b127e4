// Keeps the codes with which the page's sockets close.
window.codes = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("close", (event) => window.codes.push(event.code));
  }
};
