"""An alert in words, and in the form each kind of channel takes: pure.

Slack: an incoming webhook (`text`, with `<url|words>` and three characters escaped). Teams: a webhook of Workflows,
which takes an Adaptive Card in a message. Chatwork: API v2, a form with `body`, in its own notation. What customers
are called is theirs to choose, so nothing in it may mention people, link or close a tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import orjson

from portal.kit.dates import day
from portal.kit.i18n import Locale, Message

Channel = Literal["mail", "slack", "teams", "chatwork"]
CHATWORK = "https://api.chatwork.com/v2/rooms/{room}/messages"
SHOWN = 20
JSON = {"content-type": "application/json; charset=utf-8"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Line:
    """One thing that happened, said in a sentence, and the page where staff see more."""

    account: str
    says: str
    url: str


@dataclass(frozen=True)
class News:
    """What one channel is told at once. `more` lines are not shown."""

    title: str
    lines: Sequence[Line]
    more: str
    url: str
    link_words: str


@dataclass(frozen=True)
class Request:
    """What is posted where."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def sentence(kind: str, about: Mapping[str, Any], *, titles: Mapping[str, str], locale: Locale, zone: ZoneInfo) -> str:
    """What happened to a customer, in words that follow its name."""
    title = titles.get(str(about.get("checklist")), str(about.get("checklist", "")))
    when = day(date.fromisoformat(about["day"]), locale=locale, zone=zone) if about.get("day") else ""
    said: Mapping[str, Message] = {
        "overdue": Message("“%(title)s” was due on %(day)s and is not completed", title=title, day=when),
        "completed": Message("“%(title)s” is completed", title=title),
        "silent": Message("no step of “%(title)s” for %(days)s days", title=title, days=about.get("days", 0)),
        "bounced": Message("a mail came back: nobody is reached at the address"),
        "test": Message("a test: alerts arrive here"),
    }
    return said[kind].into(locale)


def news(lines: Sequence[Line], *, base_url: str, locale: Locale, test: bool = False) -> News:
    """The lines as one message; more than `SHOWN` are counted."""
    hidden = len(lines) - SHOWN
    more = Message("and %(count)s more", count=hidden).into(locale) if hidden > 0 else ""
    title = (
        Message("A test from the portal")
        if test
        else Message("News of %(count)s customers", count=len({one.account for one in lines}))
    )
    return News(title.into(locale), lines[:SHOWN], more, f"{base_url}/staff", Message("Open the portal").into(locale))


def request(kind: Channel, place: Mapping[str, str], told: News) -> Request:
    """The call that tells a chat. `place` is what its channel keeps: `url`, or `room` and `token`."""
    if kind == "slack":
        return Request(place["url"], orjson.dumps({"text": slack_text(told)}), JSON)
    if kind == "teams":
        return Request(place["url"], orjson.dumps(teams_message(told)), JSON)
    url = place.get("url") or CHATWORK.format(room=quote(place["room"], safe=""))
    body = urlencode({"body": chatwork_text(told), "self_unread": "0"}).encode()
    return Request(url, body, {**FORM, "x-chatworktoken": place["token"]})


def slack_text(told: News) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text: &, < and > are escaped, nothing else is."""
    lines = [f"*{_slack(told.title)}*"]
    lines += [f"• <{one.url}|{_slack(one.account)}> {_slack(one.says)}" for one in told.lines]
    lines += [_slack(told.more)] if told.more else []
    return "\n".join([*lines, f"<{told.url}|{_slack(told.link_words)}>"])


def teams_message(told: News) -> dict[str, Any]:
    """The envelope the Workflows webhook wants, with one card. Its text is a little markdown."""
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": _teams(told.title), "weight": "Bolder", "size": "Medium", "wrap": True}
    ]
    body += [
        {"type": "TextBlock", "text": f"[{_teams(one.account)}]({one.url}) {_teams(one.says)}", "wrap": True}
        for one in told.lines
    ]
    if told.more:
        body.append({"type": "TextBlock", "text": _teams(told.more), "wrap": True, "isSubtle": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": told.link_words, "url": told.url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def chatwork_text(told: News) -> str:
    """https://developer.chatwork.com/docs/message-notation: brackets of a name are made full-width."""
    lines = [f"・{_chatwork(one.account)} {_chatwork(one.says)}\n{one.url}" for one in told.lines]
    lines += [_chatwork(told.more)] if told.more else []
    return f"[info][title]{_chatwork(told.title)}[/title]" + "\n".join([*lines, told.url]) + "[/info]"


def plain_text(told: News) -> str:
    """The same for a mail."""
    lines = [f"- {one.account}: {one.says}\n  {one.url}" for one in told.lines]
    return "\n".join([*lines, *([told.more] if told.more else [])])


def _slack(text: str) -> str:
    return _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\`*_{}[]()#+-.!|<>~" else one for one in _one_line(text))


def _chatwork(text: str) -> str:
    return _one_line(text).translate(str.maketrans("[]", "［］"))


def _one_line(text: str) -> str:
    return " ".join(text.split())
