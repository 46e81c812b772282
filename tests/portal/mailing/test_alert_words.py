"""Alerts in the form each kind of channel takes, whatever a customer is called."""

from __future__ import annotations

from urllib.parse import parse_qs

import orjson
import pytest

from portal.kit.addresses import Policy
from portal.mailing.alert_channels import WantedChannel, problems_of
from portal.mailing.alert_words import SHOWN, Line, news, plain_text, request, sentence
from tests.onboarding import TOKYO

ODD = "<!channel> [To:1] [info]*株式会社&あおば*\n](http://evil.example)"
LINES = [Line(ODD, "「はじめの一歩」が完了しました", "https://p.example/staff/accounts/a%20b")]
TOLD = news(LINES, base_url="https://p.example", locale="ja")


def test_slack() -> None:
    asked = request("slack", {"url": "https://hooks.slack.com/x"}, TOLD)
    text = orjson.loads(asked.body)["text"]
    assert asked.url == "https://hooks.slack.com/x"
    assert text.splitlines()[0] == "*1社についてのお知らせ*"
    assert "<https://p.example/staff/accounts/a%20b|&lt;!channel&gt; [To:1] [info]*株式会社&amp;あおば*" in text
    assert "<!channel>" not in text
    assert text.splitlines()[-1] == "<https://p.example/staff|ポータルを開く>"


def test_teams() -> None:
    asked = request("teams", {"url": "https://prod.example/workflows/x"}, TOLD)
    message = orjson.loads(asked.body)
    (attachment,) = message["attachments"]
    card = attachment["content"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"][1]["text"].count("](") == 1
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "ポータルを開く", "url": "https://p.example/staff"}]


def test_chatwork() -> None:
    asked = request("chatwork", {"room": "123", "token": "t0ken"}, TOLD)
    assert asked.url == "https://api.chatwork.com/v2/rooms/123/messages"
    assert asked.headers["x-chatworktoken"] == "t0ken"
    (body,) = parse_qs(asked.body.decode())["body"]
    assert body.startswith("[info][title]1社についてのお知らせ[/title]・")
    assert body.endswith("https://p.example/staff[/info]")
    assert (body.count("["), body.count("［")) == (4, 2)


def test_more_than_fit_are_counted() -> None:
    told = news([Line(f"A{number}", "x", "u") for number in range(SHOWN + 5)], base_url="b", locale="en")
    assert (len(told.lines), told.more, told.title) == (SHOWN, "and 5 more", "News of 25 customers")
    assert plain_text(told).endswith("and 5 more")


@pytest.mark.parametrize(
    ("kind", "about", "said"),
    [
        (
            "overdue",
            {"checklist": "start", "day": "2027-01-03"},
            "「はじめ」の期限（2027年1月3日(日)）が過ぎ、まだ完了していません",
        ),
        ("completed", {"checklist": "gone"}, "「gone」が完了しました"),
        ("silent", {"checklist": "start", "days": 14}, "「はじめ」が14日間進んでいません"),
        ("bounced", {}, "メールが届きませんでした（宛先不明）"),
    ],
)
def test_what_happened_in_words(kind: str, about: dict[str, object], said: str) -> None:
    assert sentence(kind, about, titles={"start": "はじめ"}, locale="ja", zone=TOKYO) == said


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (WantedChannel("slack", "cs", "https://hooks.slack.com/x", wants=("overdue",)), []),
        (WantedChannel("slack", "cs", "http://169.254.169.254/x", wants=("overdue",)), ["address"]),
        (WantedChannel("teams", "", "nowhere", wants=()), ["title", "wants", "address"]),
        (WantedChannel("mail", "cs", "cs@vendor.example", wants=("bounced", "nonsense")), []),
        (WantedChannel("mail", "cs", "cs@", wants=("bounced",), silent_days=0), ["silent_days", "address"]),
        (WantedChannel("chatwork", "cs", room="12/../3", token="", wants=("silent",)), ["room", "token"]),
        (WantedChannel("chatwork", "cs", room="１２", token="a\r\nHost: b", wants=("silent",)), ["room", "token"]),
        (WantedChannel("chatwork", "cs", room=" 12 ", token=" a1b2 ", wants=("silent",)), []),
        (WantedChannel("fax", "cs", wants=("silent",)), ["kind"]),
    ],
)
def test_what_a_channel_needs(wanted: WantedChannel, fields: list[str]) -> None:
    assert [one.field for one in problems_of(wanted, Policy())] == fields
