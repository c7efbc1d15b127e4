"""Alerts: the event has only an id, and the consumer reads the text in the database."""

import re

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.db import transaction

from chat.models import Alert


def alert_group(user_id):
    """Return the name of the group that all tabs of this user are in."""
    return f"alerts.{user_id}"


def send_to_user(user_id, alert_id):
    """Tell all tabs of a user which alert is new. Code that is async cannot call this."""
    event = {"type": "user.alert", "id": alert_id}
    async_to_sync(get_channel_layer().group_send)(alert_group(user_id), event)


def alert(user, text):
    """Store an alert for a user, and send it to the tabs that are open."""
    stored = Alert.objects.create(user=user, text=text)

    def send():
        send_to_user(user.pk, stored.pk)

    # Not before it is in the database for good. If the channel layer fails, it is there.
    transaction.on_commit(send, robust=True)


def alert_mentioned(message):
    """Alert every user whose name is in a message behind an @, except its author."""
    names = re.findall(r"@([\w.@+-]*\w)", message.text)  # a full stop after a name is none of it
    users = get_user_model().objects.filter(username__in=names)
    for user in users.exclude(pk=message.author_id):
        alert(user, f"{message.author} in {message.room}: {message.text}")


@database_sync_to_async
def missed(user):
    """Return a frame for each alert that a user has not seen, in order."""
    return [alert.frame() for alert in Alert.objects.filter(user=user, seen=False)]


@database_sync_to_async
def read(alert_id):
    """Return the frame of an alert."""
    return Alert.objects.get(pk=alert_id).frame()


@database_sync_to_async
def mark_seen(user):
    """Store that a user has seen all alerts so far."""
    Alert.objects.filter(user=user, seen=False).update(seen=True)
