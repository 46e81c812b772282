"""Who is calling: an API key, a source's key, or a member's browser with a token from the vendor's server.

A public key is in plain sight, so it proves nothing but which source a browser belongs to. Who the person is stands in
a JWT that the vendor's server signed with the source's signing secret; the algorithm is pinned, and the key is ours.
"""

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlmodel import Session

from api.limits import note_request
from api.problems import Unauthorized
from portal.accounts.keys import Scope, find_api_key, is_use_due, note_use
from portal.events.rules import REF_CHARS, Person
from portal.events.sources import KnownSource, source_of_public_key, source_of_write_key
from portal.kit.errors import Forbidden
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep

TOKEN_BYTES = 4096
TOKEN_SECONDS = 24 * 3600
SKEW_SECONDS = 30
TOKEN_TRAITS = ("name", "email", "role", "locale")
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
    person = None
    if token:
        person = person_vouched_for(site, source, token)
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


def person_vouched_for(site: Site, source: KnownSource, token: str) -> Person:
    """Whom a widget token names, by any signing secret of `source` that counts now; `Unauthorized` for none."""
    current, *previous = (site.secrets.decrypt(secret) for secret in source.signing_secrets)
    for secret in previous:
        with suppress(Unauthorized):
            return person_of(token, secret, now=site.clock())
    return person_of(token, current, now=site.clock())


def person_of(token: str, secret: str, *, now: datetime) -> Person:
    """Whom a widget token names (HS256 by `secret`, `exp` within 24 h); `Unauthorized` for any other token."""
    if len(token) > TOKEN_BYTES:
        raise _bad_token(Message("The token is larger than 4 KB."))
    try:
        decoded = jwt.decode(token, OctKey.import_key(secret.encode()), algorithms=["HS256"])
        seconds = int(now.timestamp())
        jwt.JWTClaimsRegistry(
            now=seconds,
            leeway=SKEW_SECONDS,
            sub={"essential": True},
            account={"essential": True},
            exp={"essential": True},
        ).validate(decoded.claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _bad_token(Message("The token is not valid.")) from error
    claims = decoded.claims
    # Written so that NaN, which Python's JSON reader lets through, fails too.
    if not claims["exp"] <= seconds + TOKEN_SECONDS + SKEW_SECONDS:
        raise _bad_token(Message("The token lives longer than 24 hours."))
    traits = {key: claims[key] for key in TOKEN_TRAITS if isinstance(claims.get(key), str)}
    if not all(map(_is_storable, traits.values())):
        raise _bad_token(Message("The token is not valid."))
    return Person(member=_ref(claims["sub"]), account=_ref(claims["account"]), traits=traits)


def _ref(value: object) -> str:
    if isinstance(value, str) and value.strip() and len(value) <= REF_CHARS and _is_storable(value):
        return value
    raise _bad_token(Message("“sub” and “account” of the token must be texts of 200 characters at most."))


def _is_storable(value: str) -> bool:
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _bad_token(message: Message) -> Unauthorized:
    return Unauthorized(message, scheme=f'{BEARER}, error="invalid_token"')


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
