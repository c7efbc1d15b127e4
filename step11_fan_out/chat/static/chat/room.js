// The room page: what is typed goes out through the socket, what arrives is shown.

const roomName = JSON.parse(document.getElementById("room-name").textContent);
const log = document.getElementById("chat-log");
const input = document.getElementById("chat-message-input");
const news = document.getElementById("chat-news");
const error = document.getElementById("chat-error");
let last = ""; // the number of the last message in the log; "" asks for the newest messages

const socket = openSocket(() => `/ws/chat/${encodeURIComponent(roomName)}/?since=${last}`, {
  onStatus: (status) => {
    document.getElementById("chat-status").textContent = status;
    if (status === "connected") last ||= 0; // from now on, ask for what is missing
    document.getElementById("chat-log-in").hidden = status !== "logged out";
    input.disabled = status === "logged out";
  },
  onFrame: (frame, sent) => {
    if (frame.error) {
      error.textContent = frame.error;
      if (sent) input.value = `${input.value} ${sent.message}`.trim(); // give the text back
    } else if (frame.message) {
      const older = frame.number - last - 1; // too many to send
      if (older > 0) log.value += `(${older} older messages)\n`;
      last = frame.number;
      news.textContent = `${frame.author ?? "somebody"}: ${frame.message}`;
      log.value += news.textContent + "\n";
      log.scrollTop = log.scrollHeight;
      if (frame.file) showFile(frame);
    }
  },
});

document.getElementById("chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const message = input.value;
  input.value = error.textContent = "";
  socket.send({ message });
});
