"""Words replaced throughout the library: what is found, only what was looked at, one revision each, and back again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from portal.kit.db import Database
from portal.kit.errors import Conflict, Invalid
from portal.kit.i18n import Locale
from portal.studio import replace_pages
from portal.studio.going_out import publish
from portal.studio.history import revisions
from portal.studio.manuscripts import Writing, document_of, live_text, writing
from portal.studio.replacing import Done, Looked, Wanted, look, replace_words
from portal.studio.taking_back import give_back_files, take_back
from portal.studio.wording import hits, places, replaced
from portal.studio.writing import begin
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, document, portal_with, write
from tests.library import publish as publish_files
from tests.portal.studio.conftest import FORM, People

PRODUCT = Wanted("バンソウ", "伴走")


@pytest.mark.parametrize(
    ("text", "words", "is_loose", "becomes", "number"),
    [
        ("解約と解約金", "解約", False, "X と X 金", 2),
        ("ABC abc ＡＢＣ", "ABC", False, "X abc ＡＢＣ", 1),
        ("ABC abc ＡＢＣ", "ABC", True, "X X X", 3),
        ("ﾊﾞﾝｿｳとバンソウ", "バンソウ", True, "X と X", 2),
        ("ﾊﾞﾝｿｳ", "ハンソウ", True, "ﾊﾞﾝｿｳ", 0),
        ("㍻元年", "平", True, "㍻元年", 0),
        ("㍻元年", "平成", True, "X 元年", 1),
        ("aaa", "aa", False, "Xa", 1),
        ("1.5", ".", False, "1X5", 1),
        ("何もない", "", False, "何もない", 0),
    ],
)
def test_what_is_found_and_what_becomes_of_it(
    text: str, words: str, *, is_loose: bool, becomes: str, number: int
) -> None:
    at = places(text, words, is_loose=is_loose)
    assert len(at) == number
    assert replaced(text, at, "X").replace(" ", "") == becomes.replace(" ", "")


@given(st.text("aAａバﾊﾞ㍻\n"), st.text("aAバ平", min_size=1), st.booleans())
def test_places_lie_in_order_and_nothing_else_changes(text: str, words: str, is_loose: bool) -> None:
    at = places(text, words, is_loose=is_loose)
    assert all(start < end for start, end in at)
    assert all(one[1] <= following[0] for one, following in itertools.pairwise(at))
    assert replaced(text, at, "\0").count("\0") == len(at)
    assert [one.words for one in hits(text, at, most=len(at))] == [text[start:end] for start, end in at]


def test_a_place_is_shown_within_its_line() -> None:
    text = "一行目\n二行目の解約です\n"
    found = list(hits(text, places(text, "解約"), most=5))
    assert [(one.line, one.before, one.words, one.after) for one in found] == [(2, "二行目の", "解約", "です")]


@pytest.fixture
async def library(db: Database, people: People, tmp_path: Path) -> Database:
    """A file's document with バンソウ in its title and text, and one of the studio that is out with it."""
    files = {
        "content/manuals/inviting.ja.md": document("inviting", "バンソウに招く。バンソウで働く。\n", title="バンソウ")
    }
    await publish_files(db, write(tmp_path / "vendor", files))
    form = replace(FORM, body="# バンソウの請求書\n")
    await db.write(partial(begin, form=form, key="invoices", locale="ja", person=people.owner, now=NOW))
    await publish(db, [("invoices", "ja")], person=people.owner, now=NOW)
    return db


def picks(looked: Looked) -> Sequence[tuple[str, Locale, int]]:
    return [(one.document, one.locale, one.revision_id) for one in looked.places]


async def standing(db: Database, key: str) -> tuple[str, str, str | None]:
    """Where a text stands, what it says at its end, and what readers have."""

    def work(session: Session) -> tuple[str, str, str | None]:
        found: Writing | None = writing(session, key, "ja")
        live = live_text(session, key, "ja")
        assert live
        last = (found.revision if found else live).text.splitlines()[-1]
        return found.manuscript.state if found else "file", last, live.text.splitlines()[-1]

    return await db.read(work)


async def test_what_was_looked_at_is_replaced_and_taken_back(library: Database, people: People) -> None:
    db = library
    found = await db.report(lambda session: look(session, PRODUCT))
    assert [(one.document, one.number, one.is_file) for one in found.places] == [
        ("inviting", 3, True),
        ("invoices", 1, False),
    ]
    assert await db.report(lambda session: look(session, replace(PRODUCT, kind="faq")).places) == []

    def replacing(session: Session) -> Done:
        return replace_words(session, PRODUCT, picks(found), person=people.writer, now=NOW)

    done = await db.write(replacing)
    assert (done.changed, done.left) == ([("inviting", "ja"), ("invoices", "ja")], [])
    assert await standing(db, "inviting") == ("draft", "伴走に招く。伴走で働く。", "バンソウに招く。バンソウで働く。")
    assert await standing(db, "invoices") == ("draft", "# 伴走の請求書", "# バンソウの請求書")
    record = await db.read(lambda session: revisions(session, "inviting", "ja")[0])
    assert (record.title, record.note, record.by) == ("伴走", "バンソウ → 伴走", people.writer.name)
    again = await db.write(replacing)
    assert (again.changed, len(again.left)) == ([], 2)

    undone = await db.write(partial(take_back, record_id=done.id, person=people.writer, now=NOW))
    await db.write(partial(give_back_files, record_id=done.id, person=people.writer, now=NOW))
    assert (len(undone.changed), undone.to_publish, undone.left) == (2, [], [])
    assert await standing(db, "invoices") == ("published", "# バンソウの請求書", "# バンソウの請求書")
    assert (await standing(db, "inviting"))[0] == "file"
    assert (await db.read(lambda session: document_of(session, "inviting"))).origin == "file"
    with pytest.raises(Conflict):
        await db.write(partial(take_back, record_id=done.id, person=people.writer, now=NOW))


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted("", "a"), "words"),
        (Wanted("a", "a"), "becomes"),
        (Wanted("a" * 201), "words"),
        (Wanted("a", "b\nc"), "becomes"),
    ],
)
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_cannot_be_looked_for_is_said(db: Database, people: People, wanted: Wanted, field: str) -> None:
    with pytest.raises(Invalid) as said:
        await db.write(lambda session: replace_words(session, wanted, [], person=people.writer, now=NOW))
    assert [one.field for one in said.value.problems] == [field]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_title_that_would_be_empty_is_not_offered(library: Database, people: People) -> None:
    wanted = Wanted("バンソウ")
    found = await library.report(lambda session: look(session, wanted))
    assert [(one.document, one.problem is None) for one in found.places] == [("inviting", False), ("invoices", True)]
    done = await library.write(
        lambda session: replace_words(session, wanted, picks(found), person=people.writer, now=NOW)
    )
    assert (done.changed, done.left) == ([("invoices", "ja")], ["バンソウ"])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_the_page_publishes_at_once_what_was_out_and_brings_it_back(library: Database) -> None:
    db = library
    token = await db.write(lambda session: sign_in_as(session, make_staff(session, email="o@x.example", role="owner")))
    async with browser(portal_with(db, Clock(NOW), replace_pages.router), token) as client:
        first = await client.get(replace_pages.HERE, params={"words": "<b>バンソウ</b>"})
        assert "見つかりません" in first.text
        page = await client.get(replace_pages.HERE, params={"words": "バンソウ", "becomes": "<b>伴走"})
        assert "<del>バンソウ</del><ins>&lt;b&gt;伴走</ins>" in page.text
        ticked = [part.split('"')[0] for part in page.text.split('name="pick" value="')[1:]]
        said = {"csrf": csrf_in(page), "words": "バンソウ", "becomes": "伴走", "then": "publish", "pick": ticked}
        done = await client.post(replace_pages.HERE, data=said)
        assert (await standing(db, "invoices"))[::2] == ("published", "# 伴走の請求書")
        assert (await standing(db, "inviting"))[::2] == ("published", "伴走に招く。伴走で働く。")
        record = done.headers["location"]
        assert "2件の記事" in (await client.get(record)).text
        await client.post(f"{record}/undo", data={"csrf": said["csrf"]})
        assert (await standing(db, "invoices"))[::2] == ("published", "# バンソウの請求書")
        assert (await standing(db, "inviting"))[::2] == ("file", "バンソウに招く。バンソウで働く。")
        nothing = await client.post(replace_pages.HERE, data={**said, "pick": ["nonsense", "x/ja/999999"]})
        assert nothing.headers["location"] == replace_pages.HERE
