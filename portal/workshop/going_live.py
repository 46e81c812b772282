"""From a draft to customers: what publishing would do, and doing it once somebody has seen that.

What was shown goes with the form as a fingerprint, so that nobody is affected whom nobody was told of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.checklists import publish
from portal.checklists.again import queue_look
from portal.checklists.catalog import catalog
from portal.checklists.choices import unknown
from portal.checklists.circles import in_circles
from portal.checklists.definition import Definition
from portal.checklists.planning import TOUCHING, ChecklistChange, digest_of, plan_end, plan_one
from portal.checklists.told import differences
from portal.kit.errors import Conflict, Invalid
from portal.kit.i18n import Message
from portal.workshop import drafts
from portal.workshop.form import FormProblems, read


@dataclass(frozen=True)
class Rehearsal:
    """What publishing would do. `shown` is its fingerprint; `unknown` is what nobody has seen yet."""

    change: ChecklistChange
    definition: Definition
    differences: Sequence[Message]
    unknown: Sequence[Message]
    shown: str


def definition_of(session: Session, key: str) -> Definition:
    """What the draft of `key` (or, without one, the checklist) says; `Invalid` where it is not whole yet."""
    try:
        return read(drafts.opened(session, key).form)
    except FormProblems as wrong:
        raise Invalid(Message("The draft is not whole yet: what is wrong is said at its fields.")) from wrong


def rehearse(session: Session, key: str, *, now: datetime, zone: ZoneInfo) -> Rehearsal:
    """Who would be enrolled, moved, completed and affected; nothing is changed."""
    definition = definition_of(session, key)
    _check(session, definition)
    change = plan_one(session, definition, now=now, zone=zone)
    live = drafts.opened(session, key).live
    return Rehearsal(
        change=change,
        definition=definition,
        differences=differences(live.definition, definition) if live else (),
        unknown=unknown(session, definition),
        shown=fingerprint(change, definition),
    )


def go_live(session: Session, key: str, *, shown: str, by: str, now: datetime, zone: ZoneInfo) -> ChecklistChange:
    """Publish the draft. `Conflict` where it would by now do anything else than was shown."""
    if drafts.opened(session, key).from_file:
        raise Conflict(Message("This checklist comes from a file. Take it over to change it here."))
    publish.hold(session)
    rehearsal = rehearse(session, key, now=now, zone=zone)
    if rehearsal.shown != shown:
        raise Conflict(
            Message("Other customers are affected by now than were shown. Nothing was changed; please look again.")
        )
    done = rehearsal.change
    publish.apply_one(session, rehearsal.definition, done, by=by, now=now, zone=zone)
    drafts.discard(session, key)
    if done.kind in TOUCHING:
        # Whoever brings an event or an account at this very moment does not see the new version, nor do we see them.
        queue_look(session, keys=[key], now=now, run_at=now + publish.SETTLED)
    return done


def stop(session: Session, key: str, *, shown: str, now: datetime) -> None:
    """End the checklist: nobody runs through it any more."""
    found = drafts.opened(session, key)
    if found.from_file or found.live is None:
        raise Conflict(Message("What comes from a file ends when its file is gone."))
    publish.hold(session)
    if fingerprint(plan_end(session, key), None) != shown:
        raise Conflict(
            Message("Other customers are affected by now than were shown. Nothing was changed; please look again.")
        )
    publish.end(session, key, now=now)


def fingerprint(change: ChecklistChange, definition: Definition | None) -> str:
    """What was shown, in a few letters: for the form to carry."""
    said = (
        change.kind,
        digest_of(definition) if definition else "",
        sorted(name for name, _ in change.affected),
        sorted(change.enrolled),
        sorted(change.withdrawn),
        sorted(change.completing),
        change.moved,
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _check(session: Session, definition: Definition) -> None:
    others = [live.definition for live in catalog(session).live if live.key != definition.key]
    if definition.key in in_circles([*others, definition]):
        raise Invalid(Message("this checklist waits for one that waits for it"))
