"""Drafts: opened, saved, thrown away; and checklists taken over from their files and given back.

A draft is the form as it was left. It need not be right to be saved, only to be published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.checklists.catalog import Published, catalog
from portal.checklists.definition import Definition, load
from portal.checklists.models import Checklist, ChecklistVersion, Enrollment
from portal.checklists.reading import KEY
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.slugs import free
from portal.workshop.form import ChecklistForm, fields_of, form_in, form_of
from portal.workshop.models import ChecklistDraft

NEW = "new"
"""The address of a checklist that is yet to be, so no key."""
Standing = Literal["draft", "live", "ended"]


@dataclass(frozen=True)
class Person:
    """Whoever writes; without an id it is nobody of the staff (a test, a command)."""

    id: int | None
    name: str


@dataclass(frozen=True)
class Listed:
    """One checklist of the list. `enrolled` are the runs that count; `saved_by` is of an unpublished draft, else ""."""

    key: str
    title: Mapping[str, str]
    from_file: bool
    version: int
    standing: Standing
    enrolled: int
    completed: int
    saved_by: str
    saved_at: datetime | None


@dataclass(frozen=True)
class Opened:
    """A checklist to be looked at or written on. `number` is that of the draft's last save, 0 where there is none."""

    key: str
    form: ChecklistForm
    number: int
    base_version: int
    row: Checklist | None
    live: Published | None
    saved_by: str
    saved_at: datetime | None

    @property
    def from_file(self) -> bool:
        """Whether a file says how it is."""
        return self.row is not None and self.row.origin == "file"

    @property
    def is_draft(self) -> bool:
        """Whether something is written that is not published."""
        return self.number > 0


class Overtaken(Conflict):
    """Somebody else has saved meanwhile; `theirs` is what they wrote, and `number` that of their save."""

    code = "overtaken"

    def __init__(self, draft: ChecklistDraft) -> None:
        super().__init__(
            Message("%(name)s has saved this checklist meanwhile. Nothing of yours is lost.", name=draft.saved_by)
        )
        self.by = draft.saved_by
        self.at = draft.saved_at
        self.number = draft.number
        self.theirs = form_in(draft.fields)


def listed(session: Session) -> list[Listed]:
    """Every checklist there is or is to be, those that ended last."""
    known = {published.key: published for published in catalog(session).live}
    drafts = {draft.checklist_key: draft for draft in session.execute(select(ChecklistDraft)).scalars()}
    counts = _counts(session)
    rows = list(session.execute(select(Checklist).order_by(col(Checklist.position), col(Checklist.key))).scalars())
    found = [_listed(session, row, known.get(row.key), drafts.pop(row.key, None), counts) for row in rows]
    for draft in drafts.values():
        form = form_in(draft.fields)
        found.append(Listed(draft.checklist_key, form.title, False, 0, "draft", 0, 0, draft.saved_by, draft.saved_at))
    order: Sequence[Standing] = ("live", "draft", "ended")
    return sorted(found, key=lambda one: order.index(one.standing))


def _listed(
    session: Session,
    row: Checklist,
    live: Published | None,
    draft: ChecklistDraft | None,
    counts: Mapping[str, tuple[int, int]],
) -> Listed:
    title = live.definition.title if live else _last_title(session, row)
    enrolled, completed = counts.get(row.key, (0, 0))
    return Listed(
        key=row.key,
        title=title,
        from_file=row.origin == "file",
        version=row.version,
        standing="live" if live else "ended",
        enrolled=enrolled,
        completed=completed,
        saved_by=draft.saved_by if draft else "",
        saved_at=draft.saved_at if draft else None,
    )


def _last_title(session: Session, row: Checklist) -> Mapping[str, str]:
    asked = select(col(ChecklistVersion.definition)).where(
        col(ChecklistVersion.checklist_key) == row.key, col(ChecklistVersion.number) == row.version
    )
    found = session.execute(asked).scalar_one_or_none()
    return dict(found["title"]) if found else {}


def _counts(session: Session) -> dict[str, tuple[int, int]]:
    asked = (
        select(col(Enrollment.checklist_key), func.count(), func.count(col(Enrollment.completed_at)))
        .where(col(Enrollment.withdrawn_at).is_(None), col(Enrollment.excluded_at).is_(None))
        .group_by(col(Enrollment.checklist_key))
    )
    return {key: (enrolled, completed) for key, enrolled, completed in session.execute(asked)}


def opened(session: Session, key: str) -> Opened:
    """The checklist `key` with its draft, if it has one; `NotFound` where there is neither."""
    row = session.get(Checklist, key) if KEY.fullmatch(key) else None
    draft = session.get(ChecklistDraft, key) if KEY.fullmatch(key) else None
    live = next((published for published in catalog(session).live if published.key == key), None)
    if draft is not None:
        form, number, base = form_in(draft.fields), draft.number, draft.base_version
    elif row is not None:
        form, number, base = form_of(live.definition if live else last_definition(session, row)), 0, row.version
    else:
        raise NotFound
    saved_by, saved_at = (draft.saved_by, draft.saved_at) if draft else ("", None)
    return Opened(key, form, number, base, row, live, saved_by, saved_at)


def last_definition(session: Session, row: Checklist) -> Definition:
    """What a checklist that ended said last."""
    return version_of(session, row.key, row.version)


def version_of(session: Session, key: str, number: int) -> Definition:
    """One version; `NotFound` where there is none."""
    asked = select(col(ChecklistVersion.definition)).where(
        col(ChecklistVersion.checklist_key) == key, col(ChecklistVersion.number) == number
    )
    found = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise NotFound
    return load(found)


def begin(session: Session, form: ChecklistForm, *, person: Person, now: datetime) -> None:
    """A new checklist as a draft. `Invalid` where its key is none, or taken."""
    key = form.key
    problem = None
    if not KEY.fullmatch(key):
        problem = Message("A key has small letters, digits, “-” and “_”, at most %(most)s of them.", most=64)
    elif _is_taken(session, key):
        problem = Message("There is a checklist “%(key)s” already.", key=key)
    if problem is not None:
        raise Invalid(problem, problems=[FieldProblem("key", "key", problem)])
    session.add(_draft(form, 1, 0, person, now))
    session.flush()


def free_key(session: Session, wanted: str) -> str:
    """`wanted` where no checklist has it, else `wanted-2` and so on: for whoever named none."""
    return free(wanted, lambda key: _is_taken(session, key))


def save(session: Session, *, key: str, form: ChecklistForm, number: int, person: Person, now: datetime) -> int:
    """Keep the form as a draft, and return the number of this save; `Overtaken` where somebody saved since `number`."""
    found = opened(session, key)
    if found.from_file:
        raise Conflict(Message("This checklist comes from a file. Take it over to change it here."))
    held = select(ChecklistDraft).where(col(ChecklistDraft.checklist_key) == key).with_for_update()
    draft = session.execute(held).scalar_one_or_none()
    if draft is not None and draft.number != number:
        raise Overtaken(draft)
    if draft is None and number:
        raise Conflict(Message("What you were writing on was published or thrown away meanwhile."))
    if draft is None:
        session.add(_draft(form, 1, found.base_version, person, now))
        session.flush()
        return 1
    draft.fields, draft.number = fields_of(form), number + 1
    draft.saved_at, draft.saved_by, draft.staff_id = now, person.name, person.id
    session.add(draft)
    session.flush()
    return number + 1


def go_back(session: Session, key: str, *, to: int, person: Person, now: datetime) -> None:
    """Make a draft of version `to`; `Conflict` where there is a draft already, `NotFound` without such a version."""
    if opened(session, key).is_draft:
        raise Conflict(Message("There is a draft already. Publish it or throw it away first."))
    save(session, key=key, form=form_of(version_of(session, key, to)), number=0, person=person, now=now)


def discard(session: Session, key: str) -> None:
    """Throw the draft away; what is published stays."""
    draft = session.get(ChecklistDraft, key)
    if draft is not None:
        session.delete(draft)
        session.flush()


def fork(session: Session, key: str, *, now: datetime) -> None:
    """From now on this checklist is written here, and its file is left aside. Twice is as good as once."""
    row = session.get(Checklist, key)
    if row is None:
        raise NotFound
    if row.origin == "file":
        row.origin, row.forked_at = "studio", now
        session.add(row)
        session.flush()


def unfork(session: Session, key: str) -> None:
    """Give it back: from the next publication on its file says how it is. `Conflict` where it never had one."""
    row = session.get(Checklist, key)
    if row is None:
        raise NotFound
    if row.origin == "file":
        return
    if row.forked_at is None:
        raise Conflict(Message("This checklist was written here and has no file to go back to."))
    row.origin, row.forked_at = "file", None
    session.add(row)
    discard(session, key)


def _draft(form: ChecklistForm, number: int, base: int, person: Person, now: datetime) -> ChecklistDraft:
    return ChecklistDraft(
        checklist_key=form.key,
        fields=fields_of(form),
        number=number,
        base_version=base,
        saved_at=now,
        saved_by=person.name[:200],
        staff_id=person.id,
    )


def _is_taken(session: Session, key: str) -> bool:
    return key == NEW or session.get(Checklist, key) is not None or session.get(ChecklistDraft, key) is not None
