"""Tasks: a class, with a method for what fails."""

import logging
import time

from celery.contrib.django.task import DjangoTask

from chat.alerts import send_to_user
from chat.models import Job, Message
from mysite.celery import app

PARTS = 20  # of an export; after each, the tabs get how far it is
PAUSE = 0.2  # seconds after each part: the chat needs the database, too

logger = logging.getLogger(__name__)


class Export(DjangoTask):
    """Writes the history of a room into the file of a job, from where the job is."""

    name = "chat.export"
    acks_late = reject_on_worker_lost = True

    def run(self, job_id):
        """Celery calls this in the worker."""
        job = Job.objects.get(pk=job_id)
        for part in range(job.done * PARTS // 100, PARTS):
            write_part(job, part)
            job.done = (part + 1) * 100 // PARTS
            job.save()
            tell(job)
            time.sleep(PAUSE)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        """Celery calls this when `run` has raised an exception."""
        Job.objects.filter(pk=args[0]).update(failed=True)
        tell(Job.objects.get(pk=args[0]))


export = app.register_task(Export())


def write_part(job, part):
    """Write one part of the history, behind what is in the file for sure."""
    first, last = (job.last * each // PARTS for each in (part, part + 1))
    messages = Message.objects.filter(room=job.room, number__gt=first, number__lte=last)
    lines = [f"{each.author}: {each.text}\n" for each in messages.select_related("author")]
    with open(job.path(), "ab") as file:
        file.seek(job.size)  # a worker that was killed may have written more than it stored
        file.truncate()
        file.write("".join(lines).encode())
        job.size = file.tell()


def tell(job):
    """Send to the tabs how far a job is. If that fails, the job goes on: its row has it, too."""
    try:
        send_to_user(job.user_id, job.frame())
    except Exception:
        logger.exception("The tabs did not get how far a job is.")
