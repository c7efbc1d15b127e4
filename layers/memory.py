"""A step's own settings, but with the channel layer that needs nothing: one process only."""

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
