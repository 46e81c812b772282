from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.client import client_of
from portal.accounts.fields import (
    ACCOUNT_FIELDS,
    MEMBER_FIELDS,
    Unreadable,
    count,
    currency,
    day,
    locale_tag,
    moment,
    money,
    read_fields,
    read_traits,
    role,
)
from portal.accounts.likeness import name_key
from portal.accounts.paths import local_path, sign_in_path
from portal.accounts.rules import (
    account_values,
    email_key,
    folded,
    is_email,
    member_values,
    new_account,
    new_member,
    search_text,
)
from portal.accounts.sessions import device_of
from tests.factories import NOW

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("tanaka@example.com", "tanaka@example.com"),
        (" Tanaka@Example.COM ", "tanaka@example.com"),
        ("ｔａｎａｋａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "tanaka@example.com"),
        ("\u3000a@b.jp\n", "a@b.jp"),
    ],
)
def test_one_address_has_one_key(written: str, key: str) -> None:
    assert email_key(written) == key


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("a@b.jp", True),
        ("first.last+tag@mail.example.co.jp", True),
        ("o'brien@example.com", True),
        ("田中@例え.jp", True),
        ("", False),
        ("a", False),
        ("a@b", False),
        ("a@@b.jp", False),
        ("a@b.jp, c@d.jp", False),
        ("a b@c.jp", False),
        ("a@b..jp", False),
        ("a@-b.jp", False),
        ("a@b.jp\nBcc: c@d.jp", False),
        ("<a@b.jp>", False),
        (f"{'a' * 65}@b.jp", False),
        (f"a@{'b.' * 130}jp", False),
    ],
)
def test_what_is_an_address(address: str, good: bool) -> None:
    assert is_email(address) is good


@pytest.mark.parametrize(
    ("one", "other"),
    [("ﾊﾝｿｳ", "はんそう"), ("ハンソウ", "はんそう"), ("ＡＢＣ", "abc"), ("㈱伴走", "(株)伴走"), ("Straße", "STRASSE")],
)
def test_what_is_found_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_a_search_never_spans_two_parts() -> None:
    assert "ab" not in search_text("a", None, "b")


# --- partial descriptions ---------------------------------------------------------------------------------------------

KNOWN = {
    **new_account("a1", now=NOW),
    "name": "ACME",
    "plan_key": "pro",
    "seats": 5,
    "is_stub": False,
    "search_key": search_text("ACME", "a1"),
    "name_key": name_key("ACME"),
    "traits": {"color": "red", "size": 1},
}
EARLIER = NOW - timedelta(days=400)


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({}, {}),
        ({"name": "ACME", "plan": "pro", "seats": 5}, {}),
        ({"plan": "free"}, {"plan_key": "free"}),
        ({"plan": None, "seats": None}, {"plan_key": None, "seats": None}),
        ({"name": None}, {"name": "a1", "search_key": "a1", "name_key": "a1"}),
        ({"name_kana": "アクメ"}, {"name_kana": "アクメ", "reading_key": "アクメ", "search_key": "acme\nアクメ\na1"}),
        ({"created_at": EARLIER}, {"created_at": EARLIER, "started_at": EARLIER}),
        ({"created_at": EARLIER, "started_at": NOW}, {"created_at": EARLIER}),
        ({"started_at": EARLIER}, {"started_at": EARLIER}),
        ({"started_at": None, "created_at": None}, {}),
        ({"traits": {"size": 1}}, {}),
        ({"traits": {"size": None, "new": [1]}}, {"traits": {"color": "red", "new": [1]}}),
    ],
)
def test_a_partial_description_changes_only_what_it_says(changes: dict[str, object], values: dict[str, object]) -> None:
    assert account_values(KNOWN, changes) == values


def test_a_start_that_was_set_stays_when_the_creation_day_becomes_known() -> None:
    known = {**KNOWN, "started_at": NOW + timedelta(days=3)}
    assert account_values(known, {"created_at": EARLIER}) == {"created_at": EARLIER}


def test_a_stub_is_none_once_it_is_described() -> None:
    assert account_values(new_account("a1", now=NOW), {})["is_stub"] is False
    assert member_values(new_member(1, now=NOW), {})["is_stub"] is False


@given(
    st.dictionaries(
        st.sampled_from(["name", "plan", "seats", "tier", "created_at", "started_at", "goal"]), st.none() | st.just(NOW)
    )
)
def test_saying_it_twice_changes_nothing_more(changes: dict[str, object]) -> None:
    once = {**KNOWN, **account_values(KNOWN, changes)}
    assert account_values(once, changes) == {}


def test_a_persons_address_brings_its_key_and_a_cleared_role_is_plain() -> None:
    known = {**new_member(1, now=NOW), "role": "admin", "is_stub": False}
    values = member_values(known, {"email": "A@B.jp", "role": None, "joined_at": None, "name": None})
    assert values == {"email": "A@B.jp", "email_key": "a@b.jp", "role": "member"}


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        (count, "1,200", 1200),
        (count, "１２００", 1200),
        (count, "１，２００", 1200),
        (count, 3, 3),
        (count, "3.0", 3),
        (count, "0", 0),
        (money, "50,000", Decimal(50000)),
        (money, "1,234.50", Decimal("1234.50")),
        (money, 0.1, Decimal("0.1")),
        (currency, "jpy", "JPY"),
        (currency, "ＪＰＹ", "JPY"),
        (role, " Admin ", "admin"),
        (role, "経理", "経理"),
        (locale_tag, "ja_JP", "ja-JP"),
        (day, "2026-04-01", date(2026, 4, 1)),
        (day, "2026/4/1", date(2026, 4, 1)),
        (day, "２０２６／４／１", date(2026, 4, 1)),
        (day, "2026-03-31T20:00:00Z", date(2026, 4, 1)),
        (moment, "2026-04-01", datetime(2026, 3, 31, 15, tzinfo=UTC)),
        (moment, "2026/4/1 9:30", datetime(2026, 4, 1, 0, 30, tzinfo=UTC)),
        (moment, "2026-04-01T09:30:15.25+09:00", datetime(2026, 4, 1, 0, 30, 15, 250_000, tzinfo=UTC)),
        (moment, "2026-04-01t00:30:00z", datetime(2026, 4, 1, 0, 30, tzinfo=UTC)),
        (moment, "2026-04-01T00:30:00-0330", datetime(2026, 4, 1, 4, 0, tzinfo=UTC)),
    ],
)
def test_what_can_be_read(reader: object, value: object, read: object) -> None:
    assert callable(reader)
    assert reader(value, TOKYO) == read


@pytest.mark.parametrize(
    ("reader", "value", "code"),
    [
        (count, "1,20", "not_a_number"),
        (count, "1.5", "not_a_number"),
        (count, "many", "not_a_number"),
        (count, True, "not_a_number"),
        (count, "-1", "out_of_range"),
        (count, "9" * 12, "out_of_range"),
        (count, float("nan"), "not_a_number"),
        (count, "1e400", "not_a_number"),
        (money, "¥500", "not_a_number"),
        (money, "0.001", "too_precise"),
        (money, 1e300, "not_a_number"),
        (currency, "YEN!", "not_a_currency"),
        (locale_tag, "日本語", "not_a_language"),
        (day, "2026-02-30", "not_a_date"),
        (day, "1.4.2026", "not_a_date"),
        (day, "0001-01-01", "not_a_date"),
        (day, 20260401, "not_a_date"),
        (moment, "2026-04-01T25:00", "not_a_date"),
        (moment, "2026-04-01T09:00+99:00", "not_a_date"),
        (ACCOUNT_FIELDS["name"], "a" * 201, "too_long"),
        (ACCOUNT_FIELDS["name"], "a\nb", "control_character"),
        (ACCOUNT_FIELDS["name"], "a\0b", "control_character"),
        (ACCOUNT_FIELDS["name"], "\ud800", "not_text"),
        (ACCOUNT_FIELDS["name"], {"a": 1}, "not_text"),
        (MEMBER_FIELDS["email"], "nobody", "not_an_address"),
    ],
)
def test_what_cannot_be_read(reader: object, value: object, code: str) -> None:
    assert callable(reader)
    with pytest.raises(Unreadable) as raised:
        reader(value, TOKYO)
    assert raised.value.code == code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted({**ACCOUNT_FIELDS, **MEMBER_FIELDS})), JSON)
def test_whatever_is_given_is_read_or_named(name: str, value: object) -> None:
    readers = {**ACCOUNT_FIELDS, **MEMBER_FIELDS}
    reading = read_fields({name: value}, readers, zone=TOKYO)
    assert len(reading.changes) + len(reading.problems) == 1


def test_traits_are_never_refused_and_nothing_of_them_is_lost() -> None:
    given = {"name": "ACME", "seats": "a few", "createdAt": "2026-04-01", "color": "red", "plan": None}
    read = read_traits(given, ACCOUNT_FIELDS, zone=TOKYO)
    created_at = datetime(2026, 3, 31, 15, tzinfo=UTC)
    traits = {"seats": "a few", "color": "red"}
    assert read == {"name": "ACME", "created_at": created_at, "plan": None, "traits": traits}


def test_a_person_was_created_when_they_joined() -> None:
    read = read_traits({"created_at": "2026-04-01"}, MEMBER_FIELDS, zone=TOKYO)
    assert read == {"joined_at": datetime(2026, 3, 31, 15, tzinfo=UTC)}


# --- paths and clients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/manuals", "/manuals"),
        ("/search?q=%E8%A7%A3%E7%B4%84&page=2", "/search?q=%E8%A7%A3%E7%B4%84&page=2"),
        ("/search?q=http://example.com", "/search?q=http://example.com"),
        ("/checklists/first-30-days#learn", "/checklists/first-30-days#learn"),
        ("/sign-ins", "/sign-ins"),
        ("", "/"),
        (None, "/"),
        ("manuals", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        (" //evil.example", "/"),
        ("/x//evil.example", "/"),
        ("http://evil.example", "/"),
        ("https:/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("/sign-in?next=/sign-in", "/"),
        ("/sign-out", "/"),
        ("/" + "a" * 600, "/"),
    ],
)
def test_nobody_is_sent_out_of_the_portal(asked: str | None, goes_to: str) -> None:
    assert local_path(asked) == goes_to


def test_the_way_to_sign_in_and_back() -> None:
    assert sign_in_path("/search?q=a&page=2") == "/sign-in?next=%2Fsearch%3Fq%3Da%26page%3D2"
    assert sign_in_path("/") == "/sign-in"


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client"),
    [
        ("203.0.113.7", "", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "", "203.0.113.7"),
        ("10.0.0.2", "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.9", "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.3", "10.0.0.0/8", "10.0.0.3"),
        ("10.0.0.2", "garbage", "10.0.0.2", "garbage"),
        ("2001:db8::1:2:3:4", "", "", "2001:db8::/64"),
        ("::ffff:203.0.113.7", "", "", "203.0.113.7"),
        ("", "198.51.100.1", "10.0.0.0/8", ""),
    ],
)
def test_who_a_request_comes_from(peer: str, forwarded: str, trusted: str, client: str) -> None:
    assert client_of(peer, forwarded, trusted) == client


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/140.0 Safari/537", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537 Edg/140.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19) AppleWebKit Version/19 Mobile/1 Safari/6", "Safari · iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        ("curl/8", ""),
    ],
)
def test_what_a_browser_is_called(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
