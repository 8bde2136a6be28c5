"""What the frame itself keeps: a sign of life of each process that answers nobody."""

from django.db import models


class Heartbeat(models.Model):
    """When a process last got on with its work, by the database's clock; one row a name, written again and again."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self):
        return self.name
