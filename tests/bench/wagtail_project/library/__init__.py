"""A library as Wagtail would have it."""
