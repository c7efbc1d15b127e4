"""The history: what was sent to a room is stored in the database, and can be read again."""

import logging
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Max

from chat.alerts import alert_mentioned
from chat.models import Message

NEWEST = 50  # messages that a new page gets
MOST = 500  # messages that a page can miss: if it missed more, it gets the newest, too
TRIES = 100  # to get a number that no other process takes at the same time

logger = logging.getLogger(__name__)


class NotStored(Exception):
    """The database does not take a message. The text is for the user."""


def read_since(query_string):
    """Take what is after the ? in a socket's URL (bytes). Return the number of the last message
    that the page has, or None if there is no such number."""
    since = parse_qs(query_string.decode("latin-1")).get("since", [""])[0]
    return int(since) if since.isascii() and since.isdigit() and len(since) < 10 else None


def last_number(room):
    """Return the number of the last message in a room, or 0 if there is none."""
    return Message.objects.filter(room=room).aggregate(last=Max("number"))["last"] or 0


@database_sync_to_async
def start(room, since):
    """Return the number after which a page goes on that has the messages up to `since`."""
    last = last_number(room)
    if since is None or not last - MOST <= since <= last:  # > last: it is from another database
        return max(0, last - NEWEST)
    return since


@database_sync_to_async
def read(room, after):
    """Return the messages of a room after this number, in order, each as the frame for a tab."""
    messages = Message.objects.filter(room=room, number__gt=after).select_related("author")
    return [each.frame() for each in messages]


def store(room, author, text, page_id, file=""):
    """Store a message under the next number of its room, unless a message with this id is there
    already. Return the frame of the one that is stored. Raise NotStored if the database fails."""
    for _ in range(TRIES):
        try:
            number = last_number(room) + 1
            with transaction.atomic():
                stored = Message.objects.create(
                    room=room, number=number, page_id=page_id, text=text, author=author, file=file
                )
                alert_mentioned(stored)
        except IntegrityError:  # the id is there, or another process has just taken the number
            stored = Message.objects.filter(room=room, page_id=page_id).first()
        except DatabaseError:
            logger.exception("A message is not stored.")
            break
        if stored:
            return stored.frame()
    raise NotStored("This could not be stored. Send it again.")


write = database_sync_to_async(store)  # for consumers; views use `store`
