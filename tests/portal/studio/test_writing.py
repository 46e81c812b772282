"""Writing in the studio, from the first word until readers have it and no longer do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlmodel import Session

from portal.content.library import DOCUMENT, VARIANT, current
from portal.content.models import Document
from portal.kit.db import Database
from portal.kit.errors import BansoError, Conflict, Forbidden, Invalid, TooLarge
from portal.kit.sqlite import sqlite_engine
from portal.studio import going_out
from portal.studio.front import Form, form_of
from portal.studio.going_out import publish
from portal.studio.history import live_number, restore, revision_of, revisions
from portal.studio.manuscripts import document_of, writing
from portal.studio.rules import Person
from portal.studio.workflow import act
from portal.studio.writing import OvertakenBy, begin, keep, others_at_work, save, unsaved_of
from tests.factories import NOW
from tests.library import TOKYO, document, write
from tests.library import publish as publish_files
from tests.portal.studio.conftest import FORM, People

LATER = NOW + timedelta(days=2)


async def begun(db: Database, person: Person, form: Form = FORM, key: str = "invoices") -> str:
    return await db.write(partial(begin, form=form, key=key, locale="ja", person=person, now=NOW))


async def saved(db: Database, person: Person, form: Form, *, base: int, locale: Any = "ja", now: Any = NOW) -> int:
    def work(session: Session) -> int:
        found = document_of(session, "invoices")
        return save(session, document=found, locale=locale, form=form, base=base, person=person, now=now).number

    return await db.write(work)


async def did(db: Database, person: Person, what: str, *, base: int = 1, note: str = "") -> str:
    asked = partial(act, key="invoices", locale="ja", act=what, person=person, base=base, now=NOW, note=note)
    return await db.write(lambda session: asked(session).manuscript.state)


async def state_of(db: Database, locale: Any = "ja") -> tuple[str, Any]:
    def work(session: Session) -> tuple[str, Any]:
        found = writing(session, "invoices", locale)
        assert found
        return found.manuscript.state, found.manuscript.acting_at

    return await db.read(work)


async def titles_out(db: Database) -> list[str]:
    entries = (await db.read(current)).entries.values()
    return sorted(variant.title for entry in entries for variant in entry.variants.values() if variant.is_out(NOW))


async def test_a_new_document_is_a_draft_that_no_reader_sees(db: Database, people: People) -> None:
    assert await begun(db, people.writer) == "invoices"
    assert await state_of(db) == ("draft", None)
    assert await titles_out(db) == []
    text = (await db.read(lambda session: revision_of(session, "invoices", "ja", 1))).text
    assert form_of(text, slug="invoices", kind="manual", zone=TOKYO) == FORM


async def test_an_id_is_made_up_from_a_title_in_latin_letters_or_from_chance(db: Database, people: People) -> None:
    assert await begun(db, people.writer, replace(FORM, title="Paying by card", slug="card"), "") == "card"
    by_title = await begun(db, people.writer, replace(FORM, title="Paying by card", slug=""), "")
    assert by_title == "paying-by-card"
    assert (await begun(db, people.writer, replace(FORM, slug=""), "")).startswith("doc-")


async def test_every_save_is_a_revision_and_the_same_words_are_none(db: Database, people: People) -> None:
    await begun(db, people.writer)
    assert await saved(db, people.writer, replace(FORM, body="二つ目。\n"), base=1) == 2
    assert await saved(db, people.writer, replace(FORM, body="二つ目。\n"), base=2) == 2
    assert await saved(db, people.other, replace(FORM, body="三つ目。\n"), base=2) == 3
    found = await db.read(lambda session: [(one.number, one.by) for one in revisions(session, "invoices", "ja")])
    assert found == [(3, people.other.name), (2, people.writer.name), (1, people.writer.name)]


async def test_the_second_of_two_is_told_and_nothing_is_overwritten(db: Database, people: People) -> None:
    await begun(db, people.writer)
    await saved(db, people.writer, replace(FORM, body="一人目。\n"), base=1)
    with pytest.raises(OvertakenBy) as caught:
        await saved(db, people.other, replace(FORM, body="二人目。\n"), base=1)
    assert (caught.value.theirs, caught.value.by) == (2, people.writer.name)
    assert "一人目。" in caught.value.text
    assert len(await db.read(lambda session: revisions(session, "invoices", "ja"))) == 2
    # With the number of theirs before them they may go on.
    assert await saved(db, people.other, replace(FORM, body="二人目。\n"), base=2) == 3


async def test_sending_a_form_twice_is_no_conflict(db: Database, people: People) -> None:
    await begun(db, people.writer)
    form = replace(FORM, body="一度だけ。\n")
    assert await saved(db, people.writer, form, base=1) == 2
    assert await saved(db, people.writer, form, base=1) == 2


async def test_what_was_typed_is_kept_for_its_author_and_told_to_others(db: Database, people: People) -> None:
    await begun(db, people.writer)
    where = {"key": "invoices", "locale": "ja"}
    form = replace(FORM, body="まだ途中")
    for _ in range(2):
        await db.write(partial(keep, **where, form=form, base=1, person=people.writer, now=NOW))  # type: ignore[arg-type]

    mine = await db.read(partial(unsaved_of, **where, person=people.writer))  # type: ignore[arg-type]
    assert mine is not None
    assert Form.of(mine.form) == form
    looked = partial(others_at_work, **where, now=NOW + timedelta(minutes=5))  # type: ignore[arg-type]
    assert await db.read(partial(looked, person=people.other)) == [(people.writer.name, NOW)]
    assert await db.read(partial(looked, person=people.writer)) == []
    assert await db.read(partial(looked, person=people.other, now=NOW + timedelta(hours=1))) == []
    await saved(db, people.writer, form, base=1)
    assert await db.read(partial(unsaved_of, **where, person=people.writer)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\u2028b"}, "title"),
        ({"collection": "Not A Key"}, "collection"),
        ({"slug": "Größe Nr. 1"}, "slug"),
        ({"audience": "plan: [pro"}, "audience"),
        ({"audience": "plann: pro"}, "audience"),
        ({"audience": "!!python/object:os.system {}"}, "audience"),
        ({"order": "first"}, "order"),
        ({"review_by": "2027-02-30"}, "review_by"),
        ({"publish_at": "2027-02-30T09:00"}, "publish_at"),
        ({"publish_at": "2027-02-02T09:00", "unpublish_at": "2027-02-01T09:00"}, "unpublish_at"),
        ({"aliases": "Not/A/Key"}, "aliases"),
        ({"aliases": "taken"}, "aliases"),
        ({"slug": "taken"}, "slug"),
        ({"body": "a\0b"}, "body"),
    ],
)
async def test_what_is_wrong_is_said_of_its_field_and_nothing_is_saved(
    db: Database, people: People, tmp_path: Path, changes: dict[str, str], field: str
) -> None:
    write(tmp_path, {"content/manuals/taken.ja.md": document("taken")})
    await publish_files(db, tmp_path)
    await begun(db, people.writer)
    with pytest.raises(Invalid) as caught:
        await saved(db, people.writer, replace(FORM, **changes), base=1)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert all(problem.message.into("ja") for problem in caught.value.problems)
    assert len(await db.read(lambda session: revisions(session, "invoices", "ja"))) == 1


async def test_an_id_is_given_once(db: Database, people: People) -> None:
    await begun(db, people.writer)
    with pytest.raises(Invalid) as caught:
        await begun(db, people.other, replace(FORM, slug="elsewhere"))
    assert [problem.field for problem in caught.value.problems] == ["key"]


async def test_a_text_has_a_largest_size(db: Database, people: People) -> None:
    await begun(db, people.writer)
    assert await saved(db, people.writer, replace(FORM, body="あ" * 332_000), base=1) == 2
    with pytest.raises(TooLarge):
        await saved(db, people.writer, replace(FORM, body="あ" * 333_000), base=2)


async def test_from_draft_to_readers_and_away_again(db: Database, people: People) -> None:
    await begun(db, people.writer)
    assert await did(db, people.writer, "submit") == "review"
    with pytest.raises(Forbidden):
        await did(db, people.writer, "approve")
    assert await did(db, people.other, "approve") == "approved"
    summary, outcomes = await publish(db, [("invoices", "ja")], person=people.other, now=NOW)
    assert (summary.added, outcomes[0].scheduled_for) == ([("invoices", "ja")], None)
    assert await titles_out(db) == ["請求書を受け取る"]
    assert await db.read(lambda session: live_number(session, "invoices", "ja")) == 1

    # A change is a draft again; readers keep what they have until it is published.
    await saved(db, people.writer, replace(FORM, title="新しい題"), base=1)
    assert (await state_of(db))[0] == "draft"
    assert await titles_out(db) == ["請求書を受け取る"]
    await publish(db, [("invoices", "ja")], person=people.owner, now=LATER)
    assert await titles_out(db) == ["新しい題"]

    assert await did(db, people.other, "unpublish", base=2) == "archived"
    assert await titles_out(db) == []
    assert await did(db, people.other, "reopen", base=2) == "draft"


async def test_what_is_out_is_taken_down_however_far_the_next_text_is(db: Database, people: People) -> None:
    await begun(db, people.writer)
    await publish(db, [("invoices", "ja")], person=people.owner, now=NOW)
    await saved(db, people.writer, replace(FORM, title="新しい題"), base=1)
    with pytest.raises(Conflict):
        await did(db, people.writer, "put_away", base=2)
    assert await did(db, people.writer, "unpublish", base=2) == "draft"
    assert await titles_out(db) == []
    await publish(db, [("invoices", "ja")], person=people.owner, now=LATER)
    assert await titles_out(db) == ["新しい題"]


async def test_a_draft_that_nobody_wants_is_put_away_and_taken_up_again(db: Database, people: People) -> None:
    await begun(db, people.writer)
    with pytest.raises(Conflict):
        await did(db, people.writer, "unpublish")
    with pytest.raises(Forbidden):
        await did(db, people.viewer, "put_away")
    assert await did(db, people.writer, "put_away") == "archived"
    assert await did(db, people.other, "reopen") == "draft"
    assert await did(db, people.other, "submit") == "review"


async def test_a_reviewer_gives_back_with_a_word_of_why(db: Database, people: People) -> None:
    await begun(db, people.writer)
    await did(db, people.writer, "submit")
    with pytest.raises(Invalid):
        await did(db, people.other, "give_back", note="  ")
    assert await did(db, people.other, "give_back", note="図が古いです") == "draft"


async def test_an_approval_is_of_the_text_that_was_read(db: Database, people: People) -> None:
    await begun(db, people.writer)
    await did(db, people.writer, "submit")
    await saved(db, people.writer, replace(FORM, body="こっそり変えた。\n"), base=1)
    with pytest.raises(Conflict):
        await did(db, people.other, "approve", base=1)
    await did(db, people.other, "approve", base=2)
    await saved(db, people.writer, replace(FORM, body="承認のあとで変えた。\n"), base=2)
    assert (await state_of(db))[0] == "draft"


async def test_those_who_only_look_change_nothing(db: Database, people: People) -> None:
    await begun(db, people.writer)
    for what in ("submit", "approve", "unpublish"):
        with pytest.raises(Forbidden):
            await did(db, people.viewer, what)


async def test_a_text_that_changed_while_it_was_rendered_is_not_published(db: Database, people: People) -> None:
    await begun(db, people.owner)
    gathered = await db.read(lambda session: going_out.gather(session, [("invoices", "ja")]))
    prepared = going_out.render(gathered)
    await saved(db, people.owner, replace(FORM, body="別の本文。\n"), base=1)
    with pytest.raises(Conflict):
        await db.write(lambda session: going_out.put_out(session, gathered, prepared, person=people.owner, now=NOW))
    assert await titles_out(db) == []


async def test_all_languages_have_their_readers_and_shelf_in_common(db: Database, people: People) -> None:
    await begun(db, people.owner)
    english = replace(FORM, title="Receive invoices", body="Text.\n")
    await saved(db, people.owner, english, base=0, locale="en")
    await publish(db, [("invoices", "ja"), ("invoices", "en")], person=people.owner, now=NOW)

    changed = replace(english, audience="role: admin", collection="other", kind="faq")
    await saved(db, people.owner, changed, base=1, locale="en")

    japanese = await db.read(lambda session: revision_of(session, "invoices", "ja", 2))
    assert (japanese.how, japanese.file) == ("shared", "content/faq/invoices.ja.md")
    assert "audience: {role: admin}" in japanese.text
    assert (await state_of(db))[0] == "published"
    await publish(db, [("invoices", "en")], person=people.owner, now=NOW)
    entry = (await db.read(current)).entries["invoices"]
    assert (entry.kind, entry.collection, entry.audience_said) == ("faq", "other", {"role": "admin"})
    assert sorted(entry.variants) == ["en", "ja"]


async def test_what_was_is_brought_back_as_a_new_revision(db: Database, people: People) -> None:
    await begun(db, people.writer)
    await saved(db, people.writer, replace(FORM, body="悪い変更。\n"), base=1)
    number = await db.write(partial(restore, key="invoices", locale="ja", number=1, person=people.other, now=NOW))
    assert number == 3
    texts = await db.read(lambda session: {one.number: one.text for one in revisions(session, "invoices", "ja")})
    assert texts[3] == texts[1] != texts[2]


async def test_a_translation_knows_what_it_was_translated_from(db: Database, people: People) -> None:
    await begun(db, people.writer)

    def translate(session: Session) -> int | None:
        origin = revision_of(session, "invoices", "ja", 1)
        found = document_of(session, "invoices")
        form = replace(FORM, title="Invoices", body="Text.\n")
        save(
            session,
            document=found,
            locale="en",
            form=form,
            base=0,
            person=people.other,
            now=NOW,
            translated_from=origin.id,
        )
        again = replace(form, body="Better text.\n")
        save(session, document=found, locale="en", form=again, base=1, person=people.other, now=NOW)
        return origin.id

    origin = await db.write(translate)
    found = await db.read(lambda session: [one.translated_from_id for one in revisions(session, "invoices", "en")])
    assert found == [origin, origin]


async def test_a_document_of_the_studio_stays_when_files_are_published(
    db: Database, people: People, tmp_path: Path
) -> None:
    await begun(db, people.owner)
    await publish(db, [("invoices", "ja")], person=people.owner, now=NOW)
    write(tmp_path, {"content/manuals/a.ja.md": document("a", "[請求](manuals/invoices)\n")})
    summary = await publish_files(db, tmp_path)
    assert (summary.archived, summary.warnings) == ([], [])
    row = await db.read(lambda session: session.execute(select(VARIANT).where(VARIANT.c.document_id == "a")).one())
    assert 'href="/manuals/invoices"' in row.html
    origins = select(DOCUMENT.c.id, DOCUMENT.c.origin).order_by(DOCUMENT.c.id)
    assert (await db.read(lambda session: session.execute(origins).all())) == [("a", "file"), ("invoices", "studio")]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "withdraw", "approve", "give_back", "unpublish", "reopen", "save", "publish"]),
        st.sampled_from(["owner", "editor", "cs", "viewer"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(acts=ACTS)
def test_readers_never_have_what_nobody_approved(acts: list[tuple[str, str]], migrated_sqlite: Path) -> None:
    """Whoever does what in whatever order: what comes out was approved by another than its writer, or by the owner."""
    engine = sqlite_engine(make_url(f"sqlite:///{migrated_sqlite}"), query_only=False)
    with Session(engine, info={"zone": TOKYO}) as session:
        people = _staff(session)
        writer = people["editor"]
        begin(session, form=FORM, key="invoices", locale="ja", person=writer, now=NOW)
        approved: set[str] = set()
        texts = 1
        for what, role in acts:
            person = people[role]
            found = writing(session, "invoices", "ja")
            assert found
            before, author = found.revision.text, found.manuscript.written_by
            try:
                if what == "save":
                    texts += 1
                    if person.may_write:
                        form = replace(FORM, body=f"本文 {texts}\n")
                        found_document = session.get_one(Document, "invoices")
                        base = found.revision.number
                        save(
                            session,
                            document=found_document,
                            locale="ja",
                            form=form,
                            base=base,
                            person=person,
                            now=NOW,
                        )
                    continue
                if what == "publish":
                    _publish(session, person)
                    assert before in approved or person.role == "owner"
                else:
                    act(
                        session,
                        key="invoices",
                        locale="ja",
                        act=what,
                        person=person,
                        base=found.revision.number,
                        now=NOW,
                        note="理由",
                    )
            except BansoError:
                continue
            if what == "approve":
                assert person.role == "owner" or person.id != author
                assert person.role != "viewer"
                approved.add(before)
        session.rollback()
    engine.dispose()


def _staff(session: Session) -> dict[str, Person]:
    from tests.factories import make_staff

    rows = [make_staff(session, email=f"{role}@x.example", role=role) for role in ("owner", "editor", "cs", "viewer")]
    return {row.role: Person(row.id or 0, row.name or "", row.role) for row in rows}


def _publish(session: Session, person: Person) -> None:
    from portal.studio.workflow import allowed

    found = writing(session, "invoices", "ja")
    assert found
    allowed(session, key="invoices", locale="ja", act="publish", person=person, base=found.revision.number)
    gathered = going_out.gather(session, [("invoices", "ja")])
    going_out.put_out(session, gathered, going_out.render(gathered), person=person, now=NOW)
