// The room page: a field is emptied only once its message may be sent.

const byId = (id) => document.getElementById(id);
const [log, input, problem] = ["chat-log", "chat-message-input", "problem"].map(byId);
const name = JSON.parse(byId("room-name").textContent);
const connection = new Connection(`/ws/chat/${encodeURIComponent(name)}/`);
let last = "";

connection.addEventListener("status", (event) => {
  byId("chat-status").textContent = event.detail;
});

connection.addEventListener("frame", ({ detail: { message, error } }) => {
  if (message !== undefined) log.value += `${message}\n`;
  if (error === undefined) return;
  problem.value = error;
  if (!input.value) input.value = last;
});

document.forms[0].addEventListener("submit", (event) => {
  event.preventDefault();
  const count = [...input.value.trim()].length; // code points
  if (count > 1000) {
    problem.value = `At most 1000 characters, please; these are ${count}.`;
    return;
  }
  last = input.value;
  connection.send({ message: last });
  input.value = problem.value = "";
});
