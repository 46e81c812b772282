"""A page with the text in `stored.html`, for signed-in people alone, and one of them: its path and their cookie."""

import os
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "bench_settings"
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from library.models import ArticlePage  # noqa: E402
from wagtail.models import Page, PageViewRestriction, Site  # noqa: E402

home = Site.objects.get(is_default_site=True).root_page
stored = Path("stored.html").read_text(encoding="utf-8")
page = home.specific.add_child(instance=ArticlePage(title="Signing in", slug="signing-in", body=stored))
PageViewRestriction.objects.create(page=Page.objects.get(id=page.id), restriction_type=PageViewRestriction.LOGIN)
person = get_user_model().objects.create_user("reader", "reader@example.com", "only on loopback")
session = SessionStore()
session[SESSION_KEY] = str(person.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = person.get_session_auth_hash()
session.create()
print(page.get_url(), f"sessionid={session.session_key}")  # noqa: T201
