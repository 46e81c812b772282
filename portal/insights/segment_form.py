"""The form of a segment as a browser sends it, and whom what it says would take in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.audiences import Moved, first_names, moved_by
from portal.conditions import builder, builder_form
from portal.conditions.builder import BuilderProblems, Node
from portal.conditions.model import Condition
from portal.conditions.models import Segment, SegmentAccount
from portal.conditions.segments import naming
from portal.kit.errors import FieldProblem
from portal.kit.i18n import LOCALES, Message
from portal.segments import service
from portal.segments.files import condition_of

FIELD = "condition"
NAMED = 20
LONGEST = {"key": 100, "title_ja": 300, "title_en": 300}
Errors = dict[str, list[Message]]


@dataclass(frozen=True)
class SegmentForm:
    """What stands in the form: `texts` are the key and the titles, by field; `node` the condition as sentences."""

    texts: Mapping[str, str]
    node: Node | None

    @property
    def title(self) -> dict[str, str]:
        """The titles written, by language."""
        return {one: said for one in LOCALES if (said := self.texts.get(f"title_{one}", "").strip())}


@dataclass(frozen=True)
class Look:
    """Whom a condition would take in: how many, how many come and go against what is kept, and the first names.

    `moved` are the live checklists that would be for others.
    """

    size: int
    coming: int
    going: int
    names: Sequence[tuple[str, str]]
    moved: Sequence[Moved]


def empty() -> SegmentForm:
    """The form of a new one: a sentence to begin with, which asks for the plan."""
    return SegmentForm({}, Node("plan"))


def form_of(row: Segment) -> SegmentForm:
    """The form of one that is kept."""
    titles = {f"title_{one}": row.title.get(one, "") for one in LOCALES}
    return SegmentForm({"key": row.key, **titles}, builder.shown(condition_of(row.condition)))


def form_in(said: Mapping[str, object], *, key: str | None) -> SegmentForm:
    """The form among the fields a browser sent; `key` is that of a segment there is."""
    fields = {name: value for name, value in said.items() if isinstance(value, str)}
    texts = {name: fields.get(name, "").strip()[:longest] for name, longest in LONGEST.items()}
    return SegmentForm(texts if key is None else {**texts, "key": key}, builder_form.node_in(fields, FIELD))


def pressed(form: SegmentForm, act: str) -> SegmentForm:
    """The form after a button of the builder."""
    return replace(form, node=builder_form.pressed(form.node, act, name=FIELD))


def condition_in(form: SegmentForm, errors: Errors) -> Condition | None:
    """What the sentences say; None where they say nothing yet, with what is wrong in `errors`."""
    if form.node is None:
        errors.setdefault(FIELD, []).append(Message("Say what must hold of a customer."))
        return None
    try:
        return builder.read(form.node, level="account")
    except BuilderProblems as wrong:
        for place, message in wrong.problems:
            errors.setdefault(f"{FIELD}.{place}" if place else FIELD, []).append(message)
    return None


def problems_of(session: Session, form: SegmentForm, condition: Condition) -> list[FieldProblem]:
    """What is wrong with the condition beside those of the other segments, before anybody counts by it."""
    key = form.texts.get("key") or "new"
    found = service.check(session, key=key, title=form.title or {"ja": "…"}, condition=condition)
    return [one for one in found if one.field == FIELD]


def look(session: Session, *, key: str, condition: Condition, now: datetime, zone: ZoneInfo) -> Look:
    """Whom `condition` would take in as the segment `key`. Long for many: call it where nothing waits."""
    inside = service.who_would_be_in(session, condition, now=now, zone=zone)
    kept = select(col(SegmentAccount.account_id)).where(col(SegmentAccount.segment_key) == key)
    here = set(session.connection().scalars(kept))
    asking = {**service.known(session), key: condition}
    changed = {key, *naming(asking, key)} if inside != here else set()
    return Look(
        size=len(inside),
        coming=len(inside - here),
        going=len(here - inside),
        names=first_names(session, inside, most=NAMED),
        moved=moved_by(session, asking, changed, named=NAMED, now=now, zone=zone),
    )
