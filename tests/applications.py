"""Applications of a test's own over routes that are worked out once.

FastAPI works out what a route depends on when a router is first asked in an application. That takes a third of a second
for the machine door alone, and nothing of it belongs to one test: so each test gets a copy, with a state, middleware
and mounts of its own, of an application that lasts as long as the process.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from starlette.datastructures import State

from api.app import build_api, furnish
from portal.accounts import visits
from portal.kit import failures
from portal.kit.headers import SecurityHeaders
from portal.kit.web import Site


def pages_of(site: Site, *routers: APIRouter, https: bool = False) -> FastAPI:
    """A portal with these pages and no others, and no machine door."""
    app = _copied(_kept((https, *map(id, routers)), lambda: _pages(*routers, https=https)))
    app.state.site = site
    return app


def api_of(site: Site) -> FastAPI:
    """The machine door, to be mounted."""
    app = _copied(_kept((site.base_url,), lambda: build_api(site)))
    furnish(app.state, site)
    return app


def _pages(*routers: APIRouter, https: bool) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SecurityHeaders, https=https)
    failures.install(app)
    app.add_exception_handler(visits.SignInNeeded, visits.ask_to_sign_in)
    for router in routers:
        app.include_router(router)
    return app


_applications: dict[tuple[object, ...], FastAPI] = {}
"""By what they are made of; each holds its routers, so that no other can come to stand at their addresses."""


def _kept(key: tuple[object, ...], make: Callable[[], FastAPI]) -> FastAPI:
    if key not in _applications:
        _applications[key] = make()
    return _applications[key]


def _copied(app: FastAPI) -> FastAPI:
    own = copy.copy(app)
    own.state = State()
    own.middleware_stack = None
    own.router = copy.copy(app.router)
    own.router.routes = list(app.router.routes)
    own.router.middleware_stack = own.router.app  # it was the other's, bound
    return own
