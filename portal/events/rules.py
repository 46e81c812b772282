"""What a sender may say: one message of the Segment tracking dialect, read into an `Incoming` or refused with a reason.

Pure: the clock is an argument and nothing is looked up, so that every way of being wrong is one line in a table of
tests. One bad message never costs its neighbours, so this answers with a `Refusal` where other code would raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeGuard, get_args
from uuid import uuid4

import orjson

from portal.kit.i18n import Message

Kind = Literal["track", "page", "screen", "identify", "group", "alias"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
HAPPENINGS: Final = ("track", "page", "screen", "portal", "webhook")
"""The kinds of stored events that tell of something done; the others tell who somebody is."""

EVENT_BYTES = 32 * 1024
MESSAGE_ID_CHARS = 100
NAME_CHARS = 200
REF_CHARS = 200
DEPTH = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138: a larger number is in milliseconds

RESERVED_NAMES = frozenset({"article.read"})
RESERVED_ROOTS = frozenset({"portal", "tutorial", "webinar", "nps", "checklist", "offer"})

REFUSALS: Final[Mapping[str, Message]] = {
    "not_an_object": Message("An event must be a JSON object."),
    "too_large": Message("An event may have 32 KB at most."),
    "too_deep": Message("The event is nested too deeply; 20 levels are the limit."),
    "invalid_value": Message("The event has a character or a number that cannot be stored."),
    "invalid_type": Message("“type” must be track, page, screen, identify, group or alias."),
    "invalid_message_id": Message("“messageId” must be a text of 100 characters at most."),
    "invalid_timestamp": Message("“timestamp” must be an RFC 3339 time after 1970."),
    "invalid_event": Message("“event” must be a text of 1 to 200 characters."),
    "reserved_event": Message("This event name belongs to the portal itself. Please choose another."),
    "invalid_user_id": Message("“userId” and “anonymousId” must be texts of 200 characters at most."),
    "invalid_group_id": Message("“groupId” must be a text of 200 characters at most."),
    "missing_user": Message("“userId” or “anonymousId” is missing."),
    "missing_group": Message("“groupId” is missing."),
    "missing_previous": Message("“previousId” is missing."),
    "invalid_properties": Message("“properties”, “traits” and “context” must be JSON objects."),
    "invalid_traits": Message("One of the traits has a value that cannot be taken."),
    "email_taken": Message("The mail address belongs to another member of the account."),
    "forbidden": Message("A public key may not say who somebody is without a token that says so too."),
    "identity_mismatch": Message("The event is about somebody else than the token."),
}


@dataclass(slots=True)
class Incoming:
    """One message that can be taken. `at` is when it happened by our clock; `properties` are the traits of a person or
    a company where `kind` is identify or group.

    Nobody changes one. It is not frozen because making it would cost three times as much, for every event.
    """

    kind: Kind | Literal["webhook"]
    message_id: str
    name: str
    at: datetime
    user_ref: str | None = None
    anonymous_ref: str | None = None
    group_ref: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message cannot be taken; `code` is stable, and a key of `REFUSALS`."""

    code: str

    @property
    def message(self) -> Message:
        """The sentence for the sender."""
        return REFUSALS[self.code]


@dataclass(frozen=True)
class Person:
    """Whom a valid widget token names, and the traits its signer vouches for."""

    member: str
    account: str
    traits: Mapping[str, str] = field(default_factory=dict)


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        self.code = code


def is_reserved(name: str) -> bool:
    """Whether only the portal itself may send an event of this name."""
    return name in RESERVED_NAMES or ("." in name and name.partition(".")[0] in RESERVED_ROOTS)


def parse(
    message: object, *, received_at: datetime, kind: Kind | None = None, sent_at: datetime | None = None
) -> Incoming | Refusal:
    """Read one message. `kind` is given by the path of a single call; `sent_at` by the batch around the message, unless
    it says so itself.

    Says `too_large`, `too_deep` and `invalid_value` of the message as a whole before it looks at any field.
    """
    if not isinstance(message, dict):
        return Refusal("not_an_object")
    wrong = _unstorable(message)
    if wrong:
        return Refusal(wrong)
    try:
        return _parse(message, received_at, kind or _kind(message.get("type")), sent_at)
    except _Refused as refused:
        return Refusal(refused.code)


def as_seen_by_browser(incoming: Incoming, person: Person | None) -> Incoming | Refusal:
    """What may be believed of a message that came with a public key, which anybody can copy out of a page.

    Without a token: that it happened, not to whom. With one: it happened to the token's person, and their traits are
    those that the token's signer gave; a browser's own word on plan, role or mail address counts for nothing.
    """
    names_somebody = incoming.kind in ("identify", "group", "alias")
    if person is None:
        return Refusal("forbidden") if names_somebody else replace(incoming, user_ref=None, group_ref=None)
    if incoming.kind == "alias":
        return Refusal("forbidden")
    if incoming.user_ref not in (None, person.member) or incoming.group_ref not in (None, person.account):
        return Refusal("identity_mismatch")
    properties = incoming.properties
    if names_somebody:
        properties = dict(person.traits) if incoming.kind == "identify" else {}
    return replace(incoming, user_ref=person.member, group_ref=person.account, properties=properties)


def corrected(timestamp: datetime | None, *, sent_at: datetime | None, received_at: datetime) -> datetime:
    """When it happened by our clock: the sender's is as wrong now as it was then. Nothing lies in the future."""
    if timestamp is None:
        return received_at
    at = timestamp if sent_at is None else received_at - (sent_at - timestamp)
    return min(at, received_at)


def instant(value: object) -> datetime | None:
    """A moment as senders write it: RFC 3339 (UTC where no zone is named), or a number of seconds or milliseconds."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
            if at.tzinfo is UTC:
                return at
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
            return EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return None


def _parse(message: dict[str, Any], received_at: datetime, kind: Kind, sent_at: datetime | None) -> Incoming:
    context = _object(message.get("context"))
    is_alias = kind == "alias"
    user = _ref(message.get("userId"), "invalid_user_id")
    anonymous = _ref(message.get("previousId" if is_alias else "anonymousId"), "invalid_user_id")
    if is_alias and anonymous is None:
        raise _Refused("missing_previous")
    if (user is None) if is_alias else (user is None and anonymous is None):
        raise _Refused("missing_user")
    group = _ref(context.get("groupId"), "invalid_group_id")
    if kind == "group":
        group = _ref(message.get("groupId"), "invalid_group_id") or group
        if group is None:
            raise _Refused("missing_group")
    return Incoming(
        kind=kind,
        message_id=_message_id(message.get("messageId")),
        name=_event_name(message.get("event")) if kind == "track" else kind,
        at=_at(message, received_at, sent_at),
        user_ref=user,
        anonymous_ref=anonymous,
        group_ref=group,
        properties=_properties(message, kind, context),
    )


def _properties(message: dict[str, Any], kind: Kind, context: dict[str, Any]) -> dict[str, Any]:
    if kind in ("identify", "group"):
        traits = message.get("traits")
        return _object(context.get("traits") if traits is None and kind == "identify" else traits)
    properties = _object(message.get("properties"))
    if kind in ("page", "screen"):
        named = {key: message[key] for key in ("name", "category") if isinstance(message.get(key), str)}
        return {**properties, **named}
    return properties


def _kind(value: object) -> Kind:
    if value in KINDS:
        return value
    raise _Refused("invalid_type")


def _object(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise _Refused("invalid_properties")


def _ref(value: object, code: str) -> str | None:
    """An id as its sender wrote it; a number is taken as its digits, nothing and "" as none."""
    if value is None or value == "":
        return None
    if _is_whole(value):
        value = str(value)
    if isinstance(value, str) and value.strip() and len(value) <= REF_CHARS:
        return value
    raise _Refused(code)


def _message_id(value: object) -> str:
    if value is None or value == "":
        return str(uuid4())
    if _is_whole(value):
        value = str(value)
    if isinstance(value, str) and len(value) <= MESSAGE_ID_CHARS:
        return value
    raise _Refused("invalid_message_id")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _event_name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > NAME_CHARS:
        raise _Refused("invalid_event")
    if is_reserved(value):
        raise _Refused("reserved_event")
    return value


def _at(message: dict[str, Any], received_at: datetime, batch_sent_at: datetime | None) -> datetime:
    told = message.get("timestamp")
    if not told and not isinstance(told, bool | list | dict):  # nothing, "" and 0 say nothing
        told = message.get("originalTimestamp")
    timestamp = instant(told) if told is not None else None
    if told is not None and timestamp is None:
        raise _Refused("invalid_timestamp")
    try:
        # A wrong `sentAt` only costs the correction: a batch has one for all its messages.
        own = message.get("sentAt")
        sent_at = instant(own) if own else batch_sent_at
        at = corrected(timestamp, sent_at=sent_at, received_at=received_at)
    except OverflowError:
        raise _Refused("invalid_timestamp") from None
    if at < EPOCH:
        raise _Refused("invalid_timestamp")
    return at


def _unstorable(message: dict[str, Any]) -> str | None:
    """The code of what makes the whole message unfit, if anything does.

    Writing it back as JSON finds lone surrogates, numbers beyond 64 bits and endless nesting in a microsecond; only
    what then looks odd is walked. PostgreSQL has no text with a NUL, and NaN is not JSON.
    """
    try:
        written = orjson.dumps(message)
    except (TypeError, RecursionError):
        return "too_deep" if _deeper_than(message, DEPTH) else "invalid_value"
    if len(written) > EVENT_BYTES:
        return "too_large"
    if written.count(b"{") + written.count(b"[") > DEPTH and _deeper_than(message, DEPTH):
        return "too_deep"
    if b"\\u0000" in written and _has_nul(message):
        return "invalid_value"
    return None


def _deeper_than(value: object, levels: int) -> bool:
    layer: list[object] = [value]
    for _ in range(levels + 1):
        layer = [child for one in layer for child in _children(one)]
        if not layer:
            return False
    return True


def _has_nul(message: dict[str, Any]) -> bool:
    waiting: list[object] = [message]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and "\x00" in one:
            return True
        if isinstance(one, dict):
            waiting.extend(one)
        waiting.extend(_children(one))
    return False


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
