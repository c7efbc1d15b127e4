// The room page: what is typed goes out through the socket, what arrives is shown.

const roomName = JSON.parse(document.getElementById("room-name").textContent);
const log = document.getElementById("chat-log");
const input = document.getElementById("chat-message-input");
const news = document.getElementById("chat-news");
const error = document.getElementById("chat-error");

const socket = openSocket(`/ws/chat/${encodeURIComponent(roomName)}/`, {
  onStatus: (status) => (document.getElementById("chat-status").textContent = status),
  onFrame: (frame, sent) => {
    if (frame.error) {
      error.textContent = frame.error;
      if (sent) input.value = `${input.value} ${sent.message}`.trim(); // give the text back
    } else {
      log.value += frame.message + "\n";
      news.textContent = frame.message;
      log.scrollTop = log.scrollHeight;
    }
  },
});

document.getElementById("chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const message = input.value;
  input.value = error.textContent = "";
  socket.send({ message });
});
