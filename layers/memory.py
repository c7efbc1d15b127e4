"""The settings of a step, with the in-memory layer: one process only."""

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
