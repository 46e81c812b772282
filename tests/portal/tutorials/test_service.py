"""A member's way through a tutorial, whatever happens to the tutorial meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.content.places import Places
from portal.content.readers import ANONYMOUS, STAFF, Reader
from portal.events.models import Event
from portal.kit.db import Database
from portal.kit.errors import Conflict, NotFound
from portal.tutorials import publish as publishing
from portal.tutorials import service
from portal.tutorials.files import read_tutorials
from portal.tutorials.service import Progress, complete_step, in_progress, list_tutorials, open_step, open_tutorial
from tests.factories import NOW, make_account, make_member, make_plan
from tests.library import TOKYO, document, publish_tutorials, tutorial, write

LATER = NOW + timedelta(days=1)


@dataclass
class School:
    db: Database
    root: Path
    taro: Reader
    hanako: Reader

    async def publish(self, *tutorials: dict[str, str]) -> publishing.Summary:
        for path in [*self.root.glob("tutorials/*/*.yml"), *self.root.glob("tutorials/*/steps/*.md")]:
            path.unlink()
        for folder in sorted(self.root.glob("tutorials/*"), reverse=True):
            for inner in folder.glob("steps"):
                inner.rmdir()
            folder.rmdir()
        for files in tutorials:
            write(self.root, files)
        return await publish_tutorials(self.db, self.root, now=LATER)

    async def do(self, reader: Reader, step: str, *, key: str = "first") -> str | None:
        return await self.db.write(
            lambda session: complete_step(session, reader, key=key, step=step, now=NOW, zone=TOKYO)
        )

    async def ask(self, asked: Callable[..., Any], reader: Reader, **more: object) -> Any:
        return await self.db.read(lambda session: asked(session, reader, now=NOW, zone=TOKYO, **more))

    async def progress(self, reader: Reader, key: str = "first") -> Progress:
        overview: service.Overview = await self.ask(open_tutorial, reader, key=key)
        return overview.progress

    async def events(self) -> list[tuple[int | None, str, Any]]:
        rows = await self.db.read(
            lambda session: session.execute(select(col(Event.member_id), col(Event.name), col(Event.properties))).all()
        )
        return [(row[0], row[1], row[2]) for row in rows]


@pytest.fixture
async def school(db: Database, tmp_path: Path) -> School:
    await publish_tutorials(db, write(tmp_path, tutorial("first", ["a", "b", "c"])))

    def people(session: Session) -> list[Reader]:
        make_plan(session, "pro")
        found = []
        for plan in ("pro", None):
            account = make_account(session, plan=plan)
            found.append(Reader("member", account.id or 0, make_member(session, account).id or 0))
        return found

    taro, hanako = await db.write(people)
    return School(db, tmp_path, taro, hanako)


async def test_from_the_first_step_to_the_last(school: School) -> None:
    taro = school.taro
    assert await school.progress(taro) == Progress(("a", "b", "c"))
    assert [await school.do(taro, step) for step in "ab"] == ["b", "c"]
    half = await school.progress(taro)
    assert (half.done, half.next_step, half.count, half.completed_at) == (("a", "b"), "c", 2, None)
    assert await school.events() == []

    assert await school.do(taro, "c") is None

    whole = await school.progress(taro)
    assert (whole.next_step, whole.count, whole.completed_at) == (None, 3, NOW)
    assert await school.events() == [(taro.member_id, "tutorial.completed", {"tutorial": "first"})]
    assert await school.progress(school.hanako) == Progress(("a", "b", "c"))


async def test_doing_it_again_changes_nothing(school: School) -> None:
    for step in "abc":
        await school.do(school.taro, step)
    before = await school.progress(school.taro)
    assert [await school.do(school.taro, step) for step in "cab"] == [None, "b", "c"]
    assert await school.progress(school.taro) == before
    assert len(await school.events()) == 1


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("cab", ["a", "b", None]),
        ("acb", ["b", "b", None]),
        ("bca", ["c", "a", None]),
        ("aab", ["b", "b", "c"]),
    ],
)
async def test_the_way_on_is_the_next_step_not_done(school: School, order: str, shown: list[str | None]) -> None:
    assert [await school.do(school.taro, step) for step in order] == shown


async def test_two_devices_finish_at_once(school: School) -> None:
    await school.do(school.taro, "a")
    await asyncio.gather(*(school.do(school.taro, step) for step in ("b", "c", "c", "b")))
    assert (await school.progress(school.taro)).completed_at == NOW
    assert len(await school.events()) == 1


async def test_going_on_is_offered_until_it_is_finished(school: School) -> None:
    async def offered() -> list[str]:
        return [overview.tutorial.key for overview in await school.ask(in_progress, school.taro)]

    assert await offered() == []
    await school.db.write(lambda session: service.start(session, school.taro, key="first", now=NOW, zone=TOKYO))
    assert await offered() == ["first"]
    for step in "abc":
        await school.do(school.taro, step)
    assert await offered() == []


async def test_starting_again_goes_on(school: School) -> None:
    async def start() -> str | None:
        return await school.db.write(
            lambda session: service.start(session, school.taro, key="first", now=NOW, zone=TOKYO)
        )

    assert await start() == "a"
    await school.do(school.taro, "a")
    assert await start() == "b"


async def test_who_has_finished_stays_finished(school: School) -> None:
    for step in "abc":
        await school.do(school.taro, step)
    await school.do(school.hanako, "a")

    summary = await school.publish(tutorial("first", ["a", "new", "b", "c"]))

    assert summary.changed == ["first"]
    taro, hanako = await school.progress(school.taro), await school.progress(school.hanako)
    assert (taro.completed_at, taro.count, taro.next_step) == (NOW, 4, None)
    assert (hanako.completed_at, hanako.done, hanako.next_step) == (None, ("a",), "new")
    assert await school.do(school.taro, "new") == "b"
    assert len(await school.events()) == 1


async def test_a_step_that_goes_is_not_missed_and_one_that_returns_is_still_done(school: School) -> None:
    for step in "ab":
        await school.do(school.taro, step)
    await school.publish(tutorial("first", ["a"]))
    only = await school.progress(school.taro)
    assert (only.steps, only.done, only.next_step, only.completed_at) == (("a",), ("a",), None, None)

    await school.publish(tutorial("first", ["a", "b", "c"]))
    assert (await school.progress(school.taro)).done == ("a", "b")

    await school.publish(tutorial("first", ["b", "a"]))
    assert await school.do(school.taro, "a") is None
    assert (await school.progress(school.taro)).completed_at == NOW


async def test_an_archived_tutorial_is_gone_and_comes_back_with_everybodys_progress(school: School) -> None:
    await school.do(school.taro, "a")
    assert (await school.publish()).archived == ["first"]
    with pytest.raises(NotFound):
        await school.progress(school.taro)
    assert await school.ask(list_tutorials, STAFF) == []
    assert (await school.publish()).archived == []
    assert (await school.publish(tutorial("first", ["a", "b", "c"]))).added == ["first"]
    assert (await school.progress(school.taro)).done == ("a",)


async def test_publishing_twice_changes_nothing(school: School) -> None:
    linked = tutorial("linked", ["x"], order=1, minutes=5, audience="{plan: pro}", description="{ja: 説明}")
    linked["tutorials/linked/steps/x.ja.md"] = "[一日目](manuals/day) [最初](tutorials/first) [無い](manuals/none)\n"
    linked["content/manuals/day.ja.md"] = document("day")
    both = (tutorial("first", ["a", "b", "c"]), linked)

    first = await school.publish(*both)
    screen = await school.ask(open_step, STAFF, key="linked", step="x", locale="ja")
    second = await school.publish(*both)

    assert (first.added, first.unchanged) == (["linked"], ["first"])
    assert (second.added, second.changed, second.archived, second.unchanged) == ([], [], [], ["first", "linked"])
    assert 'href="/manuals/day"' in screen.html
    assert 'href="/tutorials/first"' in screen.html
    told = [warning.into("en") for warning in second.warnings]
    assert "tutorials/linked/steps/x.ja.md:1: the link “manuals/none” leads nowhere" in told
    assert [one.tutorial.key for one in await school.ask(list_tutorials, STAFF)] == ["linked", "first"]


async def test_two_who_publish_at_once_do_not_mix(school: School) -> None:
    files, _ = read_tutorials(school.root)
    skipping = publishing.prepare(files, state=await school.db.read(publishing.state), places=Places([]))
    other = tutorial("first", ["a", "b", "c"])
    await school.publish({**other, "tutorials/first/steps/a.ja.md": "別の本文。\n"})
    with pytest.raises(Conflict):
        await school.db.write(lambda session: publishing.apply(session, skipping, now=LATER))


async def test_the_wall(school: School) -> None:
    await school.publish(tutorial("all"), tutorial("pro", audience="{plan: pro}"))
    everything = {"all", "pro"}
    for reader, seen in ((school.taro, everything), (school.hanako, {"all"}), (STAFF, everything), (ANONYMOUS, set())):
        assert {one.tutorial.key for one in await school.ask(list_tutorials, reader)} == seen
        for key in ("all", "pro", "none"):
            if key in seen:
                assert (await school.progress(reader, key)).steps == ("one", "two")
                continue
            with pytest.raises(NotFound):
                await school.progress(reader, key)
            with pytest.raises(NotFound):
                await school.ask(open_step, reader, key=key, step="one", locale="ja")
            with pytest.raises(NotFound):
                await school.do(reader, "one", key=key)
    with pytest.raises(NotFound):
        await school.do(school.taro, "no-such-step", key="all")


async def test_staff_leave_no_trace(school: School) -> None:
    assert [await school.do(STAFF, step) for step in "abc"] == ["b", "c", None]
    assert await school.events() == []
    assert await school.progress(STAFF) == Progress(("a", "b", "c"))


async def test_a_step_is_shown_in_the_language_there_is(school: School) -> None:
    files = tutorial("first", ["a", "b"])
    await school.publish({**files, "tutorials/first/steps/a.en.md": "Text of a.\n"})
    for step, wanted, shown in [("a", "en", "en"), ("a", "ja", "ja"), ("b", "en", "ja")]:
        screen = await school.ask(open_step, school.taro, key="first", step=step, locale=wanted)
        assert screen.locale == shown
