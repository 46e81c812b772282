"""The published checklists: which are live, and what each version says.

A definition is parsed once per process and content; which version is live is read anew in each unit of work, so that a
publication in another process is seen at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from portal.checklists.definition import Definition, Step, Tick, conditions, load, with_conditions
from portal.checklists.models import Checklist, ChecklistVersion
from portal.conditions.model import checklists_of, events_of, segments_of
from portal.conditions.segments import Segments, segments
from portal.kit.errors import NotFound
from portal.kit.memory import Recent
from portal.kit.prepared import Prepared

Standing = tuple[tuple[Any, ...], ...]
"""What each version is and whether it is live: key, live number, number, digest of its content."""


@dataclass(frozen=True)
class Published:
    """One version, with what its definition depends on."""

    key: str
    version: int
    is_live: bool
    definition: Definition
    watches: frozenset[str]
    """The events that can change something for a run through it."""
    waits_for: frozenset[str]
    """The checklists whose completion can."""

    @cached_property
    def proven_by(self) -> tuple[tuple[Step, frozenset[str]], ...]:
        """The steps that are done by events, each with their names."""
        steps = [(step, step.done_when) for step in self.definition.steps]
        return tuple((step, events_of(condition)) for step, condition in steps if not isinstance(condition, Tick))


@dataclass(frozen=True)
class Catalog:
    """All versions of all checklists that are not archived."""

    versions: Mapping[tuple[str, int], Published]
    live: tuple[Published, ...]

    @cached_property
    def watches(self) -> frozenset[str]:
        """Every event that matters to any of them."""
        return frozenset[str]().union(*(published.watches for published in self.versions.values()))

    @cached_property
    def names_segments(self) -> bool:
        """Whether any of them does."""
        return any(
            segments_of(condition)
            for published in self.versions.values()
            for _, condition in conditions(published.definition)
        )

    def of(self, key: str, version: int) -> Published:
        """One version; `NotFound` where it is archived or never was."""
        try:
            return self.versions[key, version]
        except KeyError as error:
            raise NotFound from error

    def live_of(self, key: str) -> Published:
        """The live version of `key`."""
        for published in self.live:
            if published.key == key:
                return published
        raise NotFound


def catalog(session: Session) -> Catalog:
    """The catalogue as it stands in this transaction, put together once for all that find it so.

    Conditions in it have what the segments they name ask for beside the key.
    """
    session.flush()
    standing = tuple(_STANDING.all(session, {}))
    known = _catalogs.get((standing, ()), lambda: _put_together(session, standing, None))
    if not known.names_segments:
        return known
    there = segments(session)
    return _catalogs.get((standing, there.standing), lambda: _put_together(session, standing, there))


def _put_together(session: Session, standing: Standing, there: Segments | None) -> Catalog:
    versions: dict[tuple[str, int], Published] = {}
    for key, live, number, digest in standing:
        definition, watches, waits_for = _published(session, key, number, digest)
        if there is not None:
            definition = with_conditions(definition, there.expanded)
            watches, waits_for = _dependencies(definition)
        versions[key, number] = Published(key, number, number == live, definition, watches, waits_for)
    return Catalog(versions, tuple(published for published in versions.values() if published.is_live))


def step_of(definition: Definition, key: str) -> Step:
    """The step `key`; `NotFound` where there is none."""
    for step in definition.steps:
        if step.key == key:
            return step
    raise NotFound


_STANDING = Prepared(
    select(
        col(Checklist.key),
        col(Checklist.version),
        col(ChecklistVersion.number),
        col(ChecklistVersion.digest),
    )
    .join(ChecklistVersion, col(ChecklistVersion.checklist_key) == col(Checklist.key))
    .where(col(Checklist.archived_at).is_(None))
    .order_by(col(Checklist.position), col(Checklist.key), col(ChecklistVersion.number))
)
_catalogs: Recent[tuple[Standing, Standing], Catalog] = Recent(8)

Parsed = tuple[Definition, frozenset[str], frozenset[str]]


def _published(session: Session, key: str, number: int, digest: str) -> Parsed:
    """Parsed versions are kept by their digest: content, not place, so that no database can be taken for another."""
    known = _parsed.get(digest)
    if known is None:
        stored = session.execute(
            select(col(ChecklistVersion.definition)).where(
                col(ChecklistVersion.checklist_key) == key, col(ChecklistVersion.number) == number
            )
        ).scalar_one()
        if len(_parsed) >= KEPT:
            _parsed.clear()
        definition = load(stored)
        known = _parsed[digest] = (definition, *_dependencies(definition))
    return known


def _dependencies(definition: Definition) -> tuple[frozenset[str], frozenset[str]]:
    """The events it watches, and the checklists it waits for."""
    asked = [condition for _, condition in conditions(definition)]
    watches = frozenset[str]().union(*(events_of(condition) for condition in asked))
    return watches, frozenset[str]().union(*(checklists_of(condition) for condition in asked))


_parsed: dict[str, Parsed] = {}
KEPT = 512
