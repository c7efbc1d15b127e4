"""What the chat stores."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from chat.files import image_type


class Message(models.Model):
    """A message. Each room numbers its messages 1, 2, 3, … so a gap shows that some are missing."""

    room = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    page_id = models.UUIDField()  # from the page: a message that it sends again has the same
    text = models.CharField(max_length=1000)  # of a file: its name
    file = models.FileField(blank=True)  # the name that it has in MEDIA_ROOT
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="each_number_once"),
            models.UniqueConstraint(fields=["room", "page_id"], name="each_page_id_once"),
        ]

    def frame(self):
        """Return what a tab gets, ready for JSON."""
        frame = {
            "message": self.text,
            "number": self.number,
            "id": str(self.page_id),
            "author": self.author.username if self.author else None,
        }
        if self.file:
            frame["file"] = reverse("download", args=[self.room, self.pk])
            frame["image"] = bool(image_type(self.text))
        return frame


class Alert(models.Model):
    """What a user is to read, until a tab of the user says that it was seen."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.TextField()
    seen = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]

    def frame(self):
        """Return what a tab gets, ready for JSON."""
        return {"alert": self.text, "id": self.pk}
