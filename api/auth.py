"""Who is calling: an API key, a source's key, or a member's browser with a token from the vendor's server.

A public key is in plain sight, so it proves nothing but which source a browser belongs to. Who the person is stands in
a JWT that the vendor's server signed with the source's signing secret; the algorithm is pinned, and the key is ours.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session
from starlette.responses import Response

from api.limits import note_request
from api.problems import Unauthorized
from portal.accounts.keys import Scope, find_api_key, is_use_due, note_use
from portal.events.rules import Person
from portal.events.sources import (
    KnownSource,
    is_known_origin,
    normal_origin,
    signing_secrets_of,
    source_of_public_key,
    source_of_write_key,
)
from portal.events.tokens import FLAWS, examine
from portal.kit.errors import Forbidden
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep
from portal.widget.meter import Meter

BEARER = 'Bearer realm="banso"'
BASIC = 'Basic realm="banso", charset="UTF-8"'

api_key_scheme = HTTPBearer(scheme_name="ApiKey", description="An API key `ak_…`.", auto_error=False)


# --- API keys ---------------------------------------------------------------------------------------------------------


def api_key(scope: Scope) -> Callable[..., Any]:
    """A dependency: the id of the live API key that was shown. 401 without one, 403 where it may only read, 429 where
    it asks too often."""

    async def check(
        request: Request, site: SiteDep, shown: Annotated[HTTPAuthorizationCredentials | None, Security(api_key_scheme)]
    ) -> int:
        now = site.clock()

        def find(session: Session) -> tuple[int, str, bool] | None:
            key = find_api_key(session, shown.credentials) if shown is not None else None
            return None if key is None or key.id is None else (key.id, key.scope, is_use_due(key, now=now))

        found = await site.database.read(find)
        if found is None:
            raise Unauthorized(Message("Show a valid API key: Authorization: Bearer ak_…"), scheme=BEARER)
        key_id, has, is_due = found
        note_request(request, key_id)
        if scope == "write" and has != "write":
            raise Forbidden(Message("This API key may only read."))
        if is_due:
            await site.database.write(lambda session: note_use(session, key_id, now=now))
        return key_id

    return check


Reads = Annotated[int, Depends(api_key("read"))]
Writes = Annotated[int, Depends(api_key("write"))]


# --- sources ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sender:
    """A source that sends something. With a public key, `person` is whom a valid token names, if there is one."""

    source: KnownSource
    from_browser: bool
    person: Person | None = None


async def sender_of(request: Request, site: Site, *, key_in_body: object = None) -> Sender:
    """The sender of a tracking call, by Basic user name, `Banso-Key`, or `writeKey` in the body, in this order.

    401 for no live key or an invalid token, 403 for a public key used from somebody else's page.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    token = credentials.strip() if scheme.lower() == "bearer" else ""
    shown = key_in_headers(request) or key_in_body
    source = await _source_of(site, shown)
    if source is None:
        raise Unauthorized(Message("Show a valid key of a source, as Basic user name or “writeKey”."), scheme=BASIC)
    if not is_public(shown):
        return Sender(source, from_browser=False)
    allow_origin(request, source)
    meter: Meter = request.app.state.meter
    person = None
    if token:
        examined = examine(token, signing_secrets_of(site.secrets, source), now=site.clock())
        if examined.flaws:
            meter.count(source.id, "refused")
            raise bad_token(examined.flaws[0])
        person = examined.person
    meter.count(source.id, "signed" if person else "unsigned")
    return Sender(source, from_browser=True, person=person)


def key_in_headers(request: Request) -> str:
    """The key of a source where it was shown before the body; empty where it was not."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    basic = _basic_user(credentials) if scheme.lower() == "basic" else ""
    return request.headers.get("banso-key") or basic


def is_public(key: object) -> bool:
    """Whether this is a key that browsers show."""
    return isinstance(key, str) and key.startswith("pk_")


def allow_origin(request: Request, source: KnownSource) -> None:
    """Let the source's own pages read the answer and refuse (403) every other page; without an origin it is no page."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    if origin not in source.origins:
        raise Forbidden(Message("This page is not one of the source's origins."))
    request.state.answer_headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, RateLimit, RateLimit-Policy",
        "Vary": "Origin",
    }


async def answer_preflight(request: Request, site: Site, *, methods: str, headers: str) -> Response:
    """What a browser asks before it sends. It shows no key yet, so any source's origin may go on to ask."""
    origin = request.headers.get("origin", "")
    if normal_origin(origin) != origin or not await site.database.read(
        lambda session: is_known_origin(session, origin)
    ):
        raise Forbidden(Message("This page is not one of the source's origins."))
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
    return Response(status_code=204, headers=allowed)


def bad_token(flaw: str) -> Unauthorized:
    """A token that is not taken, for a reason of `FLAWS`."""
    return Unauthorized(FLAWS[flaw], scheme=f'{BEARER}, error="invalid_token"')


def _basic_user(credentials: str) -> str:
    try:
        user, _, _ = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return user


async def _source_of(site: Site, shown: object) -> KnownSource | None:
    if not isinstance(shown, str) or not shown.isascii():
        return None
    now = site.clock()
    if shown.startswith("pk_"):
        return await site.database.read(lambda session: source_of_public_key(session, shown, now=now))
    if shown.startswith("wk_"):
        return await site.database.read(lambda session: source_of_write_key(session, shown, now=now))
    return None
