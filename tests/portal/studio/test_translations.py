"""Translations in the database and on their pages: behind when the original changes, and nothing is overwritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.content.models import Revision
from portal.kit.db import Database
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Locale
from portal.studio.forking import fork
from portal.studio.history import restore
from portal.studio.manuscripts import document_of, writing
from portal.studio.staleness import SectionChange, State
from portal.studio.translations import behind, mark_current, translations
from portal.studio.writing import begin, save
from tests.factories import NOW
from tests.library import csrf_in, document, publish, write
from tests.portal.studio.conftest import FORM, People
from tests.portal.studio.test_pages import Desk, form_in, sent

ENGLISH = replace(FORM, title="Receive invoices", body="## Preparation\n\nText.\n")


async def states(db: Database, key: str = "invoices") -> dict[Locale, State]:
    found = await db.report(partial(translations, house="ja", key=key))
    return dict(found[0].states)


async def written(db: Database, people: People, form: object, locale: Locale, *, base: int, **more: object) -> int:
    def work(session: Session) -> int:
        found = document_of(session, "invoices")
        how = partial(save, session, document=found, locale=locale, base=base, person=people.writer, now=NOW)
        return how(form=form, **more).number  # type: ignore[arg-type]

    return await db.write(work)


async def translated(db: Database, people: People) -> None:
    """A Japanese document with its English translation."""
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.writer, now=NOW))

    def source(session: Session) -> int:
        found = writing(session, "invoices", "ja")
        assert found
        return found.revision.id or 0

    await written(db, people, ENGLISH, "en", base=0, translated_from=await db.read(source))


async def marked(db: Database, people: People, *, number: int, original: int) -> None:
    await db.write(
        partial(
            mark_current,
            key="invoices",
            locale="en",
            number=number,
            original=original,
            house="ja",
            person=people.writer,
            now=NOW,
        )
    )


async def test_a_changed_original_leaves_its_translation_behind_until_somebody_looks(
    db: Database, people: People
) -> None:
    await translated(db, people)
    assert await states(db) == {"ja": "original", "en": "current"}
    # A date of the original, or what both share, asks no translator for anything.
    await written(db, people, replace(FORM, review_by="2027-04-01", collection="money"), "ja", base=1)
    assert await states(db) == {"ja": "original", "en": "current"}
    await written(db, people, replace(FORM, collection="money", body="## 準備\n\n新しい。\n"), "ja", base=2)
    assert await states(db) == {"ja": "original", "en": "stale"}
    found = await db.report(partial(behind, key="invoices", locale="en", house="ja"))
    assert (found.since, found.original.number) == (1, 3)
    assert found.sections == [SectionChange("準備", "changed")]
    assert not found.difference.is_none
    before = await db.read(lambda session: session.execute(select(col(Revision.text))).scalars().all())
    # Writing on the translation alone does not say that it is up to date.
    await written(db, people, replace(ENGLISH, collection="money", body="## Preparation\n\nA text.\n"), "en", base=2)
    assert (await states(db))["en"] == "stale"
    await marked(db, people, number=3, original=3)
    assert (await states(db))["en"] == "current"
    after = await db.read(lambda session: session.execute(select(col(Revision.text))).scalars().all())
    assert [text for text in before if text not in after] == []


async def test_a_mark_is_of_the_texts_that_were_looked_at(db: Database, people: People) -> None:
    await translated(db, people)
    await written(db, people, replace(FORM, body="二つ目\n"), "ja", base=1)
    await written(db, people, replace(FORM, body="三つ目\n"), "ja", base=2)
    with pytest.raises(Conflict):
        await marked(db, people, number=7, original=2)
    with pytest.raises(NotFound):
        await marked(db, people, number=1, original=9)
    await marked(db, people, number=1, original=2)
    found = await db.report(partial(behind, key="invoices", locale="en", house="ja"))
    assert (found.since, (await states(db))["en"]) == (2, "stale")


async def test_an_earlier_translation_that_is_brought_back_is_as_far_behind_as_it_was(
    db: Database, people: People
) -> None:
    await translated(db, people)
    await written(db, people, replace(FORM, body="二つ目\n"), "ja", base=1)
    await written(db, people, replace(ENGLISH, body="Second\n"), "en", base=1)
    await marked(db, people, number=2, original=2)
    assert (await states(db))["en"] == "current"
    await db.write(partial(restore, key="invoices", locale="en", number=1, person=people.writer, now=NOW))
    assert (await states(db))["en"] == "stale"


async def test_files_count_too(db: Database, people: People, tmp_path: Path) -> None:
    files = {f"content/manuals/invoices.{one}.md": document("invoices", f"{one}です。\n") for one in ("ja", "en")}
    await publish(db, write(tmp_path, files))
    assert await states(db) == {"ja": "original", "en": "current"}
    japanese = {"content/manuals/invoices.ja.md": document("invoices", "変わりました。\n")}
    await publish(db, write(tmp_path, japanese), now=NOW + timedelta(days=1))
    assert await states(db) == {"ja": "original", "en": "stale"}
    later = NOW + timedelta(days=2)
    await db.write(partial(fork, key="invoices", person=people.writer, now=later))
    assert await states(db) == {"ja": "original", "en": "stale"}
    await marked(db, people, number=1, original=2)
    assert await states(db) == {"ja": "original", "en": "current"}


async def test_a_language_that_is_not_there_is_missing(db: Database, people: People) -> None:
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.writer, now=NOW))
    assert await states(db) == {"ja": "original", "en": "missing"}
    with pytest.raises(NotFound):
        await db.report(partial(behind, key="invoices", locale="en", house="ja"))


async def test_a_text_is_no_translation_of_what_is_none_of_its_document(db: Database, people: People) -> None:
    await db.write(partial(begin, form=FORM, key="invoices", locale="ja", person=people.writer, now=NOW))
    await written(db, people, ENGLISH, "en", base=0, translated_from=999_999)
    sources = await db.read(lambda session: session.execute(select(col(Revision.translated_from_id))).scalars().all())
    assert sources == [None, None]


@pytest.fixture
async def desk(db: Database, people: People) -> Desk:
    await translated(db, people)
    await written(db, people, replace(FORM, body="## 準備\n\n<b>新しい</b>本文です。\n"), "ja", base=1)
    return Desk(db)


async def test_the_table_leads_to_what_is_behind_and_one_says_it_is_up_to_date(desk: Desk) -> None:
    here = "/staff/content/invoices/en/translation"
    async with desk.as_("editor") as editor:
        listed = await editor.get("/staff/content/translations?state=stale&kind=manual&q=invo")
        assert here in listed.text
        page = await editor.get(here)
        assert "&lt;b&gt;" in page.text
        assert "<b>" not in page.text
        said = {"csrf": csrf_in(page), "number": "1", "original": "2"}
        done = await editor.post(here, data=said)
        assert (done.status_code, done.headers["location"]) == (303, here)
        assert here not in (await editor.get("/staff/content/translations?state=stale")).text
        assert "原文に合っています" in (await editor.get(here)).text
        refused = await editor.post(here, data={**said, "number": "5"})
        assert refused.status_code == 303
    async with desk.as_("viewer", language="en") as viewer:
        seen = await viewer.get(here)
        assert "The translation is up to date now" not in seen.text
        assert (await viewer.post(here, data={**said, "csrf": csrf_in(seen)})).status_code == 403
    async with desk.as_("member") as member:
        assert (await member.get("/staff/content/translations")).status_code == 404
        assert (await member.get(here)).status_code == 404


async def test_the_editor_has_the_original_beside_it_and_notes_what_was_followed(desk: Desk) -> None:
    here = "/staff/content/invoices/en"
    async with desk.as_("editor") as editor:
        page = await editor.get(here)
        assert "&lt;b&gt;新しい" in page.text
        assert f"{here}/translation" in page.text
        form = form_in(page)
        answer = await sent(editor, here, {**form, "body": "Newer.\n", "follows": "2", "act": "save"})
        assert answer.status_code == 303
        assert f"{here}/translation" not in (await editor.get("/staff/content/translations?state=stale")).text
