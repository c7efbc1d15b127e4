"""The chat with nothing but `websockets`: what a Python process can do if it does nothing else."""

import asyncio
import json
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: dict[str, set[ServerConnection]] = defaultdict(set)


async def chat(socket: ServerConnection) -> None:
    """`websockets` calls this for every socket; it ends when the tab goes away."""
    room = rooms[socket.request.path]
    room.add(socket)
    try:
        async for frame in socket:
            message = json.loads(frame)["message"]
            broadcast(room, json.dumps({"message": message}))
    finally:
        room.remove(socket)


async def main() -> None:
    """Serve the port that the command line names."""
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
