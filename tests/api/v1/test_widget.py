"""The widget's door: who is let in, what is shown, and what its member does there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from api.v1.widget_answers import WidgetDocument, WidgetFindings, WidgetState
from portal.accounts.people import mark_member_left, member_of
from portal.kit.db import Database
from portal.widget.stamps import news_after
from tests.library import document, publish, write
from tests.vendor import account_of
from tests.widget_vendor import PAGE, Product, product_on


@pytest.fixture
async def product(db: Database) -> AsyncIterator[Product]:
    async with product_on(db) as product:
        yield product


def step(state: httpx.Response, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in state.json()["checklists"][0]["steps"] if one["key"] == key)
    return found


async def test_one_request_answers_what_a_panel_needs(product: Product) -> None:
    async with product.page() as page:
        answer = await page.get("/state")
    assert answer.status_code == 200, answer.text
    state = answer.json()
    WidgetState.model_validate_json(answer.content, extra="forbid")
    assert state["member"] == {"id": "u-tanaka", "name": "田中 美咲", "is_admin": False}
    assert state["account"] == {"id": "aoba", "name": "株式会社あおば商事"}
    assert state["prompts"] == []
    (checklist,) = state["checklists"]
    assert (checklist["title"], checklist["done"], checklist["total"]) == ("はじめの30日", 0, 5)
    assert checklist["next"] == "invite"
    assert checklist["due"].startswith("あと")
    assert [one["look"] for one in checklist["steps"]] == ["staff", "next", "waiting", "waiting", "waiting"]
    assert step(answer, "invite")["counts"] == [{"text": "3回中0回", "done": 0, "total": 3}]
    assert step(answer, "profile")["can_tick"]
    assert not step(answer, "billing")["can_tick"], "田中 is no admin"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in answer.headers
    assert "set-cookie" not in answer.headers


async def test_nothing_changed_costs_nothing(product: Product) -> None:
    async with product.page() as page:
        first = await page.get("/state")
        again = await page.get("/state", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["access-control-allow-origin"] == PAGE
        await product.vendor.happen("member.invited")
        after = await page.get("/state", headers={"if-none-match": first.headers["etag"]})
        assert step(after, "invite")["counts"] == [{"text": "3回中1回", "done": 1, "total": 3}]
        english = await page.get("/state?locale=en-US")
        assert english.json()["locale"] == "en"
        assert english.json()["checklists"][0]["title"] == "Your first 30 days"


async def test_a_tick_here_is_a_tick_everywhere(product: Product) -> None:
    async with product.page() as mine, product.page("u-suzuki") as theirs, product.page("u-other", "midori") as other:
        before = await theirs.get("/state")
        done = await mine.post("/steps/first-30-days/profile/completion")
        assert not step(done, "profile")["can_tick"]
        assert step(done, "profile")["can_undo"]
        WidgetState.model_validate_json(done.content, extra="forbid")
        seen = await theirs.get("/state", headers={"if-none-match": before.headers["etag"]})
        assert step(seen, "profile")["counts"] == [{"text": "3名中1名", "done": 1, "total": 3}]
        undone = await mine.delete("/steps/first-30-days/profile/completion")
        assert step(undone, "profile")["can_tick"]
        for path in ("first-30-days/invite", "first-30-days/billing"):
            assert (await mine.post(f"/steps/{path}/completion")).status_code == 403
        assert (await mine.post("/steps/nowhere/invite/completion")).status_code == 404
        assert step(await other.get("/state"), "profile")["counts"] == []


async def test_what_is_put_aside_is_aside_on_every_device(product: Product) -> None:
    clock = product.vendor.clock
    async with product.page() as here, product.page() as there, product.page("u-admin") as admin:
        await here.post("/dismissals", json={"checklist": "first-30-days"})
        answer = await there.get("/state")
        WidgetState.model_validate_json(answer.content, extra="forbid")
        seen = answer.json()["checklists"][0]["dismissed"]
        assert seen == {"for": "me", "until": None, "by": "田中 美咲", "can_undo": True}
        assert (await admin.get("/state")).json()["checklists"][0]["dismissed"] is None
        await there.delete("/dismissals/first-30-days")
        assert (await here.get("/state")).json()["checklists"][0]["dismissed"] is None

        until = (clock() + timedelta(days=3)).isoformat()
        await here.post("/dismissals", json={"checklist": "first-30-days", "until": until})
        assert (await here.get("/state")).json()["checklists"][0]["dismissed"]["until"] is not None
        clock.now += timedelta(days=3, minutes=1)
    async with product.page() as later, product.page("u-admin") as admin:
        assert (await later.get("/state")).json()["checklists"][0]["dismissed"] is None
        refused = await later.post("/dismissals", json={"checklist": "first-30-days", "for": "everyone"})
        assert refused.status_code == 403
        await admin.post("/dismissals", json={"checklist": "first-30-days", "for": "everyone"})
        seen = (await later.get("/state")).json()["checklists"][0]["dismissed"]
        assert (seen["for"], seen["by"], seen["can_undo"]) == ("everyone", "佐藤 花", False)
        assert (await later.delete("/dismissals/first-30-days?for=everyone")).status_code == 403
        assert (await admin.delete("/dismissals/first-30-days?for=everyone")).status_code == 200
        for wrong in ({"for": "me"}, {"checklist": "first-30-days", "for": "all"}, {"checklist": "x", "until": "soon"}):
            assert (await later.post("/dismissals", json=wrong)).status_code == 422
        gone = {"checklist": "first-30-days", "until": (clock() - timedelta(days=1)).isoformat()}
        assert (await later.post("/dismissals", json=gone)).status_code == 422
        assert (await later.post("/dismissals", json={"checklist": "nowhere"})).status_code == 404


async def test_without_a_valid_token_nothing_is_said(product: Product) -> None:
    expired = product.token(exp=int(product.vendor.clock().timestamp()) - 31)
    good = {"banso-key": product.source.public_key, "authorization": f"Bearer {product.token()}", "origin": PAGE}
    for headers, status in (
        ({**good, "authorization": ""}, 401),
        ({**good, "authorization": f"Bearer {expired}"}, 401),
        ({**good, "authorization": f"Bearer {product.token(secret='ws_' + 'x' * 40)}"}, 401),
        ({**good, "authorization": "Bearer " + "x" * 5000}, 401),
        ({**good, "banso-key": product.source.write_key}, 401),
        ({**good, "banso-key": "pk_nobody"}, 401),
        ({**good, "origin": "https://evil.example"}, 403),
        ({**good, "origin": "null"}, 403),
    ):
        async with product.caller(headers) as caller:
            for method, path in (("GET", "/state"), ("GET", "/documents"), ("POST", "/ticket"), ("GET", "/stream")):
                answer = await caller.request(method, path)
                assert answer.status_code == status, (headers, path)
                assert "田中" not in answer.text
                allowed = answer.headers.get("access-control-allow-origin")
                assert allowed == (PAGE if status == 401 and headers["banso-key"] == good["banso-key"] else None)


async def test_a_token_is_looked_at_again_each_time(product: Product) -> None:
    async with product.page() as page:
        assert (await page.get("/state")).status_code == 200
        product.vendor.clock.now += timedelta(seconds=3629)
        assert (await page.get("/state")).status_code == 200
        product.vendor.clock.now += timedelta(seconds=2)
        assert (await page.get("/state")).status_code == 401


async def test_someone_nobody_told_of_is_introduced_by_their_token(product: Product) -> None:
    token = product.token("u-new", "aoba", name="新井 学", email="arai@aoba.example", role="admin", locale="en")
    async with product.page(token=token) as page:
        state = (await page.get("/state")).json()
        assert state["member"] == {"id": "u-new", "name": "新井 学", "is_admin": True}
        assert state["locale"] == "en"
        assert state["checklists"][0]["total"] == 5
    async with product.page(token=product.token("u-first", "brand-new")) as page:
        state = (await page.get("/state")).json()
        assert (state["member"]["name"], state["account"]["id"]) == ("u-first", "brand-new")


async def test_who_has_left_is_shown_nothing(product: Product) -> None:
    def leave(session: Session) -> None:
        member = member_of(session, account_of(session, "aoba"), "u-tanaka")
        assert member is not None
        mark_member_left(session, member, left_at=product.vendor.clock(), now=product.vendor.clock())

    async with product.page() as page:
        assert (await page.get("/state")).status_code == 200
        await product.vendor.db.write(leave)
        answer = await page.get("/state")
    assert answer.status_code == 403
    assert "田中" not in answer.text


@pytest.mark.parametrize(("origin", "status"), [(PAGE, 204), ("https://evil.example", 403), ("null", 403)])
async def test_what_a_browser_asks_first(product: Product, origin: str, status: int) -> None:
    async with product.caller({"origin": origin, "access-control-request-method": "DELETE"}) as caller:
        answer = await caller.options("/steps/a/b/completion")
    assert answer.status_code == status
    if status == 204:
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "DELETE" in answer.headers["access-control-allow-methods"]
        assert "if-none-match" in answer.headers["access-control-allow-headers"]


async def test_what_happens_in_the_product_counts_for_whoever_sits_there(product: Product) -> None:
    async with product.page() as page:
        await page.get("/state")
        told = [{"event": "member.invited", "messageId": f"m{number}", "userId": "u-other"} for number in range(3)]
        answer = await page.post("/events", json={"events": [*told, {"event": "tutorial.completed"}]})
        assert answer.json()["accepted"] == 3
        assert [one["code"] for one in answer.json()["rejected"]] == ["reserved_event"]
        state = await page.get("/state")
        assert step(state, "invite")["done"]
        assert step(state, "invite")["note"].startswith("田中 美咲さんの操作により自動で完了")
        assert (await page.post("/events", json={"events": "x"})).status_code == 400


async def test_a_document_is_read_in_place_behind_the_readers_wall(product: Product, tmp_path: Path) -> None:
    files = {
        "content/manuals/inviting.ja.md": document(
            "inviting", "## 手順\n[次](manuals/secret) と **太字**\n", title="招待する"
        ),
        "content/manuals/secret.ja.md": document("secret", audience="{role: admin}", title="管理者の招待"),
    }
    await publish(product.vendor.db, write(tmp_path, files), now=product.vendor.clock())
    async with product.page() as page, product.page("u-admin") as admin:
        found = await page.get("/documents", params={"q": "招待"})
        assert [one["key"] for one in found.json()["results"]] == ["inviting"]
        assert len((await admin.get("/documents", params={"q": "招待"})).json()["results"]) == 2
        WidgetFindings.model_validate_json(found.content, extra="forbid")
        answer = await page.get("/documents/inviting")
        WidgetDocument.model_validate_json(answer.content, extra="forbid")
        read = answer.json()
        assert (read["title"], read["lang"]) == ("招待する", "ja")
        assert read["body"][0] == ["h2", {"id": "s-手順"}, "手順"]
        assert ["a", {"href": "/manuals/secret"}, "次"] in read["body"][1]
        assert (await page.get("/documents/secret")).status_code == 404
        assert (await admin.get("/documents/secret")).status_code == 200
        assert (await page.post("/documents/inviting/reading", json={"seconds": 95, "depth": 100})).status_code == 204
        assert (await page.post("/documents/secret/reading", json={"seconds": 95, "depth": 100})).status_code == 404


async def test_completions_are_news_to_every_process(product: Product) -> None:
    """On SQLite other processes look at a number; PostgreSQL's notifications are heard in test_widget_stream."""
    if not product.vendor.db.is_sqlite:
        return
    place, _ = await product.vendor.db.read(lambda session: news_after(session, 0))
    async with product.page() as page:
        await page.get("/state")
        await product.vendor.happen("member.invited")
        assert (await product.vendor.db.read(lambda session: news_after(session, place)))[1] == []
        await product.vendor.happen("member.invited", times=3)
        aoba = await product.vendor.db.read(lambda session: account_of(session, "aoba"))
        assert (await product.vendor.db.read(lambda session: news_after(session, place)))[1] == [aoba]
