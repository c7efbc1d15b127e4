"""The project. Every process that imports it knows where its tasks go."""

from mysite.celery import app as celery_app

__all__ = ["celery_app"]
