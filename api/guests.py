"""Who asks from a widget: a page of a source's own, with a token in which the vendor's server says who sits there.

Everything is decided anew with each request, in one read: whether the key is live, whether the page is the source's,
whether the token holds, whether the person is still there. What is kept is only arithmetic: that this very text was
signed by this very secret. Without a valid token nothing is said about anybody.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from sqlmodel import Session

from api.auth import BEARER, allow_origin, bad_token
from api.problems import Unauthorized
from portal.events.rules import Person
from portal.events.sources import KnownSource, signing_secrets_of, source_of_public_key
from portal.events.tokens import SKEW, Examined, examine
from portal.kit.errors import Forbidden, NotFound
from portal.kit.i18n import LOCALES, Locale, Message, as_locale, preferred_locale
from portal.kit.memory import Recent
from portal.kit.web import Site
from portal.widget.guests import Guest, find_guest, find_seat, is_news, welcome
from portal.widget.meter import Meter

TOKENS_KEPT = 5000
_tokens: Recent[tuple[bytes, tuple[str, ...]], Examined] = Recent(TOKENS_KEPT)
_met: Recent[bytes, Person] = Recent(TOKENS_KEPT)
"""Whom a token named when it was last believed: where to look, never a right."""


@dataclass(frozen=True)
class Seat:
    """A widget that asks: its source, whom its token names, and the member that is."""

    source: KnownSource
    person: Person
    expires_at: datetime
    guest: Guest


@dataclass(frozen=True)
class _Shown:
    source: KnownSource
    examined: Examined


async def seat_of(request: Request, site: Site) -> Seat:
    """Who asks. 401 without a live key and a valid token, 403 from somebody else's page or for who has left.

    A person nobody has told of yet is introduced: that is the one case in which looking writes.
    """
    key, token = request.headers.get("banso-key", ""), _token_in(request)
    now = site.clock()

    digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()

    def look(session: Session) -> tuple[_Shown, Guest | None]:
        met = _met.find(digest) if token else None
        if met is None or not _is_public(key):
            shown = _shown(request, site, _source(session, key, now), token, digest, now)
            person = shown.examined.person
            return shown, find_guest(session, person, now=now) if person else None
        # Whoever has been here finds their place in one look; whether they still may is decided all the same.
        seat = find_seat(session, key, met, now=now)
        shown = _shown(request, site, seat and seat[0], token, digest, now)
        return shown, seat[1] if seat and shown.examined.person else None

    shown, guest = await site.database.read(look)
    source, person = shown.source, shown.examined.person
    meter: Meter = request.app.state.meter
    if person is None or shown.examined.expires_at is None:
        if not token:
            meter.count(source.id, "unsigned")
            raise Unauthorized(Message("Show a widget token: Authorization: Bearer …"), scheme=BEARER)
        meter.count(source.id, "refused")
        raise bad_token(shown.examined.flaws[0])
    meter.count(source.id, "signed")
    if origin := request.headers.get("origin"):
        meter.saw(source.id, origin)
    if guest is None or is_news(guest, person):
        known = guest
        guest = await site.database.write(
            lambda session: welcome(session, person, source_id=source.id, now=now, zone=site.zone, known=known)
        )
    if guest is None:
        raise NotFound
    if guest.has_left:
        raise Forbidden(Message("This person, or their company, is no longer here."))
    return Seat(source, person, shown.examined.expires_at, guest)


def language_of(request: Request, site: Site, guest: Guest) -> Locale:
    """The language the page asks for, then the member's own, then their browser's, then the vendor's."""
    asked = request.query_params.get("locale", "")
    if as_locale(asked, "ja") in LOCALES and asked:
        return as_locale(asked, site.locale)
    if guest.viewer.locale:
        return as_locale(guest.viewer.locale, site.locale)
    return preferred_locale(request.headers.get("accept-language", ""), site.locale)


def _is_public(key: str) -> bool:
    return key.startswith("pk_") and key.isascii()


def _source(session: Session, key: str, now: datetime) -> KnownSource | None:
    return source_of_public_key(session, key, now=now) if _is_public(key) else None


def _shown(
    request: Request, site: Site, source: KnownSource | None, token: str, digest: bytes, now: datetime
) -> _Shown:
    if source is None:
        raise Unauthorized(Message("Show the public key of a source: Banso-Key: pk_…"), scheme=BEARER)
    allow_origin(request, source)
    return _Shown(source, _examined(site, source, token, digest, now) if token else Examined(()))


def _examined(site: Site, source: KnownSource, token: str, digest: bytes, now: datetime) -> Examined:
    """What the token says. Checking a signature costs more than all the rest, so what held once is remembered; whether
    its time is up never is."""
    place = (digest, source.signing_secrets)
    known = _tokens.find(place)
    if known is not None and known.expires_at is not None and known.expires_at + SKEW > now:
        return known
    examined = examine(token, signing_secrets_of(site.secrets, source), now=now)
    if examined.person is not None:
        person = examined.person
        _tokens.get(place, lambda: examined)
        _met.get(digest, lambda: person)
    return examined


def _token_in(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
