"""One kind of page: a text that is stored as HTML."""

from django.db import models
from wagtail.models import Page


class ArticlePage(Page):
    """An article."""

    body = models.TextField()
