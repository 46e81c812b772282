"""What is sent, signed and given up: pure rules, a table each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from portal.kit.addresses import Policy
from portal.kit.typed_urls import url_problems
from portal.webhooks.rules import (
    EVENT_TYPES,
    GIVEN_UP_AFTER,
    PAUSES,
    Standing,
    body_of,
    header_problems,
    is_success,
    new_secret,
    signed,
    standing_after,
    type_problems,
)

NOW = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PUBLIC_ONLY = Policy()


def test_the_schedule_is_the_contracts() -> None:
    assert [int(pause.total_seconds()) for pause in PAUSES] == [5, 300, 1800, 7200, 18000, 36000, 36000]
    assert timedelta(days=5) == GIVEN_UP_AFTER


def test_a_body_is_thin_and_says_when() -> None:
    body = body_of("tutorial.completed", NOW, {"account": "あおば", "member": None})
    assert body == (
        '{"type":"tutorial.completed","timestamp":"2026-06-03T01:00:00.000Z","data":{"account":"あおば","member":null}}'
    )


def test_every_type_is_one_word_of_a_room_and_one_of_what_happened() -> None:
    assert all(len(name.split(".")) == 2 for name in EVENT_TYPES)


@given(st.text(min_size=1), st.integers(1, 2))
def test_whoever_knows_one_of_the_secrets_can_verify(text: str, known: int) -> None:
    now = datetime.now(UTC)
    secrets = [new_secret(), new_secret()]
    body = body_of("checklist.completed", now, {"account": text.encode("utf-8", "replace").decode()})
    headers = signed("msg_1", body, secrets, now=now)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert Webhook(secrets[known - 1]).verify(body, headers)["type"] == "checklist.completed"


@pytest.mark.parametrize(
    ("status", "ok"),
    [
        (200, True),
        (204, True),
        (299, True),
        (199, False),
        (301, False),
        (304, False),
        (404, False),
        (500, False),
        (None, False),
    ],
)
def test_success_is_2xx_and_nothing_else(status: int | None, ok: bool) -> None:
    assert is_success(status) is ok


@pytest.mark.parametrize(
    ("before", "outcomes", "after"),
    [
        (None, [], Standing(None)),
        (None, [(0, 200)], Standing(None)),
        (None, [(0, 500)], Standing(NOW)),
        (None, [(1, 500), (0, None)], Standing(NOW)),
        (NOW - HOUR, [(0, 500)], Standing(NOW - HOUR)),
        (NOW - HOUR, [(0, 200)], Standing(None)),
        (NOW - HOUR, [(0, 200), (1, 503)], Standing(NOW + HOUR)),
        (NOW - timedelta(days=5) + HOUR, [(0, 500)], Standing(NOW - timedelta(days=5) + HOUR)),
        (NOW - timedelta(days=5), [(0, None)], Standing(NOW - timedelta(days=5), "failing")),
        (NOW - timedelta(days=5), [(0, 200), (1, None)], Standing(NOW + HOUR)),
        (None, [(0, 410)], Standing(NOW, "gone")),
        (None, [(0, 200), (1, 410)], Standing(NOW + HOUR, "gone")),
    ],
)
def test_how_an_endpoint_stands(
    before: datetime | None, outcomes: list[tuple[int, int | None]], after: Standing
) -> None:
    assert standing_after(before, [(NOW + hours * HOUR, status) for hours, status in outcomes]) == after


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/hooks?x=1", None),
        ("http://example.com:8080", None),
        ("https://8.8.8.8/x", None),
        ("https://[2606:4700:4700::1111]/", None),
        ("example.com", "not_a_url"),
        ("ftp://example.com/", "not_a_url"),
        ("https:///x", "not_a_url"),
        ("https://[::1", "not_a_url"),
        ("https://example.com:99999/", "not_a_url"),
        ("https://example.com/a b", "not_a_url"),
        ("https://example.com/\r\nx: y", "not_a_url"),
        ("https://例え.jp/", "not_a_url"),
        ("https://me:secret@example.com/", "credentials"),
        ("https://example.com/" + "x" * 2000, "too_long"),
        ("http://127.0.0.1/", "not_allowed"),
        ("http://[::1]/", "not_allowed"),
        ("http://127.1/", "not_allowed"),
        ("http://2130706433/", "not_allowed"),
        ("http://169.254.169.254/latest", "not_allowed"),
        ("https://8.8.8.8:5432/", "not_allowed"),
    ],
)
def test_an_address_that_cannot_be_called_is_said_at_once(url: str, code: str | None) -> None:
    assert [problem.code for problem in url_problems(url, PUBLIC_ONLY)] == ([code] if code else [])


def test_types_and_headers_that_cannot_be_are_all_named() -> None:
    assert [problem.code for problem in type_problems(["checklist.completed", "x", "webhook.test"])] == ["unknown"] * 2
    headers = {
        "authorization": "Bearer x",
        "X-Own": "1",
        "Host": "x",
        "webhook-id": "x",
        "bad name": "x",
        "": "x",
        "x-line": "a\nb",
        "x-long": "x" * 2001,
    }
    assert [problem.code for problem in header_problems(headers)] == [
        "reserved",
        "reserved",
        "not_a_name",
        "not_a_name",
        "not_a_value",
        "not_a_value",
    ]
    assert [problem.code for problem in header_problems({f"x-{n}": "" for n in range(21)})] == ["too_many"]
