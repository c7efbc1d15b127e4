"""The settings of a step, with the channel layer on RabbitMQ."""

import os

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_rabbitmq.core.RabbitmqChannelLayer",
        "CONFIG": {"host": os.environ["RABBITMQ_URL"]},
    }
}
