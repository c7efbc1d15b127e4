// The room page: a field of several lines in which Enter sends, and messages as a stream.

const [log, status, input, button, whyNot] = ["chat-log", "chat-status"]
  .concat(["chat-message-input", "chat-message-submit", "why-not"])
  .map((id) => document.getElementById(id));
const room = JSON.parse(document.getElementById("room-name").textContent);
const address = new URL(`/ws/chat/${encodeURIComponent(room)}/`, location.href);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";

const queue = [];
let wakeUp = () => {};
let spoken = "";

function say() {
  const typed = input.value;
  input.value = "";
  if (typed.length > 5000) return refuse("This is a book, not a message.", typed);
  spoken = typed;
  queue.push(JSON.stringify({ message: typed }));
  wakeUp();
}

function refuse(why, typed) {
  whyNot.hidden = false;
  whyNot.textContent = why;
  if (!input.value) input.value = typed;
}

function show({ error, message }) {
  if (error) return refuse(error, spoken);
  whyNot.hidden = true;
  log.value += `${message}\n`;
}

// Resolves when the connection is over, with whether there was one.
async function connection() {
  const socket = new WebSocket(address);
  socket.addEventListener("message", (event) => show(JSON.parse(event.data)));
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  const opened = new Promise((resolve) => socket.addEventListener("open", () => resolve(true)));
  if (!(await Promise.race([opened, closed.then(() => false)]))) return false;
  status.textContent = "connected";
  wakeUp = () => {
    while (queue.length && socket.readyState === WebSocket.OPEN) socket.send(queue.shift());
  };
  wakeUp();
  await closed;
  wakeUp = () => {};
  return true;
}

button.addEventListener("click", say);
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault(); // no line break
  say();
});

for (let failed = 0; ; failed += 1) {
  if (await connection()) failed = 0;
  status.textContent = "reconnecting…";
  const longest = Math.min(500 * 1.5 ** failed, 5000);
  await new Promise((resolve) => setTimeout(resolve, longest * (0.4 + 0.6 * Math.random())));
}
