"""There is no pytest.ini: this says where the settings are, and that they are for no Redis, whose
channel layer is for one event loop: each of the tests has one of its own."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
os.environ.pop("REDIS_URL", None)
