"""From a draft to customers and to files: what is shown is what is done, and files leave alone what is written here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session

from portal import publishing
from portal.checklists.definition import Definition
from portal.checklists.models import Checklist
from portal.checklists.planning import ChecklistChange, plan_end
from portal.conditions.builder import Node
from portal.kit.errors import Conflict, Invalid
from portal.studio import export
from portal.workshop import drafts, going_live
from portal.workshop.drafts import Overtaken, Person
from portal.workshop.form import ChecklistForm, StepForm, form_of
from portal.workshop.going_live import Rehearsal
from tests.library import write
from tests.onboarding import TOKYO, World, checklist, step, tokyo

ME, OTHER = Person(None, "佐藤"), Person(None, "鈴木")
LOGIN = StepForm(key="login", title_ja="ログイン", done="condition", when=Node("event", name="login", at_least="2"))
FORM = ChecklistForm(key="mine", title_ja="自分の", due="30", steps=(LOGIN,))


async def begin(world: World, form: ChecklistForm = FORM) -> None:
    await world.write(partial(drafts.begin, form=form, person=ME, now=world.now))


async def save(world: World, form: ChecklistForm, number: int, who: Person = ME) -> int:
    return await world.write(partial(drafts.save, key=form.key, form=form, number=number, person=who, now=world.now))


async def rehearse(world: World, key: str = "mine") -> Rehearsal:
    return await world.db.read(lambda session: going_live.rehearse(session, key, now=world.now, zone=TOKYO))


async def go_live(world: World, key: str = "mine") -> ChecklistChange:
    shown = (await rehearse(world, key)).shown
    return await world.write(partial(going_live.go_live, key=key, shown=shown, by="佐藤", now=world.now, zone=TOKYO))


async def test_a_dry_run_names_everybody_and_publishing_does_just_that(world: World) -> None:
    await world.account("acme")
    await world.account("before", started="1-01")
    await world.account("quick")
    await world.send(world.event("login", "6-02", account="quick"), world.event("login", "6-03", account="quick"))
    await begin(world)
    found = await rehearse(world)
    assert (found.change.kind, found.change.enrolled, found.change.completing) == ("new", ("acme", "quick"), ("quick",))
    assert await world.enrollments() == {}
    assert [str(one) for one in found.unknown] == []
    await go_live(world)
    runs = await world.enrollments()
    assert {account: run.completed_at is not None for (account, _), run in runs.items()} == {
        "acme": False,
        "quick": True,
    }

    changed = replace(FORM, steps=(replace(LOGIN, when=Node("event", name="login")), StepForm(key="x", title_ja="次")))
    await save(world, changed, 0)
    await world.send(world.event("login", "6-03", account="acme"))
    again = await rehearse(world)
    assert (again.change.moved, again.change.finished) == (1, 1)
    assert [(name, one.after.done, one.added) for name, one in again.change.affected] == [("acme", 1, ("x",))]
    assert "Step “次” is new: somebody of the customer ticks it" in [str(one) for one in again.differences]
    await go_live(world)
    assert await world.done(key="mine") == {"login": tokyo("6-03")}
    assert (await world.enrollments())["quick", "mine"].version == 1


async def test_nobody_is_affected_who_was_not_shown(world: World) -> None:
    await world.account("acme")
    await begin(world)
    shown = (await rehearse(world)).shown
    await world.account("late")
    with pytest.raises(Conflict):
        await world.write(partial(going_live.go_live, key="mine", shown=shown, by="佐藤", now=world.now, zone=TOKYO))
    assert await world.enrollments() == {}


async def test_what_is_not_whole_is_kept_and_not_published(world: World) -> None:
    await begin(world, replace(FORM, title_ja="", steps=()))
    with pytest.raises(Invalid):
        await rehearse(world)
    circle = checklist(step("a", "{checklist: mine}"), key="other")
    await world.publish(circle)
    await save(world, replace(FORM, audience=Node("checklist", value="other")), 1)
    with pytest.raises(Invalid, match="waits for one that waits"):
        await rehearse(world)


async def test_whoever_saves_second_is_told_and_loses_nothing(world: World) -> None:
    await begin(world)
    assert await save(world, replace(FORM, title_ja="一人目"), 1) == 2
    with pytest.raises(Overtaken) as wrong:
        await save(world, replace(FORM, title_ja="二人目"), 1, OTHER)
    assert (wrong.value.by, wrong.value.number, wrong.value.theirs.title_ja) == ("佐藤", 2, "一人目")
    assert await save(world, replace(FORM, title_ja="二人目"), 2, OTHER) == 3
    await go_live(world)
    with pytest.raises(Conflict):
        await save(world, FORM, 3)
    with pytest.raises(Invalid):
        await begin(world)


FILE = """# why this checklist
key: start
title: {ja: はじめ}   # short
steps:
  - {key: a, title: {ja: 一}}
"""


async def publish_files(world: World, root: Path) -> publishing.Result:
    files = publishing.read(root, zone=TOKYO)
    prepared = publishing.prepare(files, state=await world.db.read(publishing.state))
    agreed = await world.db.read(lambda session: publishing.preview(session, prepared, now=world.now, zone=TOKYO))
    return await world.write(
        lambda session: publishing.publish(session, prepared, agreed=agreed, by="x", now=world.now, zone=TOKYO)
    )


async def test_files_and_browser_share_the_checklists(world: World, tmp_path: Path) -> None:
    root = write(tmp_path / "vendor", {"content/checklists/0-start.yml": FILE})
    await publish_files(world, root)
    await begin(world)
    await go_live(world)
    texts = await world.db.read(export.everything)
    assert texts["content/checklists/0-start.yml"] == FILE
    out = tmp_path / "out"
    assert export.write(out, texts).changed == ("content/checklists/0-start.yml", "content/checklists/mine.yml")

    await world.write(partial(drafts.fork, key="start", now=world.now))
    await save(world, replace(form_of(await live(world, "start")), title_ja="変えた"), 0)
    await go_live(world, "start")
    result = await publish_files(world, root)
    assert [(one.key, one.kind) for one in result.checklists] == [("start", "kept")]
    assert "left aside" in result.warnings[0].into("en")
    assert (await live(world, "start")).title == {"ja": "変えた"}
    assert (await live(world, "mine")).key == "mine"

    texts = await world.db.read(export.everything)
    assert export.write(out, texts).changed == ("content/checklists/0-start.yml",)
    assert export.write(out, texts).changed == ()
    assert [one.kind for one in (await publish_files(world, out)).checklists] == ["kept", "kept"]

    await world.write(partial(drafts.unfork, key="start"))
    assert [(one.key, one.kind) for one in (await publish_files(world, root)).checklists] == [("start", "changed")]
    assert (await live(world, "start")).title == {"ja": "はじめ"}
    with pytest.raises(Conflict):
        await world.write(partial(drafts.unfork, key="mine"))


async def test_a_checklist_ends_and_comes_back(world: World) -> None:
    await world.account("acme")
    await begin(world)
    await go_live(world)
    change = await world.db.read(lambda session: plan_end(session, "mine"))
    assert change.withdrawn == ("acme",)
    shown = going_live.fingerprint(change, None)
    await world.write(partial(going_live.stop, key="mine", shown=shown, now=world.now))
    assert [one.standing for one in await world.db.read(drafts.listed)] == ["ended"]
    assert (await go_live(world)).kind == "returned"
    listed = (await world.db.read(drafts.listed))[0]
    assert (listed.standing, listed.enrolled, listed.from_file) == ("live", 1, False)


async def live(world: World, key: str) -> Definition:
    def work(session: Session) -> Definition:
        return drafts.version_of(session, key, session.get_one(Checklist, key).version)

    return await world.db.read(work)
