"""Different here: the async methods of the ORM."""

import asyncio
from urllib.parse import parse_qs

from django.db import DatabaseError, IntegrityError
from django.db.models import Max

from chat.models import Message

NEWEST, MOST = 50, 500
# At each `await`, another consumer of this process can take the same number. Twenty that write at
# once would make each other try up to fifty times.
writing = asyncio.Lock()


class NotStored(Exception):
    pass


def read_since(query_string):
    since = parse_qs(query_string.decode("latin-1")).get("since", [""])[0]
    return int(since) if since.isascii() and since.isdigit() and len(since) < 10 else None


async def last_number(room):
    found = await Message.objects.filter(room=room).aaggregate(last=Max("number"))
    return found["last"] or 0


async def start(room, since):
    last = await last_number(room)
    known = since is not None and last - MOST <= since <= last
    return since if known else max(0, last - NEWEST)


async def read(room, after):
    return [each.frame() async for each in Message.objects.filter(room=room, number__gt=after)]


async def write(room, text, page_id):
    for _ in range(100):
        try:
            async with writing:
                number = await last_number(room) + 1
                message = Message(room=room, number=number, page_id=page_id, text=text)
                await message.asave(force_insert=True)
            return message.frame()
        except IntegrityError:
            if stored := await Message.objects.filter(room=room, page_id=page_id).afirst():
                return stored.frame()
        except DatabaseError:
            break
    raise NotStored("The database is away. Try again.")
