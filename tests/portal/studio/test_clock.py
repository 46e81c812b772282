"""What the clock does in the studio, and how the list finds what is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlmodel import Session

from portal.content.library import current
from portal.jobs.registry import worker
from portal.kit.db import Database
from portal.kit.errors import Conflict, Invalid
from portal.kit.web import Site
from portal.studio import going_out, releases
from portal.studio.front import MINUTES
from portal.studio.listing import Filters, list_documents
from portal.studio.manuscripts import document_of, writing
from portal.studio.workflow import act
from portal.studio.writing import begin, save
from tests.factories import NOW
from tests.library import TOKYO, Clock, portal_with
from tests.portal.studio.conftest import FORM, People

HOUR = timedelta(hours=1)


def at(moment: datetime) -> str:
    return moment.astimezone(TOKYO).strftime(MINUTES)


class Running:
    """A portal whose worker is run when the test says so."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = Clock(NOW)
        self.site: Site = portal_with(db, self.clock).state.site

    async def until(self, moment: datetime) -> list[str]:
        """Let the clock go on and the worker do what is due; the ids of what readers have then."""
        self.clock.now = moment
        while await worker(self.site).run_due():
            pass
        entries = (await self.db.read(current)).entries.values()
        return sorted(one.id for one in entries if any(variant.is_out(moment) for variant in one.variants.values()))


@pytest.fixture
def running(db: Database) -> Running:
    return Running(db)


async def begun(db: Database, people: People, key: str, **changes: str) -> None:
    form = replace(FORM, slug=key, **changes)
    await db.write(partial(begin, form=form, key=key, locale="ja", person=people.writer, now=NOW))


async def out(running: Running, people: People, *keys: str) -> None:
    named = [(key, "ja") for key in keys]
    await going_out.publish(running.db, named, person=people.owner, now=running.clock.now)  # type: ignore[arg-type]


async def test_a_text_comes_out_and_goes_away_at_its_times(running: Running, people: People) -> None:
    times = {"publish_at": at(NOW + HOUR), "unpublish_at": at(NOW + 3 * HOUR)}
    await begun(running.db, people, "sale", **times)
    await out(running, people, "sale")
    assert await running.until(NOW) == []
    assert await running.until(NOW + 2 * HOUR) == ["sale"]
    assert await running.until(NOW + 4 * HOUR) == []

    def state(session: Session) -> str:
        found = writing(session, "sale", "ja")
        assert found
        return found.manuscript.state

    assert await running.db.read(state) == "archived"


async def test_what_was_changed_after_it_was_scheduled_does_not_come_out(running: Running, people: People) -> None:
    await begun(running.db, people, "sale", publish_at=at(NOW + HOUR))
    await out(running, people, "sale")
    form = replace(FORM, slug="sale", body="別の本文。\n")

    def change(session: Session) -> None:
        found = document_of(session, "sale")
        save(session, document=found, locale="ja", form=form, base=1, person=people.writer, now=NOW)

    await running.db.write(change)
    assert await running.until(NOW + 2 * HOUR) == []


async def test_an_end_that_has_passed_is_not_published(running: Running, people: People) -> None:
    await begun(running.db, people, "sale", unpublish_at=at(NOW - HOUR))
    with pytest.raises(Invalid):
        await out(running, people, "sale")


async def test_of_several_texts_all_come_out_or_none(running: Running, people: People) -> None:
    for key in ("one", "two"):
        await begun(running.db, people, key)
    keys = [("one", "ja"), ("two", "ja")]
    gathered = await running.db.read(partial(going_out.gather, keys=keys))  # type: ignore[arg-type]
    prepared = going_out.render(gathered)

    def change(session: Session) -> None:
        form = replace(FORM, slug="two", body="別の本文。\n")
        found = document_of(session, "two")
        save(session, document=found, locale="ja", form=form, base=1, person=people.writer, now=NOW)

    await running.db.write(change)
    with pytest.raises(Conflict):
        await running.db.write(
            lambda session: going_out.put_out(session, gathered, prepared, person=people.owner, now=NOW)
        )
    assert await running.until(NOW) == []


async def test_a_release_comes_out_at_its_time_and_waits_for_what_nobody_approved(
    running: Running, people: People
) -> None:
    for key in ("one", "two"):
        await begun(running.db, people, key)

    def approve(session: Session, key: str) -> None:
        for what, person in (("submit", people.writer), ("approve", people.other)):
            act(session, key=key, locale="ja", act=what, person=person, base=1, now=NOW)

    def plan(session: Session) -> int:
        made = releases.open_release(session, title="6月の更新", person=people.writer, now=NOW)
        releases.put_in(session, made, [("one", "ja"), ("two", "ja")], person=people.writer)
        return made

    made = await running.db.write(plan)
    time = partial(releases.plan, release_id=made, at=NOW + HOUR, person=people.writer, now=NOW)
    await running.db.write(partial(approve, key="one"))
    with pytest.raises(Conflict):
        await running.db.write(time)
    await running.db.write(partial(approve, key="two"))
    await running.db.write(time)
    take_back = partial(act, key="two", locale="ja", act="withdraw", person=people.writer, base=1, now=NOW)
    await running.db.write(lambda session: take_back(session).manuscript.state)
    assert await running.until(NOW + 2 * HOUR) == []
    await running.db.write(partial(approve, key="two"))
    later = partial(releases.plan, release_id=made, at=NOW + 3 * HOUR, person=people.writer, now=NOW + 2 * HOUR)
    await running.db.write(later)
    assert await running.until(NOW + 4 * HOUR) == ["one", "two"]


async def test_the_list_is_narrowed_sorted_and_turned(running: Running, people: People) -> None:
    for number in range(5):
        await begun(running.db, people, f"d{number}", title=f"記事 {number}", kind="faq" if number == 4 else "manual")
    await out(running, people, "d0")

    async def ids(**asked: object) -> list[str]:
        found = await running.db.read(
            lambda session: list_documents(session, locale="ja", now=NOW, **{"filters": Filters(), **asked})  # type: ignore[arg-type]
        )
        return [one.id for one in found.documents]

    assert await ids(sort="title", descending=False) == ["d0", "d1", "d2", "d3", "d4"]
    assert await ids(sort="title", descending=True, limit=2, page=2) == ["d2", "d1"]
    assert await ids(sort="title", descending=True, limit=2, page=99) == ["d0"]
    assert await ids(filters=Filters(state="published")) == ["d0"]
    assert await ids(filters=Filters(kind="faq")) == ["d4"]
    assert await ids(filters=Filters(q="記事 3")) == ["d3"]
    assert await ids(filters=Filters(q="%")) == []
    assert await ids(filters=Filters(locale="en")) == []
    assert await ids(filters=Filters(collection="billing", origin="studio"), sort="kind", descending=False) == [
        *("d4", "d0", "d1", "d2", "d3"),
    ]
