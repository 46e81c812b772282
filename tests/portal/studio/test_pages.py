"""The studio's pages as plain HTML, without scripts: nothing typed is lost, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from html import unescape

import httpx
import pytest
from sqlmodel import Session

from portal.content import pages as content_pages
from portal.kit.db import TOKYO, Database
from portal.segments.files import read_condition
from portal.segments.service import keep_segment
from portal.studio import pages
from portal.studio.writing import begin
from tests.factories import NOW, make_account, make_member, make_plan, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with
from tests.portal.studio.conftest import FORM, People

HERE = "/staff/content/invoices/ja"


class Desk:
    """A portal with the studio, and browsers for its people."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = Clock(NOW)
        self.app = portal_with(db, self.clock, pages.router, content_pages.router)

    @asynccontextmanager
    async def as_(self, role: str, *, language: str = "ja") -> AsyncIterator[httpx.AsyncClient]:
        """A browser of a person with this role; "" is a stranger, "member" somebody of a customer."""

        def token(session: object) -> str:
            if role == "member":
                return sign_in_as(session, make_member(session, make_account(session)))  # type: ignore[arg-type]
            email = f"{role}-page@x.example"
            return sign_in_as(session, make_staff(session, email=email, role=role))  # type: ignore[arg-type]

        found = await self.db.write(token) if role else None
        async with browser(self.app, found, language=language) as client:
            yield client


@pytest.fixture
async def desk(db: Database, people: People) -> Desk:
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.writer, now=NOW))
    return Desk(db)


def form_in(answer: httpx.Response) -> dict[str, str]:
    """What the editor's form would send as it was answered."""
    text = answer.text
    fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', text))
    for name in ("title", "order", "review_by", "publish_at", "unpublish_at", "slug"):
        found = re.search(rf'<input[^>]*name="{name}"[^>]*>', text)
        value = re.search(r'value="([^"]*)"', found[0]) if found else None
        fields[name] = value[1] if value else ""
    for name in ("body", "audience", "aliases"):
        found = re.search(rf'<textarea[^>]*name="{name}"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
        fields[name] = found[1] if found else ""
    for name in ("kind", "collection"):
        found = re.search(rf'<select[^>]*name="{name}".*?<option value="([^"]*)" selected', text, re.DOTALL)
        fields[name] = found[1] if found else ""
    fields.pop("public", None)
    return {name: unescape(value) for name, value in fields.items()}


async def sent(client: httpx.AsyncClient, path: str, said: Mapping[str, str]) -> httpx.Response:
    """The form as a browser sends it, in parts."""
    return await client.post(path, files={name: (None, value.replace("\n", "\r\n")) for name, value in said.items()})


async def test_a_document_is_written_without_scripts(desk: Desk) -> None:
    async with desk.as_("owner") as owner:
        first = await owner.get("/staff/content/new")
        said = {"csrf": csrf_in(first), "title": "支払う", "kind": "faq", "language": "ja", "new_collection": "pay"}
        made = await owner.post("/staff/content/new", data={**said, "key": "paying"})
        assert (made.status_code, made.headers["location"]) == (303, "/staff/content/paying/ja")
        form = form_in(await owner.get("/staff/content/paying/ja"))
        assert (form["title"], form["kind"], form["collection"], form["base"]) == ("支払う", "faq", "pay", "1")
        looked = await sent(owner, "/staff/content/paying/ja", {**form, "body": "## 方法\n", "act": "preview"})
        assert '<h2 id="s-方法">方法' in looked.text
        done = await sent(owner, "/staff/content/paying/ja", {**form, "body": "## 方法\n", "act": "publish"})
        assert done.status_code == 303
        assert "公開中" in (await owner.get("/staff/content/paying/ja")).text
        listed = (await owner.get("/staff/content?state=published&kind=faq&q=方法")).text
        assert "/staff/content/paying/ja" in listed
        assert "/staff/content/invoices/ja" not in listed
    async with desk.as_("member") as member:
        assert "方法" in (await member.get("/manuals/paying", follow_redirects=True)).text


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_one_button_saves_and_hands_in_what_is_out_or_new_in_a_language(desk: Desk) -> None:
    async with desk.as_("owner") as owner:
        assert (await sent(owner, HERE, {**form_in(await owner.get(HERE)), "act": "publish"})).status_code == 303
    async with desk.as_("editor") as editor:
        page = await editor.get(HERE)
        assert 'value="submit"' in page.text
        await sent(editor, HERE, {**form_in(page), "act": "submit"})
        page = await editor.get(HERE)
        assert "変わったところはありません" in page.text
        assert "公開中" in page.text
        await sent(editor, HERE, {**form_in(page), "body": "別の文。\n", "act": "submit"})
        assert "確認待ち" in (await editor.get(HERE)).text
        english = HERE.replace("/ja", "/en")
        page = await editor.get(english)
        await sent(editor, english, {**form_in(page), "body": "Text.\n", "act": "submit"})
        assert "確認待ち" in (await editor.get(english)).text


async def test_what_is_wrong_is_said_and_what_was_typed_stays(desk: Desk) -> None:
    async with desk.as_("editor") as editor:
        form = form_in(await editor.get(HERE))
        answer = await sent(
            editor, HERE, {**form, "body": "書いたこと。\n", "audience": "plann: pro", "review_by": "2027-02-30"}
        )
        assert answer.status_code == 422
        again = form_in(answer)
        assert again == {**form, "body": "書いたこと。\n", "audience": "plann: pro", "review_by": "2027-02-30"}
        assert 'href="#f-audience"' in answer.text
        assert 'aria-describedby="f-review_by' in answer.text
        assert "2026-12-01" in unescape(answer.text)


async def test_the_second_to_save_sees_both_and_decides(desk: Desk) -> None:
    async with desk.as_("editor") as first, desk.as_("cs") as second:
        mine, theirs = form_in(await first.get(HERE)), form_in(await second.get(HERE))
        assert (await sent(first, HERE, {**mine, "body": "一人目の文。\n"})).status_code == 303
        answer = await sent(second, HERE, {**theirs, "body": "二人目の文。\n"})
        assert answer.status_code == 409
        assert "<del>一</del>人目の文。" in answer.text
        assert "<ins>二</ins>人目の文。" in answer.text
        again = form_in(answer)
        assert (again["body"], again["base"]) == ("二人目の文。\n", "2")
        assert (await sent(second, HERE, again)).status_code == 303
        assert form_in(await second.get(HERE))["body"] == "二人目の文。\n"
        compared = (await second.get(f"{HERE}/history/3?view=inline")).text
        assert "<del>一</del>" in compared
        back = await second.post(f"{HERE}/history/2/restoration", data={"csrf": again["csrf"]})
        assert back.status_code == 303
        assert form_in(await second.get(HERE))["body"] == "一人目の文。\n"


async def test_a_text_of_nearly_a_megabyte_is_saved(desk: Desk) -> None:
    async with desk.as_("owner") as owner:
        form = form_in(await owner.get(HERE))
        body = ("あ" * 300 + "\n\n") * 1_080
        assert 970_000 < len(body.encode()) < 1_000_000
        assert (await sent(owner, HERE, {**form, "body": body})).status_code == 303
        assert form_in(await owner.get(HERE))["body"] == body
        too_much = await sent(owner, HERE, {**form, "base": "2", "body": body + "あ" * 20_000})
        assert too_much.status_code == 413


async def test_who_only_reads_may_change_nothing(desk: Desk) -> None:
    async with desk.as_("viewer") as viewer:
        page = await viewer.get(HERE)
        assert page.status_code == 200
        assert 'value="submit"' not in page.text
        token = csrf_in(page)
        acts: list[tuple[str, dict[str, str]]] = [
            (HERE, {"title": "x"}),
            (f"{HERE}/unsaved", {"title": "x"}),
            (f"{HERE}/history/1/restoration", {}),
            ("/staff/content/new", {"title": "x"}),
            ("/staff/content/invoices/fork", {}),
            ("/staff/content/invoices/unfork", {}),
            ("/staff/collections", {"key": "x", "title_ja": "x"}),
            ("/staff/collections/order", {"up": "billing"}),
            ("/staff/collections/billing/title", {"title_ja": "x"}),
        ]
        for path, said in acts:
            assert (await viewer.post(path, data={"csrf": token, **said})).status_code == 403, path


async def test_a_reviewer_says_what_is_to_be_changed(desk: Desk) -> None:
    async with desk.as_("editor") as editor, desk.as_("cs") as reviewer:
        form = form_in(await editor.get(HERE))
        await sent(editor, HERE, {**form, "body": "手順です。\n", "act": "submit"})
        form = form_in(await reviewer.get(HERE))
        await sent(reviewer, HERE, {**form, "act": "give_back", "note": ""})
        assert "確認待ち" in (await reviewer.get(HERE)).text
        await sent(reviewer, HERE, {**form, "act": "give_back", "note": "図が<b>古い</b>です"})
        page = (await editor.get(HERE)).text
        assert "図が&lt;b&gt;古い&lt;/b&gt;です" in page
        assert "下書き" in page


async def test_it_is_looked_at_as_one_customer_or_another(desk: Desk) -> None:
    await desk.db.write(lambda session: make_plan(session, "pro"))
    async with desk.as_("owner") as owner:
        form = form_in(await owner.get(HERE))
        await sent(owner, HERE, {**form, "audience": "plan: [pro]\nrole: admin\n"})
        assert "notice-good" in (await owner.get(f"{HERE}/look?plan=pro&role=admin")).text
        assert "notice-warn" in (await owner.get(f"{HERE}/look?plan=pro&role=member")).text
        assert "notice-warn" in (await owner.get(f"{HERE}/look")).text


async def test_it_is_looked_at_as_somebody_in_exactly_one_segment(desk: Desk) -> None:
    def keep(session: Session) -> None:
        for key in ("large", "quiet"):
            condition = read_condition("plan: {exists: true}")
            keep_segment(
                session, key=key, title={"ja": key}, condition=condition, by="x", now=NOW, zone=TOKYO, is_new=True
            )

    await desk.db.write(keep)
    async with desk.as_("owner") as owner:
        form = form_in(await owner.get(HERE))
        await sent(owner, HERE, {**form, "audience": "segment: large\nnot: {segment: quiet}\n"})
        inside = (await owner.get(f"{HERE}/look?segment=large")).text
        assert ("notice-good" in inside, "選んだセグメントだけに" in inside) == (True, True)
        for other in ("segment=quiet", "segment=nosuch", ""):
            assert "notice-warn" in (await owner.get(f"{HERE}/look?{other}")).text


async def test_a_preview_link_opens_one_text_for_a_week(desk: Desk) -> None:
    async with desk.as_("owner") as owner, desk.as_("") as stranger:
        page = await owner.get(f"{HERE}/look")
        shown = await owner.post(f"{HERE}/look", data={"csrf": csrf_in(page)})
        found = re.search(r'value="http://portal.example(/preview/[^"]+)"', shown.text)
        assert found
        opened = await stranger.get(found[1])
        assert opened.status_code == 200
        assert "本文です。" in opened.text
        assert opened.headers["x-robots-tag"] == "noindex, nofollow"
        assert (await stranger.get(HERE)).status_code == 303
        other = found[1].replace("invoices", "invoice2")
        for broken in (other, found[1][:-1] + ("0" if found[1][-1] != "0" else "1"), "/preview/x", "/preview/a.b.c.d"):
            assert (await stranger.get(broken)).status_code == 404
        desk.clock.now = NOW + timedelta(days=7, seconds=1)
        assert (await stranger.get(found[1])).status_code == 404


async def test_a_release_comes_out_whole_or_not_at_all(desk: Desk, people: People) -> None:
    other = replace(FORM, title="支払う", slug="paying")
    await desk.db.write(partial(begin, form=other, key="paying", locale="ja", person=people.writer, now=NOW))
    async with desk.as_("cs") as cs:
        token = csrf_in(await cs.get("/staff/releases"))
        made = (await cs.post("/staff/releases", data={"csrf": token, "title": "6月の更新"})).headers["location"]
        texts = {"csrf": token, "text": ["invoices/ja", "paying/ja"]}
        await cs.post(f"{made}/texts", data=texts)
        for key in ("invoices", "paying"):
            where = f"/staff/content/{key}/ja"
            await sent(cs, where, {**form_in(await cs.get(where)), "act": "submit"})
        await sent(cs, HERE, {**form_in(await cs.get(HERE)), "act": "approve"})
        await cs.post(f"{made}/publication", data={"csrf": token})
        assert "支払う" in (await cs.get(made)).text
        assert "公開中" not in (await cs.get("/staff/content?state=published")).text.partition("<tbody>")[2]
        await sent(
            cs, "/staff/content/paying/ja", {**form_in(await cs.get("/staff/content/paying/ja")), "act": "approve"}
        )
        await cs.post(f"{made}/publication", data={"csrf": token})
        listed = (await cs.get("/staff/content?state=published")).text
        assert "/staff/content/invoices/ja" in listed
        assert "/staff/content/paying/ja" in listed


async def test_collections_are_put_in_order_by_buttons(desk: Desk) -> None:
    async with desk.as_("editor") as editor:
        token = csrf_in(await editor.get("/staff/collections"))
        for key in ("first", "second"):
            said = {"csrf": token, "key": key, "title_ja": f"{key}の棚", "title_en": key}
            assert (await editor.post("/staff/collections", data=said)).status_code == 303
        wrong = await editor.post("/staff/collections", data={"csrf": token, "key": "Not a key", "title_ja": ""})
        assert wrong.status_code == 422
        assert 'value="Not a key"' in wrong.text
        await editor.post("/staff/collections/order", data={"csrf": token, "up": "second"})
        keys = re.findall(r'data-key="([^"]+)"', (await editor.get("/staff/collections")).text)
        assert keys == ["billing", "second", "first"]
        await editor.post("/staff/collections/order", data={"csrf": token, "key": ["first", "second"]})
        keys = re.findall(r'data-key="([^"]+)"', (await editor.get("/staff/collections")).text)
        assert keys == ["first", "second", "billing"]


async def test_what_to_link_to_is_found_by_its_words(desk: Desk) -> None:
    async with desk.as_("editor") as editor:
        found = (await editor.get("/staff/content/find?q=請求書")).json()
        assert found == [{"target": "manuals/invoices", "title": "請求書を受け取る", "kind": "マニュアル"}]
        assert (await editor.get("/staff/content/find?q=どこにもない")).json() == []
