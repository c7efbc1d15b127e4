// The chat with Node and the package `ws`. Arguments: the port, and the URL of the package's module.

const { WebSocketServer } = await import(process.argv[3]);
const rooms = new Map();

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) });

server.on("connection", (socket, request) => {
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room.add(socket));
  socket.on("message", (frame) => {
    const { message } = JSON.parse(frame);
    const text = JSON.stringify({ message });
    for (const tab of room) tab.send(text);
  });
  socket.on("close", () => room.delete(socket));
});
