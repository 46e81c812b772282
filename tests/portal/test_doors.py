"""What holds for every page at once: forms are checked, staff pages are for staff, and nothing is for strangers."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from portal.kit.db import Database
from portal.kit.i18n import LOCALES
from portal.kit.templating import TEMPLATE_DIR, Assets, _environment
from portal.kit.web import check_csrf
from portal.main import build, site_from
from portal.settings import Settings
from tests.factories import NOW, make_account, make_admin, make_staff, sign_in_as

OPEN = {
    "/metrics",
    "/healthz",
    "/readyz",
    "/sign-in",
    "/sign-in/sent",
    "/sign-in/code",
    "/sign-in/link/{token}",
    "/sign-out",
    "/invitation/{token}",
    "/enter",
    "/check",
    "/check/cookie",
    "/check/stream",
    "/widget/{name}",
    "/unsubscribe/{token}",
    "/progress/{token}",
}
PROVEN = {"/unsubscribe/{token}"}
"""Mail programs post here without any form of ours (RFC 8058): the address itself proves what it may do."""
PUBLIC = (
    *("/manuals", "/tutorials", "/media", "/releases", "/feedback", "/search", "/preview"),
    *("/robots.txt", "/sitemap.xml"),
)
FILLED = {"external_id": "acct-2", "act": "undo", "locale": "ja"}
STUDIO = (
    "/staff/content/new",
    "/staff/content/translations",
    "/staff/content/care",
    "/staff/collections",
    "/staff/releases",
)
MAILS = tuple(f"/staff/mails{path}" for path in ("", "/new", "/rules", "/templates", "/addresses", "/settings"))


def routes(found: list[BaseRoute]) -> Iterator[Route]:
    for route in found:
        if isinstance(route, Route):
            yield route
        elif hasattr(route, "routes") and not getattr(route, "path", "").startswith("/api"):
            yield from routes(route.routes or [])
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(database_url=str(db.url.render_as_string(hide_password=False)), secret_key="x" * 40)
    site = replace(site_from(settings), clock=lambda: NOW)
    app = build(settings, site=site)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        client.app_routes = list(routes(app.routes))  # type: ignore[attr-defined]
        yield client
    await site.database.close()


def filled(route: Route) -> str:
    """An address of this route: whatever it asks for is there."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: FILLED.get(place[1], "1"), route.path)


def pages(client: httpx.AsyncClient) -> list[Route]:
    found: list[Route] = client.app_routes  # type: ignore[attr-defined]
    assert len(found) > 25
    return found


async def test_every_form_is_checked(client: httpx.AsyncClient) -> None:
    unchecked = [
        route.path
        for route in pages(client)
        if route.methods and route.methods & {"POST", "PUT", "PATCH", "DELETE"} and route.path not in PROVEN
        if not isinstance(route, APIRoute)
        or check_csrf not in [dependency.call for dependency in route.dependant.dependencies]
    ]
    assert unchecked == []


async def test_no_form_goes_through_without_its_token(client: httpx.AsyncClient) -> None:
    for route in pages(client):
        if route.methods and "POST" in route.methods:
            answer = await client.post(filled(route))
            assert answer.status_code in (403, 404), route.path


async def test_strangers_are_led_to_the_door(client: httpx.AsyncClient) -> None:
    for route in pages(client):
        if route.methods and "GET" in route.methods and route.path not in OPEN:
            answer = await client.get(filled(route))
            allowed = (200, 303, 307, 404) if route.path.startswith(PUBLIC) else (303,)
            assert answer.status_code in allowed, (route.path, answer.status_code)


async def test_members_find_nothing_at_the_staff_desk(client: httpx.AsyncClient, db: Database) -> None:
    def people(session: object) -> str:
        mine = make_account(session, external_id="acct-1")  # type: ignore[arg-type]
        make_account(session, external_id="acct-2")  # type: ignore[arg-type]
        return sign_in_as(session, make_admin(session, mine))  # type: ignore[arg-type]

    client.cookies.set("banso", await db.write(people))
    for route in pages(client):
        if route.methods and "GET" in route.methods and route.path.startswith("/staff"):
            answer = await client.get(filled(route))
            assert answer.status_code == 404, route.path


async def test_the_desk_opens_for_staff_on_an_empty_installation(client: httpx.AsyncClient, db: Database) -> None:
    client.cookies.set("banso", await db.write(lambda session: sign_in_as(session, make_staff(session), now=NOW)))
    for path in (
        "/staff",
        "/staff/onboarding",
        "/staff/onboarding/stuck",
        "/staff/tasks",
        "/staff/calendar",
        "/staff/accounts",
        "/staff/content",
        "/staff/sources",
        "/staff/media",
        "/manuals",
        "/tutorials",
        "/me",
        *STUDIO,
        *MAILS,
    ):
        for locale in LOCALES:
            answer = await client.get(f"{path}?lang={locale}")
            assert answer.status_code == 200, path
            assert f'lang="{locale}"' in answer.text
            assert "style=" not in answer.text


def templates() -> list[str]:
    return sorted(path.relative_to(TEMPLATE_DIR).as_posix() for path in Path(TEMPLATE_DIR).rglob("*.*"))


@pytest.mark.parametrize("name", templates())
def test_every_template_loads(name: str, tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    assert _environment("ja", Assets(tmp_path), ZoneInfo("Asia/Tokyo")).get_template(name) is not None
