"""What members do with tutorials: look at them, start one, do a step, go on elsewhere, finish.

The wall is the library's: a tutorial that is not for a reader does not exist for them. Staff may look at every one and
leave no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from markupsafe import Markup
from sqlalchemy import select, update
from sqlmodel import Session

from portal.accounts.inserts import insert_missing
from portal.conditions.model import Condition
from portal.conditions.parse import ConditionProblems, parse
from portal.content.readers import Reader
from portal.content.wall import Wall
from portal.events.ingest import record
from portal.kit.errors import NotFound
from portal.kit.i18n import LOCALES, Locale
from portal.kit.memory import Recent
from portal.kit.prepared import Prepared, json_text
from portal.kit.rows import Row
from portal.tutorials.models import TutorialRun, TutorialStepDone

TUTORIAL, STEP, TEXT, RUN, DONE = (
    Row.metadata.tables[name]
    for name in ("tutorial", "tutorial_step", "tutorial_text", "tutorial_run", "tutorial_step_done")
)
AUDIENCES_KEPT = 500
_ASK_AUDIENCES = Prepared(select(*TUTORIAL.c["key", "title", "audience"]).where(TUTORIAL.c.archived_at.is_(None)))
_read: Recent[str, Condition] = Recent(AUDIENCES_KEPT)
log = structlog.get_logger()


@dataclass(frozen=True)
class Step:
    """One step, without its text."""

    key: str
    title: Mapping[str, str]


@dataclass(frozen=True)
class Tutorial:
    """A tutorial as it is now. `audience_said` is the condition as it was written."""

    key: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    minutes: int | None
    audience_said: Mapping[str, Any] | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Progress:
    """How far one member is through a tutorial. `done` are the keys of steps that there still are, in their order.

    Who has finished has done everything, whatever steps have been added since.
    """

    steps: tuple[str, ...]
    done: tuple[str, ...] = ()
    started_at: datetime | None = None
    last_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def next_step(self) -> str | None:
        """The first step not done; None when there is none, or when it was finished before."""
        if self.completed_at is not None:
            return None
        return next((key for key in self.steps if key not in self.done), None)

    @property
    def count(self) -> int:
        """How many steps count as done."""
        return len(self.steps) if self.completed_at else len(self.done)

    def is_done(self, step: str) -> bool:
        """Whether `step` counts as done."""
        return self.completed_at is not None or step in self.done


@dataclass(frozen=True)
class Overview:
    """A tutorial and how far the reader is through it."""

    tutorial: Tutorial
    progress: Progress


@dataclass(frozen=True)
class Screen:
    """One step, opened: its text in `locale`, which is the reader's language where there is one."""

    overview: Overview
    step: Step
    html: Markup
    locale: Locale


def list_tutorials(session: Session, reader: Reader, *, now: datetime, zone: ZoneInfo) -> list[Overview]:
    """Every tutorial `reader` may see, in order, with their progress."""
    wall = Wall(session, reader, now=now, zone=zone)
    tutorials = [tutorial for tutorial, audience in _tutorials(session) if wall.fits(audience)]
    progress = _progress(session, reader.member_id, tutorials)
    return [Overview(tutorial, progress[tutorial.key]) for tutorial in tutorials]


def visible_keys(session: Session, reader: Reader, keys: Iterable[str], *, now: datetime, zone: ZoneInfo) -> set[str]:
    """Those of `keys` that name a tutorial `reader` may see."""
    wall = Wall(session, reader, now=now, zone=zone)
    return {one.key for key in keys for one, audience in _tutorials(session, key) if wall.fits(audience)}


def in_progress(session: Session, reader: Reader, *, now: datetime, zone: ZoneInfo) -> list[Overview]:
    """What a member has begun and not finished, the latest first: where to go on."""
    begun = [
        overview
        for overview in list_tutorials(session, reader, now=now, zone=zone)
        if overview.progress.last_at is not None and overview.progress.completed_at is None
    ]
    return sorted(begun, key=lambda overview: overview.progress.last_at or now, reverse=True)


def within(session: Session, wall: Wall) -> dict[str, Mapping[str, str]]:
    """The titles of every tutorial that the reader before `wall` may see, by key: what a search may speak of."""
    found = {}
    for key, title, said in _ASK_AUDIENCES.all(session, {}):
        readable, audience = _audience(key, said)
        if readable and wall.fits(audience):
            found[key] = title
    return found


def open_tutorial(session: Session, reader: Reader, *, key: str, now: datetime, zone: ZoneInfo) -> Overview:
    """The tutorial `key`; `NotFound` for what does not exist and, no different, for what is not for `reader`."""
    found = _tutorials(session, key)
    if not found or not Wall(session, reader, now=now, zone=zone).fits(found[0][1]):
        raise NotFound
    tutorial = found[0][0]
    return Overview(tutorial, progress_of(session, reader.member_id, tutorial))


def open_step(
    session: Session, reader: Reader, *, key: str, step: str, locale: Locale, now: datetime, zone: ZoneInfo
) -> Screen:
    """One step with its text; `NotFound` as for the tutorial."""
    overview = open_tutorial(session, reader, key=key, now=now, zone=zone)
    here = next((one for one in overview.tutorial.steps if one.key == step), None)
    rows = session.execute(select(*TEXT.c["locale", "html"]).where(TEXT.c.tutorial_key == key, TEXT.c.step_key == step))
    texts: dict[str, str] = {row.locale: row.html for row in rows}
    shown = next((one for one in (locale, *LOCALES) if one in texts), None)
    if here is None or shown is None:
        raise NotFound
    html = Markup(texts[shown])  # noqa: S704 - sanitised when it was rendered (kit.markdown)
    return Screen(overview, here, html, shown)


def progress_of(session: Session, member_id: int, tutorial: Tutorial) -> Progress:
    """How far a member is through `tutorial`."""
    return _progress(session, member_id, [tutorial])[tutorial.key]


def start(session: Session, reader: Reader, *, key: str, now: datetime, zone: ZoneInfo) -> str | None:
    """Begin, or go on: the step to show now, None where all is done."""
    overview = open_tutorial(session, reader, key=key, now=now, zone=zone)
    if reader.kind == "member" and overview.progress.started_at is None:
        _run(session, reader, key, now=now)
    return overview.progress.next_step


def complete_step(
    session: Session, reader: Reader, *, key: str, step: str, now: datetime, zone: ZoneInfo
) -> str | None:
    """A member has done `step`: the step to show now, None once every step is done.

    The last step finishes the tutorial, and `tutorial.completed` is recorded; done again, nothing changes. Whoever only
    looks (staff, and who finished before) is led on and leaves no trace.
    """
    overview = open_tutorial(session, reader, key=key, now=now, zone=zone)
    if step not in overview.progress.steps:
        raise NotFound
    if reader.kind != "member" or overview.progress.completed_at is not None:
        return _after(overview.progress.steps, step)
    # Two devices may do the last two steps at once; the one that gets the run second must see the other's step.
    run_id = _run(session, reader, key, now=now)
    done = {"run_id": run_id, "step_key": step, "at": now}
    insert_missing(session, TutorialStepDone, [done], returning=["step_key"])
    progress = progress_of(session, reader.member_id, overview.tutorial)
    values: dict[str, object] = {"last_at": now, "last_step": step}
    if progress.next_step is None and progress.completed_at is None:
        values["completed_at"] = now
    session.execute(update(TutorialRun).where(RUN.c.id == run_id).values(**values))
    if "completed_at" in values:
        record(
            session,
            account_id=reader.account_id,
            member_id=reader.member_id,
            name="tutorial.completed",
            at=now,
            properties={"tutorial": key},
            message_id=f"tutorial.completed:{reader.member_id}:{key}",
            now=now,
            zone=zone,
        )
    if progress.next_step is None:
        return None
    following = _after(progress.steps, step)
    return following if following and following not in progress.done else progress.next_step


def _after(steps: Sequence[str], step: str) -> str | None:
    position = steps.index(step) + 1
    return steps[position] if position < len(steps) else None


def _run(session: Session, reader: Reader, key: str, *, now: datetime) -> int:
    """The member's run through the tutorial, begun if need be, and held until the end of the transaction."""
    row = {
        "account_id": reader.account_id,
        "member_id": reader.member_id,
        "tutorial_key": key,
        "started_at": now,
        "last_at": now,
        "last_step": None,
        "completed_at": None,
    }
    insert_missing(session, TutorialRun, [row], returning=["id"])
    mine = (RUN.c.member_id == reader.member_id, RUN.c.tutorial_key == key)
    run_id: int = session.execute(select(RUN.c.id).where(*mine).with_for_update()).scalar_one()
    return run_id


def _tutorials(session: Session, key: str | None = None) -> list[tuple[Tutorial, Condition | None]]:
    """Every tutorial there is (or the one), each with its audience."""
    asked = (
        select(TUTORIAL)
        .where(TUTORIAL.c.archived_at.is_(None))
        .order_by(TUTORIAL.c.position.is_(None), TUTORIAL.c.position, TUTORIAL.c.key)
    )
    steps_asked = select(STEP).order_by(STEP.c.tutorial_key, STEP.c.position)
    if key is not None:
        asked, steps_asked = asked.where(TUTORIAL.c.key == key), steps_asked.where(STEP.c.tutorial_key == key)
    steps: dict[str, list[Step]] = {}
    for row in session.execute(steps_asked):
        steps.setdefault(row.tutorial_key, []).append(Step(row.key, row.title))
    found = []
    for row in session.execute(asked):
        readable, audience = _audience(row.key, row.audience)
        if not readable:
            continue
        tutorial = Tutorial(
            row.key, row.title, row.description, row.minutes, row.audience, tuple(steps.get(row.key, ()))
        )
        found.append((tutorial, audience))
    return found


def _audience(key: str, said: Mapping[str, Any] | None) -> tuple[bool, Condition | None]:
    """The audience of a tutorial, after whether it can be read."""
    if said is None:
        return True, None
    try:
        return True, _read.get(json_text(said), lambda: parse(said, level="member"))
    except ConditionProblems as error:
        # A rule nobody can read any more must keep a tutorial in, never let it out.
        log.error("tutorial left out: its audience cannot be read", tutorial=key, error=str(error))
        return False, None


def _progress(session: Session, member_id: int, tutorials: Iterable[Tutorial]) -> dict[str, Progress]:
    runs = {}
    done: dict[int, set[str]] = {}
    if member_id:
        runs = {row.tutorial_key: row for row in session.execute(select(RUN).where(RUN.c.member_id == member_id))}
        mine = select(RUN.c.id).where(RUN.c.member_id == member_id)
        for row in session.execute(select(*DONE.c["run_id", "step_key"]).where(DONE.c.run_id.in_(mine))):
            done.setdefault(row.run_id, set()).add(row.step_key)
    found = {}
    for tutorial in tutorials:
        keys = tuple(step.key for step in tutorial.steps)
        run = runs.get(tutorial.key)
        if run is None:
            found[tutorial.key] = Progress(keys)
            continue
        mine_done = done.get(run.id, set())
        found[tutorial.key] = Progress(
            steps=keys,
            done=tuple(key for key in keys if key in mine_done),
            started_at=run.started_at,
            last_at=run.last_at,
            completed_at=run.completed_at,
        )
    return found
