"""A step's own settings, but with the channel layer that keeps its messages in RabbitMQ."""

import os

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_rabbitmq.core.RabbitmqChannelLayer",
        "CONFIG": {"host": os.environ["RABBITMQ_URL"]},
    }
}
