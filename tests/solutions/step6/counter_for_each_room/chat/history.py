"""Different here: the room's row is changed first, which locks it until the message is stored."""

from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F

from chat.models import Message, Room

NEWEST, MOST = 50, 500


class NotStored(Exception):
    pass


def read_since(query_string):
    since = parse_qs(query_string.decode("latin-1")).get("since", [""])[0]
    return int(since) if since.isascii() and since.isdigit() and len(since) < 10 else None


@database_sync_to_async
def start(room, since):
    last = Room.objects.filter(name=room).values_list("last", flat=True).first() or 0
    known = since is not None and last - MOST <= since <= last
    return since if known else max(0, last - NEWEST)


@database_sync_to_async
def read(room, after):
    return [each.frame() for each in Message.objects.filter(room=room, number__gt=after)]


@database_sync_to_async
def write(room, text, page_id):
    try:
        Room.objects.get_or_create(name=room)
        with transaction.atomic():
            Room.objects.filter(name=room).update(last=F("last") + 1)
            number = Room.objects.get(name=room).last
            values = {"room": room, "number": number, "page_id": page_id, "text": text}
            return Message.objects.create(**values).frame()
    except IntegrityError:
        return Message.objects.get(room=room, page_id=page_id).frame()
    except DatabaseError as error:
        raise NotStored("The database is away. Try again.") from error
