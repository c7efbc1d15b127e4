"""The chat as a plain Starlette application: rooms in memory, one `await` for each tab."""

import json
from collections import defaultdict
from contextlib import suppress

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: dict[str, set[WebSocket]] = defaultdict(set)


async def chat(socket: WebSocket) -> None:
    """Starlette calls this for every socket; it ends when the tab goes away."""
    room = rooms[socket.path_params["room_name"]]
    await socket.accept()
    room.add(socket)
    try:
        async for frame in socket.iter_text():
            text = json.dumps({"message": json.loads(frame)["message"]})
            for tab in list(room):
                with suppress(WebSocketDisconnect, RuntimeError):  # it goes away at this moment
                    await tab.send_text(text)
    finally:
        room.remove(socket)


app = Starlette(routes=[WebSocketRoute("/ws/chat/{room_name}/", chat)])
