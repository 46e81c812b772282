"""What `wagtail start` has made, as it would be in production."""

from mysite.settings.base import *  # noqa: F403

SECRET_KEY = "only-for-measuring-on-loopback"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [*INSTALLED_APPS, "library"]  # noqa: F405
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"
