// Provided: a WebSocket that reconnects. You need not read it.

/**
 * Opens a socket to what `path` returns, and again after a drop. `onStatus` gets "connecting…",
 * "connected", "reconnecting…" or "logged out", `onFrame` each frame and the object that it answers.
 * Objects go out one at a time, with an id: each waits for an error or for its id to come. If
 * neither comes within 5 s, or the socket drops, it is sent again: the server stores an id once.
 */
function openSocket(path, { onStatus, onFrame }) {
  const queue = [];
  let waiting = false; // for the answer to the first in the queue
  let drops = 0; // since the socket was last open
  let socket, timer; // the timer ends what takes too long, or the pause before the next try
  let awake = Date.now();

  function sendNext() {
    if (waiting || !queue.length || socket.readyState !== WebSocket.OPEN) return;
    waiting = true;
    socket.send(JSON.stringify(queue[0]));
    timer = setTimeout(drop, 5000); // a network that is gone closes no socket
  }

  function connect() {
    timer = setTimeout(drop, 10_000);
    socket = new WebSocket(location.origin.replace("http", "ws") + path());
    socket.onopen = () => {
      clearTimeout(timer);
      drops = 0;
      onStatus("connected");
      sendNext();
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      const answers = waiting && (frame.error || frame.id === queue[0].id);
      if (answers) clearTimeout(timer);
      if (answers) waiting = false;
      onFrame(frame, answers ? queue.shift() : undefined);
      sendNext();
    };
    socket.onclose = ({ code }) => {
      drop();
      if (code !== 4401) return;
      clearTimeout(timer);
      onStatus("logged out");
      for (const data of queue.splice(0)) onFrame({ error: "You are logged out." }, data);
    };
  }

  function drop() {
    socket.onopen = socket.onmessage = socket.onclose = null; // it may close much later
    socket.close();
    clearTimeout(timer);
    // At most 500 ms the first time, then up to 5 s; random, so that tabs do not all come at once.
    timer = setTimeout(connect, Math.min(5000, 500 * 2 ** drops++) * (0.5 + Math.random() / 2));
    onStatus("reconnecting…");
    waiting = false;
  }

  onStatus("connecting…");
  connect();
  addEventListener("offline", drop);
  addEventListener("online", () => drop((drops = 0)));
  setInterval(() => {
    if (Date.now() - awake > 120_000) drop(); // the computer was asleep
    awake = Date.now();
  }, 10_000);
  return {
    send(data) {
      // In UTF-8 this could be more than 1 MiB, at which Daphne hangs up without a word.
      if (JSON.stringify(data).length > 300_000) return onFrame({ error: "Far too long." }, data);
      queue.push({ ...data, id: newId() });
      sendNext();
    },
  };
}

/** Returns a UUID. On a page that came by http from elsewhere, crypto.randomUUID() is missing. */
function newId() {
  const digit = () => Math.floor(Math.random() * 16).toString(16);
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, digit);
}
