// Provided: a WebSocket that reconnects. You need not read it.

/**
 * Opens a socket to what `path` returns, on this site, and again after every drop.
 *
 * `onStatus` is called with "connecting…", "connected", "reconnecting…" or "logged out", after
 * which it does not reconnect; `onFrame` with each frame that arrives, read as JSON, and with the
 * object that it answers, if it is an answer.
 *
 * The `send` that comes back takes an object. It gets an id and waits in a queue. The first in the
 * queue goes out and stays there until the server answers it, with its id or with an error. If the
 * socket drops before, it is sent again: it has the same id, so the server stores it once. What is
 * too long for any frame is not sent: `onFrame` gets an error for it, as if from the server.
 */
function openSocket(path, { onStatus, onFrame }) {
  const site = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;
  const queue = [];
  let socket;
  let waiting = false; // for the answer to the first in the queue
  let drops = 0; // since the socket was last open

  function sendNext() {
    if (waiting || !queue.length || socket.readyState !== WebSocket.OPEN) return;
    waiting = true;
    socket.send(JSON.stringify(queue[0]));
  }

  function connect() {
    socket = new WebSocket(site + path());
    socket.onopen = () => {
      drops = 0;
      waiting = false;
      onStatus("connected");
      sendNext();
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      const answers = waiting && (frame.error || frame.id === queue[0].id);
      if (answers) waiting = false;
      onFrame(frame, answers ? queue.shift() : undefined);
      sendNext();
    };
    socket.onclose = ({ code }) => {
      if (code === 4401) return onStatus("logged out");
      onStatus("reconnecting…");
      // At most 500 ms the first time, then up to 5 s; random, so that tabs do not all come at once.
      setTimeout(connect, Math.min(5000, 500 * 2 ** drops++) * (0.5 + Math.random() / 2));
    };
  }

  onStatus("connecting…");
  connect();
  return {
    send(data) {
      // In UTF-8 this could be more than 1 MiB, at which Daphne hangs up without a word.
      if (JSON.stringify(data).length > 300_000)
        return onFrame({ error: "This is far too long to be sent." }, data);
      queue.push({ ...data, id: newId() });
      sendNext();
    },
  };
}

/** Returns a new UUID. crypto.randomUUID() is missing on a page that came by http from elsewhere. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
