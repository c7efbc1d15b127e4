// A module with one function: it keeps a socket open for ever, and returns a way to send on it.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function keepOpen(path, onStatus, onFrame) {
  const waiting = [];
  let socket = null;

  const flush = () => {
    while (socket?.readyState === WebSocket.OPEN && waiting.length) socket.send(waiting.shift());
  };

  // Resolves when the socket has closed, with whether it had been open.
  const once = () =>
    new Promise((resolve) => {
      let wasOpen = false;
      socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}${path}`);
      socket.onopen = () => {
        wasOpen = true;
        onStatus("connected");
        flush();
      };
      socket.onmessage = (event) => onFrame(JSON.parse(event.data));
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
