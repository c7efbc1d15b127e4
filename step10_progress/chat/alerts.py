"""Alerts: what a user gets in all open tabs, from any process, whatever page the tabs show."""

import re

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.db import transaction

from chat.models import Alert, Job

JOBS = 3  # of a user, the newest: a tab that is opened gets how far they are


def alert_group(user_id):
    """Return the name of the group that all tabs of this user are in."""
    return f"alerts.{user_id}"


def send_to_user(user_id, frame):
    """Send a frame to all tabs of a user. Code that is async cannot call this."""
    event = {"type": "user.frame", "frame": frame}
    async_to_sync(get_channel_layer().group_send)(alert_group(user_id), event)


def alert(user, text):
    """Store an alert for a user, and send it to the tabs that are open."""
    stored = Alert.objects.create(user=user, text=text)

    def send():
        send_to_user(user.pk, stored.frame())

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
    """Return a frame for each alert that a user has not seen, in order, and for the last jobs."""
    alerts = Alert.objects.filter(user=user, seen=False)
    jobs = Job.objects.filter(user=user).order_by("-pk")[:JOBS]
    return [each.frame() for each in (*alerts, *reversed(jobs))]


@database_sync_to_async
def mark_seen(user):
    """Store that a user has seen all alerts so far."""
    Alert.objects.filter(user=user, seen=False).update(seen=True)
