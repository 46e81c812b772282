"""From manuscripts to the library: now, at a time, several together, and away again.

The very three acts that files go through: `gather` reads what is there, `render` renders it (pure, and long), `put_out`
writes everything down in one transaction, after looking again whether the texts are still those that were rendered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.models import Checklist
from portal.content.files import DocumentFile
from portal.content.prepare import Prepared, State, prepare, state
from portal.content.publish import Summary, apply, withdraw
from portal.kit.db import Database
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.studio.manuscripts import Key, Writing, note_act, parsed, writing, writing_for_change
from portal.studio.models import Manuscript
from portal.studio.rules import Person, state_on_publishing
from portal.tutorials.models import Tutorial

JOB = "studio.due"


@dataclass(frozen=True)
class Gathered:
    """Texts that are to go out, with the revision of each, and the library as it stands."""

    files: tuple[DocumentFile, ...]
    revisions: Mapping[Key, int]
    state: State
    others: frozenset[str]
    media: Shelf


@dataclass(frozen=True)
class Outcome:
    """What publishing did with one manuscript: `scheduled_for` where its time is still to come."""

    key: Key
    scheduled_for: datetime | None


def gather(session: Session, keys: Sequence[Key]) -> Gathered:
    """What is needed to render these manuscripts. `NotFound` where one is none."""
    found = [_there(session, key) for key in keys]
    return Gathered(
        files=tuple(parsed(session, one.revision) for one in found),
        revisions={one.key: one.revision.id or 0 for one in found},
        state=state(session),
        others=linkable(session),
        media=Shelf(every(session)),
    )


def _there(session: Session, key: Key) -> Writing:
    found = writing(session, *key)
    if found is None:
        raise NotFound
    return found


def linkable(session: Session) -> frozenset[str]:
    """What a text can link to beside documents."""
    tutorials = session.execute(select(col(Tutorial.key)).where(col(Tutorial.archived_at).is_(None))).scalars()
    checklists = session.execute(select(col(Checklist.key)).where(col(Checklist.archived_at).is_(None))).scalars()
    return frozenset([*(f"tutorials/{key}" for key in tutorials), *(f"checklists/{key}" for key in checklists)])


def render(gathered: Gathered) -> Prepared:
    """The long half; touches no database."""
    return prepare(gathered.files, (), state=gathered.state, others=gathered.others, media=gathered.media, whole=False)


async def publish(
    database: Database, keys: Sequence[Key], *, person: Person | None, now: datetime, note: str = ""
) -> tuple[Summary, list[Outcome]]:
    """Publish these manuscripts together, or none. What has its time ahead of it is scheduled instead."""
    gathered = await database.read(lambda session: gather(session, keys))
    prepared = await asyncio.to_thread(render, gathered)
    return await database.write(lambda session: put_out(session, gathered, prepared, person=person, now=now, note=note))


def put_out(
    session: Session,
    gathered: Gathered,
    prepared: Prepared,
    *,
    person: Person | None,
    now: datetime,
    note: str = "",
    at_once: bool = False,
) -> tuple[Summary, list[Outcome]]:
    """Write down what was rendered. `at_once` lets out also what names a later time: the clock says so, or a release.

    Raises `Conflict` where a text is no longer the one that was rendered, `Invalid` where its end has passed already.
    """
    found = {key: writing_for_change(session, *key) for key in gathered.revisions}
    for key, one in found.items():
        if one.revision.id != gathered.revisions[key]:
            raise Conflict(
                Message("“%(title)s” was changed meanwhile. Nothing was published.", title=one.revision.title)
            )
    files = {(file.id, file.locale): file for file in gathered.files}
    for file in files.values():
        if file.unpublish_at is not None and file.unpublish_at <= now:
            said = Message("“%(title)s” is to end at a time that has passed. Nothing was published.", title=file.title)
            raise Invalid(said)
    waiting = {
        key: file.publish_at
        for key, file in files.items()
        if not at_once and state_on_publishing(file.publish_at, now) == "scheduled" and file.publish_at is not None
    }
    outcomes = []
    for key, at in waiting.items():
        _move(session, found[key], "scheduled", act="schedule", acting_at=at, person=person, now=now, note=note)
        outcomes.append(Outcome(key, at))
    going = tuple(variant for variant in prepared.variants if variant.key not in waiting)
    summary = Summary(warnings=list(prepared.warnings))
    if going:
        now_out = Prepared(going, (), prepared.warnings, whole=False)
        summary = apply(session, now_out, now=now, from_studio=gathered.revisions)
    for variant in going:
        until = variant.file.unpublish_at
        one = found[variant.key]
        _move(session, one, "published", act="publish", acting_at=until, person=person, now=now, note=note)
        outcomes.append(Outcome(variant.key, None))
    return summary, outcomes


def take_down(session: Session, found: Writing, *, person: Person | None, now: datetime, note: str = "") -> None:
    """Readers have this text no more; it stays here, and so does everything that was ever in it.

    A newer text that is on its way goes on from where it is.
    """
    withdraw(session, [found.key], now=now)
    state, acting_at = found.manuscript.state, found.manuscript.acting_at
    if state == "published":
        state, acting_at = "archived", None
    _move(session, found, state, act="unpublish", acting_at=acting_at, person=person, now=now, note=note)


def expect(session: Session, at: datetime, *, now: datetime) -> None:
    """The clock will look at `at` for what is due; a moment that is on the table already is there once."""
    enqueue(session, JOB, {}, now=now, run_at=at, dedupe_key=f"{JOB}:{at.isoformat()}")


def due(session: Session, *, now: datetime) -> tuple[list[Key], list[Key]]:
    """What the clock has to let out, and what it has to take down."""
    asked = select(col(Manuscript.document_id), col(Manuscript.locale), col(Manuscript.state)).where(
        col(Manuscript.state).in_(("scheduled", "published")), col(Manuscript.acting_at) <= now
    )
    rows = session.execute(asked.order_by(col(Manuscript.acting_at), col(Manuscript.id))).all()
    return (
        [(row[0], row[1]) for row in rows if row[2] == "scheduled"],
        [(row[0], row[1]) for row in rows if row[2] == "published"],
    )


def take_down_due(session: Session, keys: Sequence[Key], *, now: datetime) -> None:
    """Take down what is still due: somebody may have given it more time meanwhile."""
    for key in keys:
        found = writing_for_change(session, *key)
        acting_at = found.manuscript.acting_at
        if found.manuscript.state == "published" and acting_at is not None and acting_at <= now:
            take_down(session, found, person=None, now=now)


def let_out_due(session: Session, gathered: Gathered, prepared: Prepared, *, now: datetime) -> None:
    """Let out what is still scheduled as it was rendered; what somebody took back meanwhile stays."""
    still = {
        key
        for key in gathered.revisions
        if (one := writing_for_change(session, *key)).manuscript.state == "scheduled"
        and one.revision.id == gathered.revisions[key]
    }
    kept = replace(
        gathered,
        files=tuple(file for file in gathered.files if (file.id, file.locale) in still),
        revisions={key: revision for key, revision in gathered.revisions.items() if key in still},
    )
    variants = tuple(variant for variant in prepared.variants if variant.key in still)
    if variants:
        put_out(session, kept, Prepared(variants, (), (), whole=False), person=None, now=now, at_once=True)


def _move(
    session: Session,
    found: Writing,
    state_now: str,
    *,
    act: str,
    acting_at: datetime | None,
    person: Person | None,
    now: datetime,
    note: str,
) -> None:
    found.manuscript.state = state_now
    found.manuscript.acting_at = acting_at
    found.manuscript.changed_at = now
    session.add(found.manuscript)
    note_act(session, found, act, person=person, now=now, note=note)
    if acting_at is not None:
        expect(session, acting_at, now=now)
    session.flush()
