"""A folder becomes the library, all of it or nothing; what is wrong with it is named by file and line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal import publishing
from portal.checklists import again
from portal.checklists.models import Checklist, ChecklistVersion
from portal.checklists.planning import ChecklistChange
from portal.content import related
from portal.content.models import Document
from portal.kit.db import Database
from portal.kit.errors import Conflict
from portal.kit.files import FileProblems
from portal.kit.jobs import Job
from portal.tutorials import publish as tutorials
from portal.tutorials.models import Tutorial
from tests.library import document, tutorial, write
from tests.onboarding import TOKYO, World, listening, open_world

LISTED = """\
key: start
title: {ja: はじめの30日}
due: 30d
steps:
  - {key: call, title: {ja: 電話}}
"""
WHOLE = {
    "content/manuals/setup.ja.md": document("setup"),
    "content/checklists/start.yml": LISTED,
    **tutorial("first"),
}


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    with listening():
        yield await open_world(db)


async def prepared(world: World, root: Path) -> publishing.Prepared:
    files = publishing.read(root, zone=TOKYO)
    return publishing.prepare(files, state=await world.db.read(publishing.state))


async def preview(world: World, ready: publishing.Prepared) -> tuple[ChecklistChange, ...]:
    return await world.db.read(lambda session: publishing.preview(session, ready, now=world.now, zone=TOKYO))


async def publish(world: World, root: Path, *, agreed: tuple[ChecklistChange, ...] | None = None) -> publishing.Result:
    ready = await prepared(world, root)
    shown = await preview(world, ready) if agreed is None else agreed
    return await world.write(
        lambda session: publishing.publish(session, ready, agreed=shown, by="test", now=world.now, zone=TOKYO)
    )


def standing(session: Session) -> dict[str, list[str]]:
    """What readers find, by kind; versions of checklists too."""

    def keys(column: object, *where: object) -> list[str]:
        return sorted(session.execute(select(column).where(*where)).scalars())  # type: ignore[call-overload]

    return {
        "documents": keys(col(Document.id), col(Document.archived_at).is_(None)),
        "tutorials": keys(col(Tutorial.key), col(Tutorial.archived_at).is_(None)),
        "checklists": keys(col(Checklist.key), col(Checklist.archived_at).is_(None)),
        "versions": keys(col(ChecklistVersion.checklist_key)),
    }


ALL = {"documents": ["setup"], "tutorials": ["first"], "checklists": ["start"], "versions": ["start"]}


# --- what is wrong with the files -------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, str | bytes], str]] = [
    ({"content/checklists/a.yml": LISTED.replace("30d", "soon")}, "content/checklists/a.yml:3: "),
    ({"content/checklists/a.yml": LISTED.replace("{key: call", "{scope: all, key: call")}, "checklists/a.yml:5: "),
    ({"content/checklists/a.yml": "key: [\n"}, "content/checklists/a.yml:2: this is not valid YAML"),
    ({"content/checklists/a.yml": ""}, "content/checklists/a.yml:1: "),
    ({"content/checklists/a.yml": LISTED.encode("cp932")}, "content/checklists/a.yml:2: this is not UTF-8"),
    ({"content/checklists/a.yml": LISTED + "#" * 200_000}, "content/checklists/a.yml:1: this file is too large"),
    ({"content/checklists/a.yml": LISTED + "steps: []\n"}, "content/checklists/a.yml:6: “steps” is given twice"),
    (
        {"content/checklists/a.yml": LISTED, "content/checklists/b.yaml": "\n" + LISTED},
        "content/checklists/b.yaml:2: the checklist “start” is in content/checklists/a.yml too",
    ),
    (
        {"content/checklists/a.yml": LISTED.replace("{ja: 電話}", "{ja: 電話}, done_when: {checklist: start}")},
        "content/checklists/a.yml:5: a checklist cannot wait for itself",
    ),
    ({"content/manuals/a.ja.md": "no front matter\n"}, "content/manuals/a.ja.md:1: "),
    ({"content/collections.yml": "- {}\n- x\n"}, "content/collections.yml:1: "),
    ({"tutorials/a/tutorial.yml": "key: a\n"}, "tutorials/a/tutorial.yml:1: "),
]


@pytest.mark.parametrize(("files", "said"), BAD, ids=[f"{number}" for number in range(len(BAD))])
def test_every_problem_has_its_file_and_line(tmp_path: Path, files: dict[str, str | bytes], said: str) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileProblems) as wrong:
        publishing.read(tmp_path, zone=TOKYO)
    lines = [problem.into("en") for problem in wrong.value.problems]
    assert any(said in line for line in lines), lines
    assert all(problem.into("ja") for problem in wrong.value.problems)


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "content/checklists/a.yml": LISTED.replace("30d", "soon").replace("call", "Call!"),
            "content/manuals/b.ja.md": document("B!"),
            "tutorials/c/tutorial.yml": "key: C!\n",
        },
    )
    with pytest.raises(FileProblems) as wrong:
        publishing.read(tmp_path, zone=TOKYO)
    places = [(problem.file, problem.line) for problem in wrong.value.problems]
    assert places == sorted(places)
    assert {file for file, _ in places} == {
        "content/checklists/a.yml",
        "content/manuals/b.ja.md",
        "tutorials/c/tutorial.yml",
    }
    assert [line for file, line in places if file.endswith("a.yml")] == [3, 5]


def waiting(key: str, *others: str, audience: bool = False) -> str:
    named = ", ".join(f"{{checklist: {other}}}" for other in others)
    condition = f"{{all: [{named}]}}" if others else "tick"
    head = f"audience: {condition}\n" if audience else ""
    return f"key: {key}\ntitle: {{ja: {key}}}\n{head}steps:\n  - {{key: s, title: {{ja: s}}" + (
        "}\n" if audience else f", done_when: {condition}}}\n"
    )


@pytest.mark.parametrize(
    ("files", "in_circles"),
    [
        ({"a": waiting("a", "b"), "b": waiting("b")}, []),
        ({"a": waiting("a", "b"), "b": waiting("b", "a")}, ["a", "b"]),
        ({"a": waiting("a", "b"), "b": waiting("b", "c", audience=True), "c": waiting("c", "a")}, ["a", "b", "c"]),
        ({"a": waiting("a", "b", "c"), "b": waiting("b", "c"), "c": waiting("c")}, []),
        ({"a": waiting("a", "b"), "b": waiting("b", "c"), "c": waiting("c", "b")}, ["b", "c"]),
        ({"a": waiting("a", "elsewhere")}, []),
    ],
)
def test_checklists_that_wait_for_each_other(tmp_path: Path, files: dict[str, str], in_circles: list[str]) -> None:
    write(tmp_path, {f"content/checklists/{name}.yml": text for name, text in files.items()})
    _, problems = publishing.read_checklists(tmp_path)
    assert [Path(problem.file).stem for problem in problems] == in_circles


def test_a_folder_called_like_a_file_and_other_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"content/checklists/start.yml": LISTED, "content/checklists/notes.md": "x"})
    (tmp_path / "content/checklists/old.yml").mkdir()
    found, problems = publishing.read_checklists(tmp_path)
    assert ([definition.key for _, definition in found], problems) == (["start"], [])


def test_where_there_is_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="neither a content/ nor a tutorials/"):
        publishing.read(tmp_path, zone=TOKYO)


# --- publishing -------------------------------------------------------------------------------------------------------


async def test_the_whole_library(world: World, tmp_path: Path) -> None:
    await world.account()
    first = await publish(world, write(tmp_path, WHOLE))
    assert await world.db.read(standing) == ALL
    assert ([one.kind for one in first.checklists], len(first.documents.added), len(first.tutorials.added)) == (
        ["new"],
        1,
        1,
    )
    assert (await world.state()).status == "in_progress"
    again = await publish(world, tmp_path)
    assert ([one.kind for one in again.checklists], len(again.documents.unchanged), len(again.tutorials.unchanged)) == (
        ["unchanged"],
        1,
        1,
    )
    assert await world.db.read(standing) == ALL


async def test_a_half_that_is_not_there_is_left_alone(world: World, tmp_path: Path) -> None:
    await publish(world, write(tmp_path / "whole", WHOLE))
    await publish(world, write(tmp_path / "tutorials only", tutorial("second")))
    assert await world.db.read(standing) == {**ALL, "tutorials": ["second"]}
    await publish(world, write(tmp_path / "content only", {"content/manuals/a.ja.md": document("a")}))
    assert await world.db.read(standing) == {
        "documents": ["a"],
        "tutorials": ["second"],
        "checklists": [],
        "versions": ["start"],
    }


async def test_a_publish_that_is_interrupted_changes_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.account()
    await publish(world, write(tmp_path / "old", WHOLE))
    before = await world.db.read(standing), await world.state(), await jobs(world)
    changed = {**WHOLE, "content/checklists/start.yml": LISTED + "  - {key: new, title: {ja: 新}}\n"}
    root = write(tmp_path / "new", {**changed, "content/manuals/b.ja.md": document("b")})

    def interrupted(*_: object, **__: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as broken:
        broken.setattr(tutorials, "apply", interrupted)
        with pytest.raises(InterruptedError):
            await publish(world, root)
    assert (await world.db.read(standing), await world.state(), await jobs(world)) == before
    await publish(world, root)
    assert (await world.state()).version == 2


async def test_nobody_is_affected_who_was_not_shown(world: World, tmp_path: Path) -> None:
    await world.account()
    await publish(world, write(tmp_path / "old", WHOLE))
    changed = {**WHOLE, "content/checklists/start.yml": LISTED + "  - {key: new, title: {ja: 新}}\n"}
    root = write(tmp_path / "new", changed)
    agreed = await preview(world, await prepared(world, root))
    assert [name for name, _ in agreed[0].affected] == ["acme"]
    await world.account("meanwhile")
    with pytest.raises(Conflict):
        await publish(world, root, agreed=agreed)
    assert (await world.state()).version == 1
    await publish(world, root)
    assert (await world.state(account="meanwhile")).version == 2


async def test_whoever_was_shown_and_is_not_concerned_any_more_is_no_reason_to_ask_again(
    world: World, tmp_path: Path
) -> None:
    await world.account()
    await world.account("quick")
    await publish(world, write(tmp_path / "old", WHOLE))
    changed = {**WHOLE, "content/checklists/start.yml": LISTED + "  - {key: new, title: {ja: 新}}\n"}
    root = write(tmp_path / "new", changed)
    agreed = await preview(world, await prepared(world, root))
    await world.complete("call", account="quick")
    done = await publish(world, root, agreed=agreed)
    assert [name for name, _ in done.checklists[0].affected] == ["acme"]
    assert (await world.state(account="quick")).version == 1


async def test_what_is_counted_on_and_was_never_seen_is_warned_of(world: World, tmp_path: Path) -> None:
    steps = """\
  - {key: a, title: {ja: a}, done_when: {event: never}}
  - {key: b, title: {ja: b}, done_when: {event: login}}
  - {key: c, title: {ja: c}, done_when: {tutorial: first}, help: manuals/none}
  - {key: d, title: {ja: d}, done_when: {any: [{tutorial: none}, {checklist: none}]}, help: manuals/setup}
"""
    await world.account(plan="pro")
    await world.send(world.event("login", "6-02"))
    text = LISTED.replace("due:", "audience: {plan: [pro, none]}\ndue:") + steps
    done = await publish(world, write(tmp_path, {**WHOLE, "content/checklists/start.yml": text}))
    told = [(one.line, str(one.message)) for one in done.warnings if one.file.endswith("start.yml")]
    assert told == [
        (3, "no customer has had the plan “none” yet"),
        (7, "the event “never” was never received yet"),
        (10, "there is no checklist “none” in these files"),
        (10, "there is no tutorial “none” in these files"),
        (9, "there is no document “none” in these files"),
    ]


async def jobs(world: World) -> list[tuple[str, object]]:
    rows = await world.db.read(lambda session: session.execute(select(Job).order_by(col(Job.id))).scalars().all())
    return [(job.kind, job.payload) for job in rows if job.kind != related.JOB]


async def test_who_came_at_the_very_moment_is_looked_at_afterwards(world: World, tmp_path: Path) -> None:
    await publish(world, write(tmp_path, WHOLE))
    assert await jobs(world) == [(again.LOOK_JOB, {"keys": ["start"], "after": 0})]
    await publish(world, tmp_path)
    assert len(await jobs(world)) == 1
