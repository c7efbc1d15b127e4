"""What accounts mean for sockets: a socket stays open only while its session is valid."""

from asgiref.sync import async_to_sync
from channels.auth import get_user
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver


def user_group(user_id):
    """Return the name of the group that all sockets of this user are in."""
    return f"user.{user_id}"


async def logged_in(scope):
    """Return whether the session that a socket came with is still valid, and its user active."""
    session = scope["session"]  # as it was when the socket opened: read it again
    fresh = session.__class__(session.session_key)
    return (await get_user({"session": fresh})).is_authenticated


def check_sockets(user_id):
    """Let all sockets of this user check their sessions, in every process."""

    def send():
        event = {"type": "account.changed"}
        async_to_sync(get_channel_layer().group_send)(user_group(user_id), event)

    # After the change is in the database. If the channel layer fails, the log-out is still valid.
    transaction.on_commit(send, robust=True)


def check_when_session_ends(get_response):
    """Middleware: a log-out ends the session, and so does a log-in as somebody else."""

    def middleware(request):
        user_id, key = request.session.get(SESSION_KEY), request.session.session_key
        response = get_response(request)
        if user_id and request.session.session_key != key:
            check_sockets(user_id)
        return response

    return middleware


@receiver([post_save, post_delete], sender=settings.AUTH_USER_MODEL)
def check_when_user_changes(instance, **kwargs):
    """Django calls this for every user that is saved or deleted: perhaps with a new password, or
    deactivated."""
    check_sockets(instance.pk)
