"""python manage.py alert ann "The backup is done." """

import json

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from chat.alerts import alert
from chat.messages import BadMessage, read_message


class Command(BaseCommand):
    """Runs in a process of its own: only the database and Redis connect it to the server."""

    help = "Alerts a user in every open tab."

    def add_arguments(self, parser):
        """Django calls this to learn what may be typed after the name of the command."""
        parser.add_argument("name", help="the name of the user")
        parser.add_argument("text", help="what the user will read")

    def handle(self, name, text, **options):
        """Django calls this to run the command."""
        try:
            text, _ = read_message(json.dumps({"message": text}))  # the rules are those of messages
            user = get_user_model().objects.get(username=name)
        except BadMessage as error:
            raise CommandError(str(error)) from None
        except get_user_model().DoesNotExist:
            raise CommandError(f"There is no user {name!r}.") from None
        alert(user, text)
        if isinstance(get_channel_layer(), InMemoryChannelLayer):
            self.stderr.write(
                "The alert is stored, but no open tab gets it now: without REDIS_URL, the channel"
                " layer is in the memory of this process. A tab that is opened or reloaded gets it."
            )
