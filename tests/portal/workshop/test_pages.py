"""The workshop's pages without scripts: a checklist is built and published, exceptions are made."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest
from sqlmodel import Session, select

from portal.accounts.models import Invitation
from portal.insights import pages as insights_pages
from portal.mailing.addresses import stop
from portal.workshop import pages
from tests.factories import make_account, make_member, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with
from tests.onboarding import World, checklist, step

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


class Fields(HTMLParser):
    """What the form `checklist` would send, were it sent now."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.inside = False
        self.select = self.area = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value") or ""
        self.inside = has.get("id") == "checklist" if tag == "form" else self.inside
        if not self.inside:
            return
        if tag == "input" and name and name != "order" and (has.get("type") != "checkbox" or "checked" in has):
            self.found[name] = value
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in has or self.select not in self.found):
            self.found[self.select] = value
        elif tag == "textarea":
            self.area = name
            self.found[name] = ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"
        self.select = "" if tag == "select" else self.select
        self.area = "" if tag == "textarea" else self.area

    def handle_data(self, data: str) -> None:
        if self.area:
            self.found[self.area] += data.removeprefix("\n")


class Desk:
    """A portal with the workshop and the lists, and browsers for its people."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = portal_with(world.db, Clock(world.now), pages.router, insights_pages.router)

    @asynccontextmanager
    async def as_(self, role: str, *, language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
        """A browser of a person with this role."""

        def token(session: object) -> str:
            if role == "member":
                return sign_in_as(session, make_member(session, make_account(session)))  # type: ignore[arg-type]
            return sign_in_as(session, make_staff(session, email=f"{role}@x.example", role=role))  # type: ignore[arg-type]

        async with browser(self.app, await self.world.db.write(token), language=language) as client:
            yield client


@pytest.fixture
async def desk(world: World) -> Desk:
    return Desk(world)


async def press(
    client: httpx.AsyncClient, answer: httpx.Response, act: str, typed: Mapping[str, str] = {}
) -> httpx.Response:
    """Type into the form of `answer`, press a button of it, and follow where that leads."""
    fields = {**Fields(answer.text).found, **typed, "act": act}
    return await client.post(answer.url.path, data=fields, follow_redirects=True)


async def test_a_checklist_is_built_and_published_without_scripts(desk: Desk) -> None:
    await desk.world.account("株式会社あおば")
    async with desk.as_("cs") as client:
        new = await client.get("/staff/checklists/new")
        said = {"csrf": csrf_in(new), "chosen": "light-tech-touch", "title_en": "Begin here"}
        form = await client.post("/staff/checklists/new", data=said, follow_redirects=True)
        assert form.url.path == "/staff/checklists/begin-here"
        form = await press(client, form, "step:add")
        assert re.search(r'name="steps\.3\.title_ja"[^>]* autofocus', form.text)
        form = await press(client, form, "add:steps.3.when", {"steps.3.title_en": "Log in often"})
        typed = {
            "steps.3.when.name": "login",
            "steps.3.when.at_least": "many",
            "steps.3.when.counts": "day",
            "steps.3.when.window": "within",
            "steps.3.when.span": "1",
            "steps.3.when.unit": "mo",
        }
        wrong = await press(client, form, "save", typed)
        assert wrong.status_code == 422
        assert 'href="#f-steps.3.when.at_least"' in wrong.text
        assert re.search(r'name="steps\.3\.when\.at_least" value="many"[^>]* aria-describedby', wrong.text)
        form = await press(client, wrong, "step:up:3", {"steps.3.when.at_least": "8"})
        saved = await press(client, form, "save")
        assert "usage log login on at least 8 days within one month of the start" in saved.text
        assert "saved by 佐藤" in (await client.get("/staff/checklists")).text
        dry = await press(client, saved, "publish")
        assert dry.url.path == "/staff/checklists/begin-here/publish"
        assert "株式会社あおば" in dry.text
        assert "the event “feature.used” was never received yet" in unescape(dry.text)
        seen = (await client.get("/staff/checklists/begin-here/preview?account=株式会社あおば")).text
        assert "Log in often" in seen
        shown = re.search(r'name="shown" value="(\w+)"', dry.text)
        assert shown
        done = await client.post(dry.url.path, data={"csrf": csrf_in(dry), "shown": shown[1]}, follow_redirects=True)
        assert "Published. 1 customers are enrolled by it." in done.text
        assert "Key: log-in-often. It is published" in done.text
        versions = (await client.get("/staff/checklists/begin-here/versions")).text
        assert "Version 1" in versions
        assert "佐藤" in versions
    assert list(await desk.world.enrollments()) == [("株式会社あおば", "begin-here")]


async def test_the_second_to_save_decides(desk: Desk) -> None:
    async with desk.as_("cs") as client, desk.as_("editor", language="ja") as other:
        new = await client.get("/staff/checklists/new")
        said = {"csrf": csrf_in(new), "chosen": "blank", "title_en": "X", "key": "x"}
        mine = await client.post("/staff/checklists/new", data=said, follow_redirects=True)
        theirs = await other.get("/staff/checklists/x")
        assert "What publishing" not in theirs.text
        saved = await press(client, mine, "save", {"title_ja": "一人目", "steps.0.title_ja": "一"})
        assert saved.status_code == 200
        late = await press(other, theirs, "save", {"title_ja": "二人目", "steps.0.title_ja": "一"})
        assert late.status_code == 409
        assert "佐藤" in late.text
        assert "題名: X" not in late.text
        assert "二人目 / X" in unescape(late.text)
        assert (await press(other, late, "overwrite")).status_code == 200
        assert 'value="二人目"' in (await client.get("/staff/checklists/x")).text
        again = await client.post("/staff/checklists/new", data={**said, "csrf": csrf_in(new)})
        assert again.status_code == 422


async def test_an_earlier_version_is_gone_back_to_by_a_draft(desk: Desk) -> None:
    await desk.world.publish(checklist(step("a"), key="start"))
    await desk.world.publish(checklist(step("a") + step("b"), key="start"))
    page = "/staff/checklists/start/versions"
    async with desk.as_("cs") as client:
        csrf = {"csrf": csrf_in(await client.get("/staff/checklists"))}
        assert "/draft" not in (await client.get(page)).text, "a file says how it is"
        await client.post("/staff/checklists/start/fork", data=csrf)
        assert re.findall(r"versions/(\d+)/draft", (await client.get(page)).text) == ["1"]
        assert (await client.post(f"{page}/9/draft", data=csrf)).status_code == 404
        begun = await client.post(f"{page}/1/draft", data=csrf, follow_redirects=True)
        assert 'name="steps.0.title_ja" ' in begun.text
        assert 'name="steps.1.title_ja" ' not in begun.text
        again = await client.post(f"{page}/1/draft", data=csrf, follow_redirects=True)
        assert (again.url.path, "There is a draft already" in again.text) == (page, True)


async def test_the_people_of_several_customers_are_invited_together(desk: Desk) -> None:
    def people(session: Session) -> None:
        for name in ("acme", "beta", "gone", "other"):
            left_at = desk.world.now if name == "gone" else None
            account = make_account(session, external_id=name, name=name, left_at=left_at)
            for person in ("one", "info"):
                make_member(session, account, external_id=f"{name}-{person}", email=f"{person}@{name}.example")
        stop(session, "one@beta.example", "bounced", now=desk.world.now)

    def sent(session: Session) -> list[str]:
        return sorted(session.exec(select(Invitation.email_key)).all())

    await desk.world.db.write(people)
    async with desk.as_("cs") as client:
        csrf = csrf_in(await client.get("/staff/checklists"))
        chosen = {"csrf": csrf, "account": ["acme", "beta", "gone"], "among": "accounts?"}
        page = await client.post("/staff/invitations", data=chosen)
        for told in (
            "People to be invited: 3, at 2 of the 3 customers chosen",
            "come back: 1",
            "info@acme.example, info@beta",
        ):
            assert told in page.text, told
        ids = re.search(r'name="ids" value="([\d,]+)"', page.text)
        assert ids
        form = {"csrf": csrf, "ids": ids[1], "count": "3"}
        await desk.world.db.write(lambda session: stop(session, "info@beta.example", "bounced", now=desk.world.now))
        changed = await client.post("/staff/invitations", data=form)
        assert (changed.status_code, "Meanwhile it would be 2 people" in changed.text) == (409, True)
        for odd in ("", "all", "²"):
            assert (await client.post("/staff/invitations", data={**form, "count": odd})).status_code == 409
        assert await desk.world.db.read(sent) == []
        done = await client.post("/staff/invitations", data={**form, "count": "2"}, follow_redirects=True)
        assert "2 invitations are on their way" in done.text
        assert await desk.world.db.read(sent) == ["info@acme.example", "one@acme.example"]
        twice = await client.post("/staff/invitations", data={**form, "count": "2"})
        assert (twice.status_code, "Nobody is left to invite" in twice.text) == (409, True)
    async with desk.as_("viewer") as client:
        token = csrf_in(await client.get("/staff/accounts"))
        assert (await client.post("/staff/invitations", data={"csrf": token})).status_code == 403


async def test_each_role_finds_its_own(desk: Desk) -> None:
    await desk.world.publish(checklist(step("a"), key="start"))
    ways = ("", "/new", "/start", "/start/publish", "/start/preview", "/start/versions", "/start/end")
    found = {}
    for role in ("cs", "editor", "viewer", "member"):
        async with desk.as_(role) as client:
            found[role] = [(await client.get(f"/staff/checklists{way}")).status_code for way in ways]
            listed = await client.get("/staff/checklists")
            token = csrf_in(listed) if listed.status_code == 200 else "x"
            acts = ("/start/fork", "/start", "/start/publish", "/start/end")
            found[role] += [
                (await client.post(f"/staff/checklists{act}", data={"csrf": token, "act": "x"})).status_code
                for act in acts
            ]
            excepting = await client.post("/staff/exceptions", data={"csrf": token, "account": "acme"})
            found[role].append(excepting.status_code)
    assert found == {
        "cs": [200, 200, 200, 200, 200, 200, 200, 303, 200, 409, 303, 200],
        "editor": [200, 200, 200, 403, 403, 200, 403, 303, 200, 403, 403, 403],
        "viewer": [200, 403, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403],
        "member": [404] * 7 + [403] * 5,
    }


async def test_exceptions_are_made_from_a_list(desk: Desk) -> None:
    await desk.world.publish(checklist(step("a"), key="start", due="30d"))
    for name in ("acme", "beta", "gamma"):
        await desk.world.account(name)
    async with desk.as_("cs") as client:
        listed = await client.get("/staff/accounts?q=a")
        assert 'name="account" value="beta"' in listed.text
        common = {"csrf": csrf_in(listed), "checklist": "start"}
        some = await client.post("/staff/exceptions", data={**common, "account": ["acme", "beta"]})
        assert "2 customers are chosen" in some.text
        among = re.search(r'name="among" value="([^"]*)"', listed.text)
        assert among
        every = await client.post("/staff/exceptions", data={**common, "among": unescape(among[1]), "all": "1"})
        assert "3 customers are chosen" in every.text
        ids = re.search(r'name="ids" value="([\d,]+)"', some.text)
        assert ids
        asked = {**common, "ids": ids[1], "act": "extend", "days": "0", "reason": "", "do": "make"}
        wrong = await client.post("/staff/exceptions", data=asked)
        assert wrong.status_code == 422
        assert 'aria-describedby="f-days' in wrong.text
        asked |= {"days": "14", "reason": "Summer"}
        looked = await client.post("/staff/exceptions", data={**asked, "do": "look"})
        assert "It changes something for 2 customers." in looked.text
        assert await desk.world.exceptions() == []
        made = await client.post("/staff/exceptions", data=asked, follow_redirects=True)
        assert [one.reason for one in await desk.world.exceptions()] == ["Summer", "Summer"]
        undone = await client.post(f"{made.url.path}/undo", data={"csrf": csrf_in(made)}, follow_redirects=True)
        assert "taken back 2" in undone.text
        assert "Summer" in (await client.get("/staff/exceptions")).text
        assert (await client.get("/staff/exceptions/99")).status_code == 404
