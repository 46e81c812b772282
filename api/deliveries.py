"""Whether a webhook comes from where it says: Standard Webhooks 1.0, or a bearer token where a sender cannot sign.

The tolerance is checked against the site's clock; the signature is made with the library that senders use, and compared
in constant time with each that was shown, since a sender that rotates its secret shows two.
"""

import hmac
from datetime import UTC, datetime, timedelta

from fastapi import Request
from standardwebhooks import Webhook

from api.problems import Unauthorized
from portal.events.rules import MESSAGE_ID_CHARS
from portal.events.sources import KnownSource
from portal.kit.i18n import Message
from portal.kit.web import Site

TOLERANCE = timedelta(seconds=300)
SIGNATURES = 16
SIGNED = 'Standard-Webhooks realm="banso"'
BEARER = 'Bearer realm="banso"'


class NotProven(Unauthorized):
    """Nobody knows where this came from; `code` says what is missing."""

    def __init__(self, code: str, message: Message, *, scheme: str = SIGNED) -> None:
        super().__init__(message, scheme=scheme)
        self.code = code


def prove(request: Request, site: Site, source: KnownSource, body: bytes) -> None:
    """Return if `body` comes from whoever holds a webhook secret of `source`; raise `NotProven` otherwise."""
    secrets = [site.secrets.decrypt(secret) for secret in source.webhook_secrets]
    if source.webhook_auth == "bearer":
        _prove_by_token(request, secrets)
    else:
        _prove_by_signature(request, secrets, body, now=site.clock())


def _prove_by_token(request: Request, secrets: list[str]) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    shown = token.strip().encode() if scheme.lower() == "bearer" else b""
    if not any(hmac.compare_digest(secret.encode(), shown) for secret in secrets):
        raise NotProven(
            "bad_token",
            Message("Show the webhook secret of this source: Authorization: Bearer whsec_…"),
            scheme=BEARER,
        )


def _prove_by_signature(request: Request, secrets: list[str], body: bytes, *, now: datetime) -> None:
    webhook_id, told, shown = (
        request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not (webhook_id and told and shown):
        raise NotProven("missing_headers", Message("Send “webhook-id”, “webhook-timestamp” and “webhook-signature”."))
    at = _moment(told)
    if at is None or abs(at - now) > TOLERANCE or len(webhook_id) > MESSAGE_ID_CHARS:
        raise NotProven(
            "stale_timestamp", Message("“webhook-timestamp” must be the present time, within five minutes.")
        )
    try:
        content = body.decode()
    except UnicodeDecodeError as error:
        raise _bad_signature() from error
    expected = [Webhook(secret).sign(webhook_id, at, content).encode() for secret in secrets]
    given = [one.encode() for one in shown.split(" ")[:SIGNATURES]]
    if not any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given):
        raise _bad_signature()


def _moment(told: str) -> datetime | None:
    return datetime.fromtimestamp(int(told), UTC) if told.isascii() and told.isdigit() and len(told) <= 10 else None


def _bad_signature() -> NotProven:
    return NotProven("bad_signature", Message("None of the signatures was made with the secret of this source."))
