// The page of the official tutorial, made to queue, to come back, and to give back what was refused.

(function () {
  const roomName = JSON.parse(document.getElementById("room-name").textContent);
  const input = document.querySelector("#chat-message-input");
  const status = document.querySelector("#chat-status");
  const errors = document.querySelector("#errors");
  const outbox = [];
  let refusable = "";
  let chatSocket;
  let pause = 300;
  let noAnswer; // a timer

  function connect() {
    const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
    chatSocket = new WebSocket(
      scheme + window.location.host + "/ws/chat/" + encodeURIComponent(roomName) + "/",
    );
    chatSocket.onopen = function () {
      status.innerText = "connected";
      pause = 300;
      while (outbox.length) chatSocket.send(outbox.shift());
    };
    chatSocket.onmessage = function (e) {
      clearTimeout(noAnswer);
      const data = JSON.parse(e.data);
      if ("error" in data) {
        errors.innerText = data.error;
        if (input.value === "") input.value = refusable;
      } else {
        errors.innerText = "";
        document.querySelector("#chat-log").value += data.message + "\n";
      }
    };
    chatSocket.onclose = lost;
  }

  function lost() {
    clearTimeout(noAnswer);
    status.innerText = "reconnecting…";
    setTimeout(connect, pause + Math.random() * 200);
    pause = Math.min(pause * 2, 4000);
  }

  function giveUp() {
    chatSocket.onmessage = chatSocket.onclose = null;
    chatSocket.close();
    errors.innerText = "No answer. Send it again?";
    input.value ||= refusable;
    lost();
  }

  function say() {
    if (input.value.length > 2000) {
      errors.innerText = "This is " + input.value.length + " long; 1000 is the most.";
      return;
    }
    refusable = input.value;
    const frame = JSON.stringify({ message: input.value });
    if (chatSocket.readyState === WebSocket.OPEN) chatSocket.send(frame);
    else outbox.push(frame);
    clearTimeout(noAnswer);
    if (!outbox.length) noAnswer = setTimeout(giveUp, 5000);
    input.value = "";
  }

  input.focus();
  input.addEventListener("keydown", function (e) {
    if (e.key === "Enter") say();
  });
  document.querySelector("#chat-message-submit").addEventListener("click", say);
  connect();
})();
