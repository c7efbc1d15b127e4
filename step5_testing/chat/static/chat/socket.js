// Provided: a WebSocket that reconnects. You need not read it.

/**
 * Opens a socket to `path` on this site, and again after every drop.
 *
 * `onStatus` is called with "connecting…", "connected" or "reconnecting…", `onFrame` with each
 * frame that arrives, read as JSON. The `send` that comes back takes whatever JSON can hold; what
 * is sent while the socket is not open waits in a queue and goes out, in order, once it is. What
 * is too long for any frame is not sent: `onFrame` gets an error for it, as if from the server.
 */
function openSocket(path, { onStatus, onFrame }) {
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
  const queue = [];
  let socket;
  let drops = 0; // since the socket was last open

  function flush() {
    while (queue.length && socket.readyState === WebSocket.OPEN) socket.send(queue.shift());
  }

  function connect() {
    socket = new WebSocket(url);
    socket.onopen = () => {
      drops = 0;
      onStatus("connected");
      flush();
    };
    socket.onmessage = (event) => onFrame(JSON.parse(event.data));
    socket.onclose = () => {
      onStatus("reconnecting…");
      // At most 500 ms the first time, then up to 5 s; random, so that tabs do not all come at once.
      setTimeout(connect, Math.min(5000, 500 * 2 ** drops++) * (0.5 + Math.random() / 2));
    };
  }

  onStatus("connecting…");
  connect();
  return {
    send(data) {
      const text = JSON.stringify(data);
      // In UTF-8 this could be more than 1 MiB, at which Daphne hangs up without a word.
      if (text.length > 300_000) return onFrame({ error: "This is far too long to be sent." });
      queue.push(text);
      flush();
    },
  };
}
