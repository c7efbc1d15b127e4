// Provided: a WebSocket that reconnects. You need not read it.

/**
 * Opens a socket to `path`, and again after every drop. `onStatus` gets "connecting…", "connected"
 * or "reconnecting…", `onFrame` each frame and the object that it answers, if any. Objects go out
 * one at a time: each waits for an error or for its message to come back. If neither comes within
 * 5 s, or the socket drops, nobody knows whether the server has it: `onFrame` gets an error for it.
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
    socket = new WebSocket(location.origin.replace("http", "ws") + path);
    socket.onopen = () => {
      clearTimeout(timer);
      drops = 0;
      onStatus("connected");
      sendNext();
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      const answers = waiting && (frame.error || frame.message === queue[0].message?.trim());
      if (answers) clearTimeout(timer);
      if (answers) waiting = false;
      onFrame(frame, answers ? queue.shift() : undefined);
      sendNext();
    };
    socket.onclose = drop;
  }

  function drop() {
    socket.onopen = socket.onmessage = socket.onclose = null; // it may close much later
    socket.close();
    clearTimeout(timer);
    // At most 500 ms the first time, then up to 5 s; random, so that tabs do not all come at once.
    timer = setTimeout(connect, Math.min(5000, 500 * 2 ** drops++) * (0.5 + Math.random() / 2));
    onStatus("reconnecting…");
    if (waiting) onFrame({ error: "Not confirmed. Send it again?" }, queue.shift());
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
      queue.push(data);
      sendNext();
    },
  };
}
