// The room page. What was refused comes back into the field, above a list of complaints.

import { keepOpen } from "./reconnecting.js";

const $ = (selector) => document.querySelector(selector);
const room = encodeURIComponent(JSON.parse($("#room-name").textContent));
const input = $("#chat-message-input");
let last = "";

function complain(text) {
  const item = document.createElement("li");
  item.textContent = text;
  $("#complaints").prepend(item);
}

const send = keepOpen(
  `/ws/chat/${room}/`,
  (status) => ($("#chat-status").textContent = status),
  ({ error, message }) => {
    if (error) {
      complain(error);
      input.value ||= last;
    } else {
      $("#complaints").replaceChildren();
      $("#chat-log").append(message, "\n"); // as text: a textarea's children are its value
    }
  },
);

$("#say").onsubmit = (event) => {
  event.preventDefault();
  if (input.value.length > 100_000) {
    return complain(`${input.value.length} characters are far too many.`);
  }
  last = input.value;
  send({ message: last });
  input.value = "";
};
