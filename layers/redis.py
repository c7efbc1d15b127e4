"""The settings of a step, with the core layer on Redis."""

import os

from mysite.settings import *  # noqa: F403

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Without this, redis-py 8 gives up after 5 s, and idle sockets close.
        "CONFIG": {"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}]},
    }
}
