"""`GET /search`: exactly what the contract says, and never more than the member may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from portal.kit.db import Database
from tests.factories import NOW, make_account, make_member, make_plan
from tests.library import document, publish, publish_tutorials, tutorial, write
from tests.vendor import vendor_on

pytestmark = pytest.mark.anyio
FILES = {
    "content/manuals/invite.ja.md": document("invite", "招待メールを**送ります**。\n", title="メンバーを招待する"),
    "content/manuals/invite.en.md": document("invite", "Send an invitation.\n", title="Invite a member"),
    "content/faq/terms.ja.md": document("terms", "招待に料金はかかりません。\n", title="招待の料金", public="true"),
    "content/manuals/pro.ja.md": document("pro", "招待を一括で。\n", title="一括で招待する", audience="{plan: pro}"),
    **tutorial("first", title="{ja: 招待を練習する}"),
}


@pytest.fixture
async def caller(db: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with vendor_on(db) as vendor:
        await publish(db, write(tmp_path, FILES))
        await publish_tutorials(db, tmp_path)

        def people(session: Session) -> None:
            for plan in ("pro", "starter"):
                make_plan(session, plan)
            on_pro = make_account(session, external_id="on-pro", plan="pro")
            starter = make_account(session, external_id="on-starter", plan="starter")
            make_member(session, on_pro, external_id="u-pro")
            make_member(session, starter, external_id="u-starter", locale="en")
            make_member(session, starter, external_id="u-both")
            make_member(session, on_pro, external_id="u-both")
            make_member(session, starter, external_id="u-gone", left_at=NOW)

        await db.write(people)
        async with vendor.caller() as caller:
            yield caller


async def keys(caller: httpx.AsyncClient, **query: Any) -> set[str]:
    answer = await caller.get("/search", params={"q": "招待", **query})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == len(body["results"])
    return {one["key"] for one in body["results"]}


async def test_the_shape_of_an_answer(caller: httpx.AsyncClient) -> None:
    body = (await caller.get("/search", params={"q": "料金"})).json()
    url = body["results"][0].pop("url")
    assert body == {
        "query": "料金",
        "total": 1,
        "meant": None,
        "results": [{"kind": "faq", "key": "terms", "title": "招待の料金", "excerpt": "招待に料金はかかりません。"}],
    }
    assert url.startswith("http")
    assert url.endswith("/manuals/terms/terms")


async def test_what_a_member_may_see(caller: httpx.AsyncClient) -> None:
    assert await keys(caller) == {"terms"}
    assert await keys(caller, account="on-pro") == {"terms"}
    assert await keys(caller, member="u-starter") == {"terms", "invite", "first"}
    assert await keys(caller, member="u-pro", account="on-pro") == {"terms", "invite", "first", "pro"}
    assert await keys(caller, member="u-both", account="on-starter") == {"terms", "invite", "first"}


async def test_language_and_limit(caller: httpx.AsyncClient) -> None:
    async def titles(**query: Any) -> list[str]:
        found = (await caller.get("/search", params={"q": "invite", "member": "u-starter", **query})).json()
        return [one["title"] for one in found["results"] if one["key"] == "invite"]

    assert await titles() == ["Invite a member"]
    assert await titles(locale="ja") == ["メンバーを招待する"]
    limited = (await caller.get("/search", params={"q": "招待", "member": "u-pro", "limit": 1})).json()
    assert (limited["total"], len(limited["results"])) == (4, 1)


async def test_nobody_in_particular_is_not_found(caller: httpx.AsyncClient) -> None:
    for query in ({"member": "nobody"}, {"account": "nobody"}, {"account": "on-pro", "member": "u-starter"}):
        assert (await caller.get("/search", params={"q": "x", **query})).status_code == 404
    assert (await caller.get("/search", params={"q": "x", "member": "u-gone"})).status_code == 404
    several = await caller.get("/search", params={"q": "x", "member": "u-both"})
    assert (several.status_code, several.json()["errors"][0]["pointer"]) == (422, "#/query/account")


async def test_bad_input(caller: httpx.AsyncClient) -> None:
    assert (await caller.get("/search")).status_code == 422
    assert (await caller.get("/search", params={"q": "x", "locale": "fr"})).status_code == 422
    assert (await caller.get("/search", params={"q": "x", "limit": 201})).status_code == 422
    assert (await caller.get("/search", params={"q": "a" * 201})).status_code == 422
    empty = (await caller.get("/search", params={"q": " "})).json()
    assert (empty["total"], empty["results"]) == (0, [])
    assert (await caller.get("/search", params={"q": "x"}, headers={"authorization": ""})).status_code == 401
