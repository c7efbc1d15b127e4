"""Different here: no consumer class, but an ASGI application that is a function: it reads what the
tab says, and a task beside it what the channel layer brings."""

import asyncio
import json

from channels.layers import get_channel_layer

from chat.messages import BadMessage, read_message
from chat.rooms import group_name, room_name_error


async def chat(scope, receive, send):
    """The server calls this once a socket: it runs from the handshake until the tab is gone."""
    await receive()  # the first event is always websocket.connect
    room_name = scope["url_route"]["kwargs"]["room_name"]
    if room_name_error(room_name):
        return await send({"type": "websocket.close"})
    layer, group = get_channel_layer(), group_name(room_name)
    channel = await layer.new_channel()

    async def tell(**frame):
        await send({"type": "websocket.send", "text": json.dumps(frame)})

    async def hear_the_room():
        while True:
            event = await layer.receive(channel)
            await tell(message=event["message"])

    await layer.group_add(group, channel)
    try:
        await send({"type": "websocket.accept"})
        # If the layer fails, the group ends as a whole, and with it the socket: the tab comes back.
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(hear_the_room())
            while (event := await receive())["type"] == "websocket.receive":
                try:
                    said = {"type": "said", "message": read_message(event.get("text"))}
                except BadMessage as error:
                    await tell(error=str(error))
                else:
                    await layer.group_send(group, said)
            hearing.cancel()
    finally:
        await layer.group_discard(group, channel)
