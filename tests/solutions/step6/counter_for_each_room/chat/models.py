"""Different here: each room has a row with the number of its last message."""

from django.db import models


class Room(models.Model):
    name = models.CharField(max_length=80, unique=True)
    last = models.PositiveIntegerField(default=0)


class Message(models.Model):
    room = models.CharField(max_length=80)
    number = models.PositiveIntegerField()
    page_id = models.UUIDField()
    text = models.CharField(max_length=1000)

    class Meta:
        ordering = ["number"]
        unique_together = [("room", "number"), ("room", "page_id")]

    def frame(self):
        return {"number": self.number, "id": str(self.page_id), "message": self.text}
