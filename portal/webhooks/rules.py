"""What is sent, how it is signed, when it is sent again, and when an endpoint is given up. Pure.

The form is Standard Webhooks 1.0 (https://www.standardwebhooks.com): three headers, the body as it is, HMAC-SHA256.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from standardwebhooks import Webhook

from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message

EVENT_TYPES: Final[Mapping[str, Message]] = {
    "checklist.step_completed": Message("A step of a checklist is done for a customer"),
    "checklist.completed": Message("A customer has completed a checklist"),
    "checklist.overdue": Message("A customer's deadline has passed without completion"),
    "tutorial.completed": Message("A person has finished a tutorial"),
    "webinar.watched": Message("A person has watched a webinar"),
}
"""What can be told today. A receiver passes over types it does not know: there will be more."""
TEST_TYPE = "webhook.test"

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
GIVEN_UP_AFTER = timedelta(days=5)
OVERLAP = timedelta(days=1)
GONE = 410
SECRET_BYTES = 24
MOST_HEADERS = 20
LONGEST_HEADER = 2000
OURS = frozenset(
    ("host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade", "expect")
)
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def body_of(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body, in the bytes that are signed and sent each time; `at` is when it happened."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": kind, "timestamp": moment, "data": data}).decode()


def new_secret() -> str:
    """A fresh `whsec_…`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed(key: str, body: str, secrets_in_use: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The headers of one attempt: signed with each secret in use, since a receiver knows one of them."""
    signatures = [Webhook(secret).sign(key, now, body) for secret in secrets_in_use]
    return {
        "content-type": "application/json",
        "user-agent": "Banso-Webhooks/1.0",
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def is_success(status: int | None) -> bool:
    """2xx and nothing else: a redirect is not followed, so it leads nowhere."""
    return status is not None and 200 <= status < 300


@dataclass(frozen=True)
class Standing:
    """How an endpoint stands: since when it fails, and whether it has to be disabled and why."""

    failing_since: datetime | None
    disable: str | None = None


def standing_after(before: datetime | None, outcomes: Sequence[tuple[datetime, int | None]]) -> Standing:
    """How it stands after attempts at these instants with these statuses (None: no answer), in any order."""
    since = before
    for at, status in sorted(outcomes, key=lambda outcome: outcome[0]):
        if status == GONE:
            return Standing(since or at, "gone")
        if is_success(status):
            since = None
        elif since is None:
            since = at
        elif at - since >= GIVEN_UP_AFTER:
            return Standing(since, "failing")
    return Standing(since)


def type_problems(types: Sequence[str]) -> list[FieldProblem]:
    """Types that are none."""
    return [
        _problem("event_types", "unknown", Message("“%(type)s” is no type of event", type=one[:64]))
        for one in types
        if one not in EVENT_TYPES
    ]


def header_problems(headers: Mapping[str, str]) -> list[FieldProblem]:
    """Headers that cannot be sent, or are ours to set."""
    if len(headers) > MOST_HEADERS:
        return [_problem("headers", "too_many", Message("there may be 20 headers at most"))]
    found = []
    for name, value in headers.items():
        low = name.lower()
        shown = name[:64]
        if not low or len(low) > 100 or not set(low) <= TOKEN:
            found.append(_problem("headers", "not_a_name", Message("“%(name)s” is no name of a header", name=shown)))
        elif low in OURS or low.startswith(("webhook-", "proxy-")):
            found.append(_problem("headers", "reserved", Message("“%(name)s” is set by the portal", name=shown)))
        elif len(value) > LONGEST_HEADER or not all(" " <= character <= "~" for character in value):
            message = Message("“%(name)s” must be plain characters, 2,000 at most", name=shown)
            found.append(_problem("headers", "not_a_value", message))
    return found


def _problem(field: str, code: str, message: Message) -> FieldProblem:
    return FieldProblem(field, code, message)
