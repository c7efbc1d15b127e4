// A module with one function: it keeps a socket open for ever, and returns a way to send on it.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function keepOpen(path, onStatus, onFrame) {
  const waiting = [];
  let socket = null;
  let giveUp = () => {};
  let noAnswer; // a timer

  const flush = () => {
    while (socket?.readyState === WebSocket.OPEN && waiting.length) {
      socket.send(waiting.shift());
      clearTimeout(noAnswer);
      noAnswer = setTimeout(giveUp, 5000);
    }
  };

  // Resolves when the socket has closed or does not answer, with whether it had been open.
  const once = () =>
    new Promise((resolve) => {
      let wasOpen = false;
      giveUp = () => {
        socket.onmessage = null;
        socket.close();
        onFrame({ error: "No answer. Send it again?" });
        resolve(wasOpen);
      };
      socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${path}`);
      socket.onopen = () => {
        wasOpen = true;
        onStatus("connected");
        flush();
      };
      socket.onmessage = (event) => {
        clearTimeout(noAnswer);
        onFrame(JSON.parse(event.data));
      };
      socket.onclose = () => resolve(wasOpen);
    });

  (async () => {
    for (let longest = 450; ; longest = Math.min(longest * 2, 5000)) {
      if (await once()) longest = 450;
      onStatus("reconnecting…");
      await pause(longest * (0.5 + Math.random() / 2));
    }
  })();

  return (frame) => {
    waiting.push(JSON.stringify(frame));
    flush();
  };
}
