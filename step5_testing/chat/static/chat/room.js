// The room page: what is typed goes out through the socket, what arrives is shown.

const roomName = JSON.parse(document.getElementById("room-name").textContent);
const log = document.getElementById("chat-log");
const input = document.getElementById("chat-message-input");
const error = document.getElementById("chat-error");
let lastSent = "";

const socket = openSocket(`/ws/chat/${encodeURIComponent(roomName)}/`, {
  onStatus: (status) => (document.getElementById("chat-status").textContent = status),
  onFrame: (frame) => {
    if (frame.error) {
      error.textContent = frame.error;
      input.value ||= lastSent; // give it back to fix, unless the next one is being typed
    } else {
      log.value += frame.message + "\n";
      log.scrollTop = log.scrollHeight;
    }
  },
});

document.getElementById("chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  lastSent = input.value;
  input.value = error.textContent = "";
  socket.send({ message: lastSent });
});
