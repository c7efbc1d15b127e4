"""Tasks: what takes too long for a view. A worker runs them, in a process of its own."""

import logging
import time

from celery import shared_task

from chat.alerts import send_to_user
from chat.models import Job, Message

PARTS = 20  # of an export; after each, the tabs get how far it is
PAUSE = 0.2  # seconds after each part: the chat needs the database, too

logger = logging.getLogger(__name__)


# A task leaves the queue when it has ended, so a worker that is killed leaves it to the next one.
@shared_task(acks_late=True, reject_on_worker_lost=True)
def export(job_id):
    """Write the history of a room into the file of a job, from where the job is."""
    job = Job.objects.get(pk=job_id)
    try:
        for part in range(job.done * PARTS // 100, PARTS):
            write_part(job, part)
            job.done = (part + 1) * 100 // PARTS
            job.save()
            tell(job)
            time.sleep(PAUSE)
    except Exception:
        job.failed = True
        job.save()
        tell(job)
        raise  # for the log of the worker


def write_part(job, part):
    """Write one part of the history, behind what is in the file for sure."""
    first, last = (job.last * each // PARTS for each in (part, part + 1))
    messages = Message.objects.filter(room=job.room, number__gt=first, number__lte=last)
    lines = [
        f"{each.author or 'somebody'}: {each.text}\n" for each in messages.select_related("author")
    ]
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
