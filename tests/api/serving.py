"""The machine door on the database of `SERVED_DATABASE_URL`, for a server in a process of its own."""

from __future__ import annotations

import os

from starlette.types import ASGIApp

from portal.kit.clock import utcnow
from portal.kit.db import open_database
from tests.api.conftest import TOKYO, mounted, site_on


def app() -> ASGIApp:
    """Called once by the server, in its own process."""
    return mounted(site_on(open_database(os.environ["SERVED_DATABASE_URL"], zone=TOKYO), utcnow))
