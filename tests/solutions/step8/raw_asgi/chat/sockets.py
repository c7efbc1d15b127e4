"""Different here: no consumer and no class. The chat is an ASGI application that is a function, and
what waits for a tab has a limit in bytes."""

import asyncio
import json
from contextlib import asynccontextmanager
from math import inf

from channels.layers import get_channel_layer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error

MOST = 1_000_000
rooms = {}  # group: the tabs' queues, the task that fills them


async def chat(scope, receive, send):
    """The server calls this once a socket: it runs from the handshake until the tab is gone."""
    await receive()
    name = scope["url_route"]["kwargs"]["room"]
    if room_name_error(name):
        return await send({"type": "websocket.close"})
    group = group_name(name)
    async with in_room(group) as queue:
        await send({"type": "websocket.accept"})
        writing = asyncio.create_task(write(queue, send))
        try:
            while (event := await receive())["type"] == "websocket.receive":
                try:
                    message = read_message(event.get("text"))
                except BadMessage as error:
                    await tell(send, error=str(error))
                else:
                    await get_channel_layer().group_send(group, {"message": message})
        finally:
            writing.cancel()


async def tell(send, **frame):
    await send({"type": "websocket.send", "text": json.dumps(frame)})


async def write(queue, send):
    try:
        while event := await queue.get():
            queue.size -= len(event["text"])
            await send(event)
        await send({"type": "websocket.close", "code": 4000})
    except OSError:
        pass  # the tab is gone, and `receive` says so


def end(queue):
    """Let nothing more come through a queue but its end."""
    queue.size = inf
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


@asynccontextmanager
async def in_room(group):
    """A queue with what is said in the room; on entering, the room is being heard."""
    queue = asyncio.Queue()
    queue.size = 0
    if group not in rooms:
        ready = asyncio.get_running_loop().create_future()
        queues = set()
        rooms[group] = queues, ready, asyncio.create_task(hear(group, queues, ready))
    queues, ready, hearing = room = rooms[group]
    queues.add(queue)
    try:
        await asyncio.shield(ready)
        yield queue
    finally:
        queues.discard(queue)
        if not queues and rooms.get(group) is room:
            del rooms[group]
            hearing.cancel()


async def hear(group, queues, ready):
    layer = get_channel_layer()
    channel = None
    try:
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        ready.set_result(None)
        while True:
            event = await layer.receive(channel)
            frame = {"type": "websocket.send", "text": json.dumps({"message": event["message"]})}
            for queue in queues:
                queue.size += len(frame["text"])
                if queue.size <= MOST:
                    queue.put_nowait(frame)
                elif queue.size < inf:
                    end(queue)
    except Exception as error:
        if not ready.done():
            ready.set_exception(error)
    finally:
        if rooms.get(group, (None,))[0] is queues:
            del rooms[group]
        for queue in queues:
            end(queue)
        if channel:
            await layer.group_discard(group, channel)
