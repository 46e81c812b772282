"""Ids that mean somebody: what was done under them is that person's, whenever it becomes known. On both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import Session, select

from portal.accounts import changes
from portal.accounts.people import upsert_member
from portal.accounts.service import upsert_account
from portal.accounts.sessions import open_visit
from portal.events.aliases import ENDS
from portal.events.ingest import Outcome, follow_accounts
from portal.events.models import Alias
from tests.portal.events.conftest import NOW, Feed, alias, group, identify, track

HOUR = timedelta(hours=1)


def nameless(event: str = "visit", ref: str = "a1", **more: Any) -> dict[str, Any]:
    return {**track(event, user=None, **more), "anonymousId": ref}


@pytest.mark.parametrize(
    "joining", [alias("a1", "u1"), {**identify("u1"), "anonymousId": "a1"}], ids=["alias", "identify"]
)
async def test_what_a_stranger_did_is_the_persons(feed: Feed, joining: dict[str, Any]) -> None:
    await feed.send(nameless("before"), group("acme"))
    assert ("before", None, None) in (await feed.look()).owners
    await feed.send(joining)
    await feed.send(nameless("after"))
    seen = await feed.look()
    assert {owner[1:] for owner in seen.owners if owner[0] in ("before", "after")} == {("acme", "u1")}
    assert sorted((day[1], day[3], day[4]) for day in seen.days) == [("after", "u1", 1), ("before", "u1", 1)]
    assert [event.name for event in feed.told] == ["before", "after"]


async def test_what_a_stranger_did_in_a_customer_is_counted_for_the_person(feed: Feed) -> None:
    at = [(NOW - timedelta(hours=hours)).isoformat() for hours in (1, 2, 3)]
    await feed.send(nameless(group="acme", timestamp=at[0]), nameless(group="acme", timestamp=at[2]))
    await feed.send(nameless(ref="a2", group="acme", timestamp=at[1]))
    assert [(day[3], day[4]) for day in (await feed.look()).days] == [(None, 3)]
    await feed.send(alias("a1", "u1"))
    seen = await feed.look()
    hours = {day[3]: (day[4], (NOW - day[5]) // HOUR, (NOW - day[6]) // HOUR) for day in seen.days}
    assert hours == {None: (1, 2, 2), "u1": (2, 3, 1)}
    assert seen.members["acme", "u1"].joined_at == NOW - timedelta(hours=3)
    assert [event.member_id for event in feed.told[3:]] == [seen.members["acme", "u1"].id] * 2


async def test_a_chain_is_followed_to_its_end(feed: Feed) -> None:
    await feed.send(nameless("first", "a1"), nameless("second", "a2"), alias("a1", "a2"))
    await feed.send(alias("a2", "u1"))
    await feed.send(group("acme"), nameless("third", "a1"))
    owners = {owner for owner in (await feed.look()).owners if owner[0] in ("first", "second", "third")}
    assert owners == {("first", "acme", "u1"), ("second", "acme", "u1"), ("third", "acme", "u1")}


async def test_an_id_used_as_a_user_id_can_be_an_alias(feed: Feed) -> None:
    """As in the first example of Segment's documentation of `alias` on servers."""
    await feed.send(track("before", user="anonymous_user"), alias("anonymous_user", "u1"))
    await feed.send(group("acme"), track("after", user="anonymous_user"))
    assert {owner[1:] for owner in (await feed.look()).owners if owner[0] != "alias"} == {("acme", "u1")}


async def test_traits_of_a_stranger_are_the_persons(feed: Feed) -> None:
    said = {"type": "identify", "anonymousId": "a1", "traits": {"name": "早川"}, "context": {"groupId": "acme"}}
    await feed.send(said)
    await feed.send(alias("a1", "u1"))
    seen = await feed.look()
    assert seen.members["acme", "u1"].name == "早川"
    assert [event.properties for event in seen.events if event.kind == "identify"] == [{}]


async def test_an_id_of_two_people_is_nobodys(feed: Feed) -> None:
    await feed.send(group("acme", user="u1"), group("acme", user="u2"), alias("a1", "u1"))
    await feed.send(nameless("of one"))
    await feed.send(alias("a1", "u2"))
    await feed.send(nameless("of two"))
    owners = (await feed.look()).owners
    assert ("of two", None, None) in owners
    assert ("of one", "acme", "u1") in owners


@pytest.mark.parametrize("told_by", ["an address", "signing in"])
async def test_somebody_is_nobodys_alias(feed: Feed, told_by: str) -> None:
    await feed.send(group("acme", user="u1"), group("acme", user="u2"))
    member_id = (await feed.look()).members["acme", "u2"].id or 0
    if told_by == "an address":
        await feed.send(identify("u2", email="u2@acme.example"))
    else:
        await feed.db.write(lambda session: open_visit(session, member_id=member_id, now=NOW, days=1))
    assert await feed.send(alias("u2", "u1")) == Outcome(accepted=1)
    await feed.send(track("mine", user="u2"))
    assert ("mine", "acme", "u2") in (await feed.look()).owners


async def test_who_was_listed_before_it_was_said_whom_the_id_means_is_that_person(feed: Feed) -> None:
    """By way of another id, or as if it were a user's own; also in a company where the person was not known."""
    at = [(NOW - timedelta(hours=hours)).isoformat() for hours in (3, 2, 1)]
    await feed.send(group("acme"), alias("a2", "a1"), identify("u1", email="u1@acme.example", name="早川"))
    await feed.send(nameless(ref="a2", group="acme", timestamp=at[0]), track("visit", timestamp=at[1]))
    await feed.send(track("visit", user="a1", group="beta", timestamp=at[2]))
    assert {key[1] for key in (await feed.look()).members} == {"u1", "a1"}
    await feed.send(alias("a1", "u1"), track("same batch", user="a1", group="beta"))
    seen = await feed.look()
    assert seen.members.keys() == {("acme", "u1"), ("beta", "u1")}
    assert (seen.members["acme", "u1"].name, seen.members["acme", "u1"].email) == ("早川", "u1@acme.example")
    assert seen.members["beta", "u1"].joined_at == NOW - timedelta(hours=1)
    happened = {owner for owner in seen.owners if owner[0] in ("visit", "same batch")}
    assert happened == {("visit", "acme", "u1"), ("visit", "beta", "u1"), ("same batch", "beta", "u1")}
    hours = {(day[0], day[1]): (day[3], day[4], (NOW - day[5]) // HOUR, (NOW - day[6]) // HOUR) for day in seen.days}
    assert hours["acme", "visit"] == ("u1", 2, 3, 2)
    assert hours["beta", "visit"] == ("u1", 1, 1, 1)


@pytest.mark.parametrize("chain", [["a1", "a1"], ["a1", "a2", "a1"], ["a1", "a2", "a3", "a1"]])
async def test_a_circle_means_nobody(feed: Feed, chain: list[str]) -> None:
    links = [alias(ref, person) for ref, person in pairwise(chain)]
    await feed.send(*links)
    await feed.send(nameless())
    assert ("visit", None, None) in (await feed.look()).owners
    await feed.send(alias(chain[-2], "u1"), group("acme"))
    assert ("visit", "acme", "u1") in (await feed.look()).owners, "one way out is enough"


async def test_a_constant_id_is_not_kept_for_everybody(feed: Feed) -> None:
    for number in range(ENDS + 3):
        await feed.send({**identify(f"u{number}"), "anonymousId": "server"})
    aliases = await feed.db.read(lambda session: list(session.exec(select(Alias))))
    assert len(aliases) == ENDS


async def test_said_again_nothing_changes(feed: Feed) -> None:
    messages = [{**nameless(), "messageId": "m1"}, group("acme"), alias("a1", "u1", messageId="m2")]
    await feed.send(*messages)
    before = (await feed.look()).days
    await feed.send(*messages)
    await feed.send(alias("a1", "u1"))
    assert (await feed.look()).days == before


async def test_a_browser_names_nobody(feed: Feed) -> None:
    """Neither do its aliases count, nor is what it says of a stranger believed when a server names the stranger."""
    await feed.send({**identify("u1", group="acme"), "anonymousId": "a1"}, nameless(), from_browser=True)
    await feed.send(alias("a1", "u1"))
    await feed.send(nameless("server"))
    await feed.send(nameless("browser"), from_browser=True)
    owners = {owner[0]: owner[1:] for owner in (await feed.look()).owners}
    assert owners["server"] == ("acme", "u1")
    assert owners["visit"] == owners["browser"] == (None, None)


async def test_who_is_made_known_by_an_import_is_found_by_aliases_too(feed: Feed) -> None:
    await feed.send(nameless(), alias("a1", "u1"))
    leave = changes.subscribe(follow_accounts)

    def import_somebody(session: Session) -> None:
        account = upsert_account(session, external_id="acme", changes={}, now=NOW)
        upsert_member(session, account, external_id="u1", changes={}, now=NOW)

    try:
        await feed.db.write(import_somebody)
    finally:
        leave()
    assert ("visit", "acme", "u1") in (await feed.look()).owners
