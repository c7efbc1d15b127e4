"""The settings of a step, with the pub/sub layer on Redis."""

import os

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Without this, the tab that sends loses its socket if Redis hangs for 5 s.
        "CONFIG": {"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}]},
    }
}
