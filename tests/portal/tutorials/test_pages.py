"""Tutorials in a browser without JavaScript: links, and forms of one button."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session

from portal.kit.db import Database
from portal.tutorials import pages
from tests.factories import make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with, publish_tutorials, tutorial, write


@dataclass
class Portal:
    app: FastAPI
    db: Database
    root: Path
    tokens: dict[str, str]
    stack: AsyncExitStack

    async def device(self, who: str = "member") -> httpx.AsyncClient:
        return await self.stack.enter_async_context(browser(self.app, self.tokens.get(who)))


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    files = {**tutorial("first", ["a", "b"], minutes=5, order=1), **tutorial("pro", audience="{plan: pro}")}
    await publish_tutorials(db, write(tmp_path, files))

    def people(session: Session) -> dict[str, str]:
        make_plan(session, "pro")
        account, on_pro = make_account(session), make_account(session, plan="pro")
        return {
            "member": sign_in_as(session, make_member(session, account)),
            "english": sign_in_as(session, make_member(session, account, locale="en")),
            "on pro": sign_in_as(session, make_member(session, on_pro)),
            "staff": sign_in_as(session, make_staff(session)),
        }

    tokens = await db.write(people)
    async with AsyncExitStack() as stack:
        yield Portal(portal_with(db, Clock(), pages.router), db, tmp_path, tokens, stack)


async def press(device: httpx.AsyncClient, page: httpx.Response) -> httpx.Response:
    """Press the one big button of a page and see where it leads."""
    form = re.search(r'<form method="post" action="(/tutorials/[^"]+)"', page.text)
    assert form, page.text
    answer = await device.post(form[1], data={"csrf": csrf_in(page)})
    assert answer.status_code == 303
    return await device.get(answer.headers["location"])


async def test_start_stop_go_on_elsewhere_and_finish(portal: Portal) -> None:
    desk, phone = await portal.device(), await portal.device()
    overview = await desk.get("/tutorials/first")
    assert "<h1>firstを始める</h1>" in overview.text

    first = await press(desk, overview)
    assert first.url.path == "/tutorials/first/a"
    assert "a の本文です" in first.text
    second = await press(desk, first)
    assert second.url.path == "/tutorials/first/b"

    there = await phone.get("/tutorials/first")
    assert 'href="/tutorials/first/b"' in there.text
    assert 'value="1" max="2"' in there.text
    assert 'value="1" max="2"' in (await phone.get("/tutorials")).text
    end = await press(phone, await phone.get("/tutorials/first/b"))
    assert end.url.path == "/tutorials/first/finish"
    assert 'class="congrats"' in end.text

    again = await desk.get("/tutorials/first/a")
    assert '<form method="post" action="/tutorials' not in again.text
    assert 'href="/tutorials/first/b"' in again.text


async def test_the_end_is_only_for_those_who_got_there(portal: Portal) -> None:
    device = await portal.device()
    answer = await device.get("/tutorials/first/finish")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tutorials/first")


async def test_a_tutorial_that_grew_shorter_is_settled_with_one_press(portal: Portal) -> None:
    device = await portal.device()
    await press(device, await device.get("/tutorials/first/a"))
    (portal.root / "tutorials/first/steps/b.ja.md").unlink()
    await publish_tutorials(portal.db, write(portal.root, tutorial("first", ["a"])))
    assert (await press(device, await device.get("/tutorials/first"))).url.path == "/tutorials/first/finish"


@pytest.mark.parametrize("path", ["/tutorials/pro", "/tutorials/pro/one", "/tutorials/pro/finish"])
@pytest.mark.parametrize(("who", "is_in"), [("member", False), ("on pro", True), ("staff", True)])
async def test_the_wall(portal: Portal, path: str, who: str, is_in: bool) -> None:
    answer = await (await portal.device(who)).get(path)
    assert answer.status_code == (404 if not is_in else 303 if path.endswith("finish") else 200)
    listed = (await (await portal.device(who)).get("/tutorials")).text
    assert ("proを始める" in listed) is is_in


@pytest.mark.parametrize(
    "action", ["/tutorials/pro/run", "/tutorials/pro/one/completion", "/tutorials/first/x/completion"]
)
async def test_nothing_is_done_behind_the_wall(portal: Portal, action: str) -> None:
    device = await portal.device()
    token = csrf_in(await device.get("/tutorials/first/a"))
    assert (await device.post(action, data={"csrf": token})).status_code == 404


async def test_a_step_is_not_done_without_the_pages_token(portal: Portal) -> None:
    device = await portal.device()
    assert (await device.post("/tutorials/first/a/completion")).status_code == 403
    assert 'value="0" max="2"' in (await device.get("/tutorials")).text


@pytest.mark.parametrize("path", ["/tutorials", "/tutorials/first", "/tutorials/first/a", "/tutorials/none"])
async def test_a_stranger_is_led_to_sign_in(portal: Portal, path: str) -> None:
    answer = await (await portal.device("stranger")).get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")


async def test_staff_look_and_nothing_is_offered_to_be_done(portal: Portal) -> None:
    device = await portal.device("staff")
    for path in ("/tutorials", "/tutorials/first", "/tutorials/first/a", "/tutorials/first/b"):
        page = await device.get(path)
        assert page.status_code == 200
        assert '<form method="post" action="/tutorials' not in page.text
    assert "plan: pro" in (await device.get("/tutorials")).text


async def test_a_step_in_another_language_says_so(portal: Portal) -> None:
    page = await (await portal.device("english")).get("/tutorials/first/a")
    assert 'lang="ja"' in page.text
    assert "is not there in English yet" in page.text
    assert "is not there" not in (await (await portal.device()).get("/tutorials/first/a")).text


async def test_no_tutorials_yet(portal: Portal) -> None:
    await publish_tutorials(portal.db, portal.root / "nowhere")
    for who in ("member", "staff"):
        assert 'class="empty"' in (await (await portal.device(who)).get("/tutorials")).text
