"""One message of the tracking dialect, read or refused: a case a line, and arbitrary JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.events.rules import (
    KINDS,
    REFUSALS,
    Incoming,
    Kind,
    Person,
    Refusal,
    as_seen_by_browser,
    instant,
    is_reserved,
    parse,
)

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
TRACK: dict[str, Any] = {"type": "track", "messageId": "m1", "userId": "u1", "event": "login"}


def read(message: object, **options: Any) -> Incoming:
    found = parse(message, received_at=NOW, **options)
    assert isinstance(found, Incoming), found
    return found


def refused(message: object, **options: Any) -> str:
    found = parse(message, received_at=NOW, **options)
    assert isinstance(found, Refusal), found
    assert str(found.message)
    return found.code


def nested(levels: int) -> object:
    value: object = "leaf"
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_whole_message_is_read() -> None:
    message = {
        **TRACK,
        "anonymousId": "a1",
        "context": {"groupId": "acme"},
        "properties": {"lines": 3},
        "timestamp": "2026-12-01T08:00:00+09:00",
    }
    assert read(message) == Incoming(
        kind="track",
        message_id="m1",
        name="login",
        at=datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
        user_ref="u1",
        anonymous_ref="a1",
        group_ref="acme",
        properties={"lines": 3},
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "not_an_object"),
        ([TRACK], "not_an_object"),
        ({**TRACK, "type": "tracked"}, "invalid_type"),
        ({**TRACK, "type": ["track"]}, "invalid_type"),
        ({**TRACK, "type": None}, "invalid_type"),
        ({**TRACK, "messageId": "m" * 101}, "invalid_message_id"),
        ({**TRACK, "messageId": {"a": 1}}, "invalid_message_id"),
        ({**TRACK, "messageId": True}, "invalid_message_id"),
        ({**TRACK, "userId": "u" * 201}, "invalid_user_id"),
        ({**TRACK, "userId": True}, "invalid_user_id"),
        ({**TRACK, "userId": "  "}, "invalid_user_id"),
        ({**TRACK, "userId": 1.5}, "invalid_user_id"),
        ({**TRACK, "userId": ""}, "missing_user"),
        ({**TRACK, "userId": None, "anonymousId": None}, "missing_user"),
        ({**TRACK, "event": None}, "invalid_event"),
        ({**TRACK, "event": " "}, "invalid_event"),
        ({**TRACK, "event": 7}, "invalid_event"),
        ({**TRACK, "event": "e" * 201}, "invalid_event"),
        ({**TRACK, "event": "tutorial.completed"}, "reserved_event"),
        ({**TRACK, "context": "acme"}, "invalid_properties"),
        ({**TRACK, "properties": [1]}, "invalid_properties"),
        ({**TRACK, "context": {"groupId": ["acme"]}}, "invalid_group_id"),
        ({**TRACK, "timestamp": "yesterday"}, "invalid_timestamp"),
        ({**TRACK, "timestamp": "1969-12-31T23:59:59Z"}, "invalid_timestamp"),
        ({**TRACK, "timestamp": "0001-01-01T00:00:00+14:00"}, "invalid_timestamp"),
        ({**TRACK, "timestamp": {"at": 1}}, "invalid_timestamp"),
        ({**TRACK, "timestamp": 1e300}, "invalid_timestamp"),
        ({**TRACK, "properties": {"text": "a\x00b"}}, "invalid_value"),
        ({**TRACK, "properties": {"a\x00b": 1}}, "invalid_value"),
        ({**TRACK, "event": "log\x00in"}, "invalid_value"),
        ({**TRACK, "properties": {"half": "\ud83d"}}, "invalid_value"),
        ({**TRACK, "properties": {"huge": 10**30}}, "invalid_value"),
        ({**TRACK, "properties": {"endless": Decimal("Infinity")}}, "invalid_value"),
        ({**TRACK, "properties": nested(20)}, "too_deep"),
        ({**TRACK, "properties": nested(900)}, "too_deep"),
        ({**TRACK, "properties": {"text": "あ" * 11_000}}, "too_large"),
        ({"type": "group", "userId": "u1"}, "missing_group"),
        ({"type": "group", "groupId": "acme"}, "missing_user"),
        ({"type": "identify", "traits": {"email": "a@b.example"}}, "missing_user"),
        ({"type": "identify", "userId": "u1", "traits": "me"}, "invalid_properties"),
        ({"type": "alias", "userId": "u1"}, "missing_previous"),
        ({"type": "alias", "previousId": "a1"}, "missing_user"),
    ],
)
def test_what_cannot_be_taken_says_why(given: object, code: str) -> None:
    assert refused(given) == code


@pytest.mark.parametrize(
    "given",
    [
        {**TRACK, "messageId": "m" * 100},
        {**TRACK, "userId": "u" * 200},
        {**TRACK, "event": "e" * 200},
        {**TRACK, "properties": None, "context": None},
        {**TRACK, "properties": nested(18)},
        {**TRACK, "properties": {"list": [[1]] * 50}},
        {**TRACK, "properties": {"path": "\\u0000 is how one writes it"}},
        {**TRACK, "properties": {"text": "あ" * 10_000}},
        {**TRACK, "properties": {"large": 2**63 - 1}},
        {**TRACK, "event": "tutorial_completed"},
        {**TRACK, "event": "login", "timestamp": ""},
    ],
)
def test_what_is_just_right_is_taken(given: dict[str, Any]) -> None:
    assert read(given).kind == "track"


@pytest.mark.parametrize(
    ("name", "reserved"),
    [
        ("portal.signed_in", True),
        ("article.read", True),
        ("tutorial.completed", True),
        ("webinar.watched", True),
        ("nps.answered", True),
        ("checklist.step_completed", True),
        ("offer.clicked", True),
        ("article.created", False),
        ("portal", False),
        ("tutorials.completed", False),
        ("login", False),
    ],
)
def test_the_portals_own_names_are_reserved(name: str, reserved: bool) -> None:
    assert is_reserved(name) is reserved


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "at"),
    [
        (None, None, NOW),
        (None, "2020-01-01T00:00:00Z", NOW),
        ("2026-12-01T08:30:00Z", None, NOW - timedelta(minutes=30)),
        ("2026-12-01T08:30:00", None, NOW - timedelta(minutes=30)),
        (1796113800, None, NOW - timedelta(minutes=30)),
        (1796113800000, None, NOW - timedelta(minutes=30)),
        # A clock three hours fast, then one a year slow: half an hour passed between the event and its sending.
        ("2026-12-01T11:30:00Z", "2026-12-01T12:00:00Z", NOW - timedelta(minutes=30)),
        ("2025-12-01T08:30:00Z", "2025-12-01T09:00:00Z", NOW - timedelta(minutes=30)),
        ("2027-01-01T00:00:00Z", None, NOW),
        ("2026-12-01T09:00:01Z", "2026-12-01T09:00:00Z", NOW),
        ("2026-12-01T08:30:00Z", "not a time", NOW - timedelta(minutes=30)),
        ("9999-12-31T23:59:59Z", None, NOW),
    ],
)
def test_when_it_happened_by_our_clock(timestamp: object, sent_at: object, at: datetime) -> None:
    assert read({**TRACK, "timestamp": timestamp, "sentAt": sent_at}).at == at
    assert read({**TRACK, "timestamp": timestamp}, sent_at=instant(sent_at)).at == at


def test_a_message_without_id_gets_one_of_its_own() -> None:
    given = {**TRACK, "messageId": None}
    assert read(given).message_id != read(given).message_id


def test_numbers_are_taken_as_ids_by_their_digits() -> None:
    found = read({**TRACK, "userId": 17, "messageId": 4, "context": {"groupId": 9}})
    assert (found.user_ref, found.message_id, found.group_ref) == ("17", "4", "9")


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_pages_and_screens_are_events_with_their_name_as_property(kind: Kind) -> None:
    found = read({"userId": "u1", "name": "Pricing", "category": "Docs", "properties": {"url": "/p"}}, kind=kind)
    assert (found.name, found.properties) == (kind, {"name": "Pricing", "category": "Docs", "url": "/p"})


def test_the_path_of_a_call_decides_its_kind() -> None:
    assert read({**TRACK, "type": "alias"}, kind="track").kind == "track"


def test_group_and_alias_name_whom_they_are_about() -> None:
    group = read({"type": "group", "userId": "u1", "groupId": "acme", "traits": {"plan": "pro"}})
    assert (group.group_ref, group.properties) == ("acme", {"plan": "pro"})
    alias = read({"type": "alias", "userId": "u1", "previousId": "a1"})
    assert (alias.user_ref, alias.anonymous_ref) == ("u1", "a1")


# --- public keys ------------------------------------------------------------------------------------------------------

PERSON = Person("u1", "acme", {"email": "u1@acme.example", "role": "member"})


def seen(person: Person | None, **message: Any) -> Incoming | Refusal:
    return as_seen_by_browser(read({"messageId": "m1", **message}), person)


def test_without_a_token_a_browser_says_only_that_it_happened() -> None:
    found = seen(None, type="track", userId="u1", anonymousId="a1", event="login", context={"groupId": "acme"})
    assert isinstance(found, Incoming)
    assert (found.user_ref, found.group_ref, found.anonymous_ref, found.name) == (None, None, "a1", "login")


@pytest.mark.parametrize(
    ("person", "message", "code"),
    [
        (None, {"type": "identify", "userId": "u1"}, "forbidden"),
        (None, {"type": "group", "userId": "u1", "groupId": "acme"}, "forbidden"),
        (None, {"type": "alias", "userId": "u1", "previousId": "a1"}, "forbidden"),
        (PERSON, {"type": "alias", "userId": "u1", "previousId": "a1"}, "forbidden"),
        (PERSON, {"type": "identify", "userId": "u2"}, "identity_mismatch"),
        (PERSON, {"type": "identify", "userId": "u1", "context": {"groupId": "other"}}, "identity_mismatch"),
        (PERSON, {"type": "group", "userId": "u1", "groupId": "other"}, "identity_mismatch"),
        (PERSON, {"type": "track", "userId": "u2", "event": "login"}, "identity_mismatch"),
    ],
)
def test_a_browser_cannot_say_who_it_is(person: Person | None, message: dict[str, Any], code: str) -> None:
    assert seen(person, **message) == Refusal(code)


def test_of_a_browser_with_a_token_the_tokens_word_counts() -> None:
    found = seen(PERSON, type="identify", userId="u1", traits={"role": "admin", "email": "evil@x.example", "plan": "x"})
    assert isinstance(found, Incoming)
    assert (found.user_ref, found.group_ref, found.properties) == ("u1", "acme", PERSON.traits)
    group = seen(PERSON, type="group", userId="u1", groupId="acme", traits={"plan": "enterprise", "seats": 999})
    assert isinstance(group, Incoming)
    assert group.properties == {}
    track = seen(PERSON, type="track", anonymousId="a1", event="login", properties={"n": 1})
    assert isinstance(track, Incoming)
    assert (track.user_ref, track.group_ref, track.properties) == ("u1", "acme", {"n": 1})


# --- anything at all --------------------------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
fields = ["type", "messageId", "userId", "anonymousId", "event", "groupId", "context", "timestamp", "sentAt", "traits"]
messages = st.dictionaries(st.sampled_from([*fields, "properties", "previousId"]), anything | st.sampled_from(KINDS))


@given(message=messages | anything, sent_at=anything)
def test_any_json_is_read_or_refused(message: object, sent_at: object) -> None:
    found = parse(message, received_at=NOW, sent_at=instant(sent_at))
    if isinstance(found, Refusal):
        assert found.code in REFUSALS
    else:
        assert datetime(1970, 1, 1, tzinfo=UTC) <= found.at <= NOW
        assert 0 < len(found.message_id) <= 100
        assert isinstance(as_seen_by_browser(found, None), Incoming | Refusal)
