"""Alerts: a signal sends each one that is stored."""

import re
from functools import partial

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from chat.models import Alert


def alert_group(user_id):
    """Return the name of the group that all tabs of this user are in."""
    return f"alerts.{user_id}"


def send_to_user(user_id, frame):
    """Send a frame to all tabs of a user. Code that is async cannot call this."""
    event = {"type": "user.frame", "frame": frame}
    async_to_sync(get_channel_layer().group_send)(alert_group(user_id), event)


def alert(user, text):
    """Store an alert for a user. The signal below sends it."""
    Alert.objects.create(user=user, text=text)


@receiver(post_save, sender=Alert)
def send_alert(instance, created, **kwargs):
    """Django calls this whenever an alert is stored, also by the shell or another app."""
    frame = instance.frame()
    if created:
        transaction.on_commit(partial(send_to_user, instance.user_id, frame), robust=True)


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
def mark_seen(user):
    """Store that a user has seen all alerts so far."""
    Alert.objects.filter(user=user, seen=False).update(seen=True)
