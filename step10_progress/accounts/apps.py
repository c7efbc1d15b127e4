"""The app `accounts`. Django loads it in every process, also for a command of manage.py."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self):
        """Django calls this when all models are loaded: connect the signals in sockets.py."""
        from accounts import sockets  # noqa: F401
