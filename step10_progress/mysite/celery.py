"""Celery's application: `celery -A mysite worker` starts a worker with it."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
REDIS_URL = os.environ.get("REDIS_URL")

app = Celery("mysite")
app.conf.update(
    # With Redis, tasks wait there for a worker. Without, the process that calls a task runs it.
    broker_url=REDIS_URL,
    task_always_eager=not REDIS_URL,
    task_default_queue=f"tasks-{Path(__file__).parent.parent.name}",  # not for other projects
    task_ignore_result=True,  # what became of a task is in the row of its job
)
app.autodiscover_tasks()
