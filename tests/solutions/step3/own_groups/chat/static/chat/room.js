// The room page. A class is the room: its messages, what waits to be sent, and the socket.

class Room {
  messages = [];
  unsent = [];
  tries = 0;
  refusal = document.querySelector("#refusal");
  field = document.querySelector("#chat-message-input");

  constructor(name) {
    this.address = `//${location.host}/ws/chat/${encodeURIComponent(name)}/`;
    this.enter();
  }

  enter() {
    this.socket = new WebSocket((location.protocol === "https:" ? "wss:" : "ws:") + this.address);
    this.socket.onopen = () => this.entered();
    this.socket.onmessage = ({ data }) => this.heard(JSON.parse(data));
    this.socket.onclose = () => this.left();
  }

  entered() {
    this.tries = 0;
    this.say("connected");
    this.unsent.splice(0).forEach((text) => this.socket.send(text));
  }

  left() {
    this.say("reconnecting…");
    this.tries += 1;
    setTimeout(() => this.enter(), Math.random() * Math.min(450 * this.tries, 4000));
  }

  heard(frame) {
    if (frame.error) return this.refuse(frame.error, this.sent);
    this.messages.push(frame.message);
    document.querySelector("#chat-log").value = this.messages.join("\n");
  }

  refuse(reason, text) {
    this.refusal.firstElementChild.textContent = reason;
    this.refusal.show();
    if (this.field.value === "") this.field.value = text;
    this.field.focus();
  }

  send(typed) {
    this.sent = typed;
    const text = JSON.stringify({ message: typed });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else this.unsent.push(text);
  }

  say(status) {
    document.querySelector("#chat-status").textContent = status;
  }
}

const room = new Room(JSON.parse(document.querySelector("#room-name").textContent));

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  room.refusal.close();
  const typed = room.field.value;
  const length = Array.from(typed.trim()).length;
  if (length < 1 || length > 1000) return room.refuse(`1 to 1,000, not ${length}.`, typed);
  room.field.value = "";
  room.send(typed);
});
