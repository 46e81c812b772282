"""Whether an article helped: asked, answered, changed, counted by revision; and nothing kept of who a stranger is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.content import feedback, feedback_pages, pages
from portal.content.models import DocumentFeedback
from portal.kit.db import Database
from portal.kit.intervals import wilson
from tests.factories import make_account, make_member, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, document, portal_with, publish, write

PATH = "/manuals/terms/terms"


@dataclass
class Portal:
    db: Database
    root: Path
    app: object
    open_: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def say(self, who: str, helpful: str, *, path: str = PATH, **fields: str) -> httpx.Response:
        client = self.open_[who]
        said = {"csrf": csrf_in(await client.get(path)), "locale": "ja", "revision": "1", "helpful": helpful, **fields}
        return await client.post("/feedback/terms", data=said)

    async def tallies(self) -> list[tuple[int, int, int, dict[str, int]]]:
        found = await self.db.read(feedback.tallies)
        return [(one.revision, one.n, one.helpful, one.reasons) for one in found]


@pytest.fixture
async def portal(db: Database, tmp_path: Path) -> AsyncIterator[Portal]:
    write(tmp_path, {"content/faq/terms.ja.md": document("terms", title="料金の質問", public="true")})
    write(tmp_path, {"content/manuals/inner.ja.md": document("inner", audience="{plan: pro}")})
    await publish(db, tmp_path)

    def people(session: Session) -> dict[str, str | None]:
        account = make_account(session, name="株式会社あおば")
        return {
            "member": sign_in_as(session, make_member(session, account, name="田中 美咲")),
            "other": sign_in_as(session, make_member(session, account)),
            "staff": sign_in_as(session, make_staff(session)),
            "editor": sign_in_as(session, make_staff(session, role="editor")),
            "stranger": None,
            "stranger 2": None,
        }

    app = portal_with(db, Clock(), pages.router, feedback_pages.router)
    tokens = await db.write(people)
    async with AsyncExitStack() as stack:
        found = Portal(db, tmp_path, app)
        for who, token in tokens.items():
            found.open_[who] = await stack.enter_async_context(browser(app, token))
        yield found


async def test_one_answer_for_each_reader_and_revision_which_they_may_change(portal: Portal) -> None:
    for who in ("member", "other", "stranger", "stranger 2"):
        answer = await portal.say(who, "no")
        assert (answer.status_code, answer.headers["location"]) == (303, "/feedback/terms?locale=ja")
    assert await portal.tallies() == [(1, 4, 0, {})]
    await portal.say("member", "yes")
    await portal.say("stranger", "no", reason="unclear", comment="  手順3が分かりません。 ")
    assert await portal.tallies() == [(1, 4, 1, {"unclear": 1})]
    page = (await portal.open_["stranger"].get("/feedback/terms?locale=ja")).text
    assert "手順3が分かりません。" in page
    assert 'value="unclear" checked' in page
    assert "手順3" not in (await portal.open_["stranger 2"].get("/feedback/terms")).text

    write(portal.root, {"content/faq/terms.ja.md": document("terms", "新しい本文。\n", public="true")})
    await publish(portal.db, portal.root)
    assert "手順3" not in (await portal.open_["stranger"].get("/feedback/terms")).text
    await portal.say("stranger", "yes", revision="2")
    assert sorted(await portal.tallies()) == [(1, 4, 1, {"unclear": 1}), (2, 1, 1, {})]


@pytest.mark.parametrize(
    "wrong",
    [{"helpful": "maybe"}, {"revision": "2"}, {"revision": "0"}, {"reason": "rude"}, {"comment": "あ" * 2001}],
    ids=str,
)
async def test_what_no_form_of_ours_could_send(portal: Portal, wrong: dict[str, str]) -> None:
    assert (await portal.say("member", **{"helpful": "no", **wrong})).status_code == 422
    assert await portal.tallies() == []


async def test_who_is_not_asked_is_not_counted(portal: Portal) -> None:
    csrf = csrf_in(await portal.open_["member"].get(PATH))
    said = {"csrf": csrf, "locale": "ja", "revision": "1", "helpful": "yes"}
    assert (await portal.open_["member"].post("/feedback/inner", data=said)).status_code == 404
    assert (await portal.open_["member"].post("/feedback/terms", data={**said, "csrf": "x"})).status_code == 403
    assert 'id="helpful"' not in (await portal.open_["staff"].get(PATH)).text
    csrf = csrf_in(await portal.open_["staff"].get(PATH))
    assert (await portal.open_["staff"].post("/feedback/terms", data={**said, "csrf": csrf})).status_code == 404
    assert await portal.tallies() == []


async def test_nothing_is_kept_of_who_a_stranger_is(portal: Portal) -> None:
    await portal.say("stranger", "yes")
    cookie = portal.open_["stranger"].cookies["banso-form"]
    rows = await portal.db.read(lambda session: session.execute(select(DocumentFeedback)).scalars().all())
    assert [(row.member_id, row.comment) for row in rows] == [(None, "")]
    assert cookie not in str(rows[0].model_dump())


async def test_staff_see_it_with_n_and_interval_and_editors_without_names(portal: Portal) -> None:
    await portal.say("member", "no", reason="outdated", comment="<b>古い</b>です")
    await portal.say("stranger", "yes")
    low, high = wilson(1, 2) or (0, 1)
    page = (await portal.open_["staff"].get("/staff/content/feedback")).text
    for said in (
        "料金の質問",
        "50.0%",
        f"{low:.1%}",
        f"{high:.1%}",
        "内容が古い",
        "&lt;b&gt;古い&lt;/b&gt;です",
        "株式会社あおば",
    ):
        assert said in page
    limited = (await portal.open_["editor"].get("/staff/content/feedback?document=terms")).text
    assert "古い&lt;/b&gt;です" in limited
    assert "株式会社あおば" not in limited
    assert "田中" not in limited
    assert "料金" not in (await portal.open_["staff"].get("/staff/content/feedback?document=no")).text
    assert (await portal.open_["member"].get("/staff/content/feedback")).status_code == 404


async def test_an_answer_outlives_the_person_without_their_name(portal: Portal) -> None:
    await portal.say("member", "yes")
    table = DocumentFeedback.metadata.tables["member"]
    await portal.db.write(lambda session: session.execute(table.delete().where(table.c.name == "田中 美咲")))
    asked = select(col(DocumentFeedback.member_id))
    assert await portal.db.read(lambda session: session.execute(asked).scalars().all()) == [None]
    assert await portal.tallies() == [(1, 1, 1, {})]
