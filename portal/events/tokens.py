"""Widget tokens: a JWT in which the vendor's server says who sits in front of a page of its product.

One reading for the door and for the desk: whatever is wrong with a token is a `Flaw` with a stable code, so that staff
who paste a token see the very reason for which it is refused. The algorithm is pinned and the key is ours, so a token
can choose neither. Pure: the clock and the secrets are arguments.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from portal.events.rules import REF_CHARS, Person
from portal.kit.i18n import Message

ALGORITHM = "HS256"
TOKEN_BYTES = 4096
LONGEST = timedelta(hours=24)
SKEW = timedelta(seconds=30)
TRAITS = ("name", "email", "role", "locale")

FLAWS: Mapping[str, Message] = {
    "too_large": Message("The token is larger than 4 KB."),
    "malformed": Message("This is not a JWT: three parts of base64url, joined by dots, with JSON in the first two."),
    "algorithm": Message("The header must say “alg”: “HS256”. No other algorithm is taken."),
    "signature": Message(
        "The signature does not fit. The key is the whole signing secret of this source, with its ws_."
    ),
    "missing_exp": Message("“exp” is missing, or is not a number of seconds since 1970."),
    "expired": Message("The token has expired. Sign a fresh one for each page, or have the widget ask for one."),
    "too_long": Message("The token lives longer than 24 hours."),
    "not_yet": Message("“nbf” or “iat” lies in the future. Is the clock of the signing server right?"),
    "bad_sub": Message("“sub” must be the member's id in the product: a text of 1 to 200 characters."),
    "bad_account": Message("“account” must be the customer's id in the product: a text of 1 to 200 characters."),
    "bad_trait": Message("“name”, “email”, “role” or “locale” holds a character that cannot be stored."),
}


@dataclass(frozen=True)
class Examined:
    """What a token says and what is wrong with it, by the keys of `FLAWS`; without a flaw it names `person`."""

    flaws: tuple[str, ...]
    person: Person | None = None
    expires_at: datetime | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)


def examine(token: str, secrets: Sequence[str], *, now: datetime) -> Examined:
    """Read `token`, signed with any of `secrets`. Never raises, whatever it is given.

    A `kid` is taken and needs to name nothing: there are two live secrets at most, and both are tried.
    """
    if len(token.encode("utf-8", "replace")) > TOKEN_BYTES:
        return Examined(("too_large",))
    parts = token.split(".")
    header, claims = (_json(part) for part in (*parts[:2], "", "")[:2])
    if len(parts) != 3 or header is None or claims is None:
        return Examined(("malformed",))
    flaws = []
    if header.get("alg") != ALGORITHM:
        flaws.append("algorithm")
    elif not any(_is_signed(token, secret) for secret in secrets):
        flaws.append("signature")
    flaws += _flaws_of(claims, now)
    if flaws:
        return Examined(tuple(flaws), header=header, claims=claims)
    traits = {key: claims[key] for key in TRAITS if isinstance(claims.get(key), str)}
    person = Person(member=claims["sub"], account=claims["account"], traits=traits)
    return Examined((), person, datetime.fromtimestamp(claims["exp"], UTC), header, claims)


def _flaws_of(claims: Mapping[str, Any], now: datetime) -> list[str]:
    seconds, skew = now.timestamp(), SKEW.total_seconds()
    flaws = []
    exp: Any = claims.get("exp")
    if not _is_number(exp):
        flaws.append("missing_exp")
    elif exp <= seconds - skew:
        flaws.append("expired")
    # Written so that NaN, which some JSON writers let through, fails too.
    elif not exp <= seconds + LONGEST.total_seconds() + skew:
        flaws.append("too_long")
    if any(
        name in claims and not (_is_number(claims[name]) and claims[name] <= seconds + skew) for name in ("nbf", "iat")
    ):
        flaws.append("not_yet")
    flaws += [f"bad_{name}" for name in ("sub", "account") if not _is_ref(claims.get(name))]
    if not all(_is_storable(claims[key]) for key in TRAITS if isinstance(claims.get(key), str)):
        flaws.append("bad_trait")
    return flaws


def _is_signed(token: str, secret: str) -> bool:
    try:
        jws.deserialize_compact(token.encode(), OctKey.import_key(secret.encode()), algorithms=[ALGORITHM])
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    return True


def _json(part: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_ref(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= REF_CHARS and _is_storable(value)


def _is_storable(value: str) -> bool:
    return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
