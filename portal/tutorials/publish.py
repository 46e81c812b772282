"""From folders to tutorials, in the same three acts as documents: `state`, `prepare` (pure, and long), `apply`.

A tutorial whose folder is gone is archived and comes back with it. Steps come and go with their file; what members have
done of them stays on record, and who has finished stays finished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlmodel import Session

from portal.content.places import Places
from portal.content.prepare import RENDERING, Known, Progress, Text, render_text
from portal.kit.errors import Conflict
from portal.kit.files import Problem
from portal.kit.i18n import Locale, Message
from portal.media.shelf import Shelf
from portal.media.uses import forget_uses, note_uses
from portal.tutorials.files import TutorialFile
from portal.tutorials.indexing import bring_up_to_date
from portal.tutorials.service import STEP, TEXT, TUTORIAL

TextKey = tuple[str, str, Locale]


@dataclass(frozen=True)
class PreparedTutorial:
    """A tutorial with its texts, by step and language."""

    file: TutorialFile
    texts: Mapping[TextKey, Text]


@dataclass(frozen=True)
class Prepared:
    """Everything there is to write down, and what the authors should look at."""

    tutorials: tuple[PreparedTutorial, ...]
    warnings: tuple[Problem, ...]


@dataclass
class Summary:
    """What a publish did: keys of tutorials."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def state(session: Session) -> dict[TextKey, Known]:
    """What there is of each text, as far as it decides whether to render."""
    columns = TEXT.c["tutorial_key", "step_key", "locale", "digest", "rendering", "links"]
    return {
        (row.tutorial_key, row.step_key, row.locale): Known(row.digest, row.rendering, row.links)
        for row in session.execute(select(*columns))
    }


def prepare(
    files: Sequence[TutorialFile],
    *,
    state: Mapping[TextKey, Known],
    places: Places,
    media: Shelf | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Render what differs from `state`. `places` says where links lead, `media` what can be shown.

    `progress(done, total)` is told after each tutorial.
    """
    prepared: list[PreparedTutorial] = []
    warnings: list[Problem] = []
    for number, file in enumerate(files, start=1):
        warnings.extend(file.warnings)
        folder = f"tutorials/{file.key}/steps"
        resolve, find = places.resolver(folder), media.finder(folder) if media else None
        texts: dict[TextKey, Text] = {}
        for step in file.steps:
            for locale, source in step.texts.items():
                key: TextKey = (file.key, step.key, locale)
                texts[key] = render_text("", source.source, known=state.get(key), resolve=resolve, media=find)
                warnings.extend(texts[key].warnings(source.file, 1))
        prepared.append(PreparedTutorial(file, texts))
        if progress:
            progress(number, len(files))
    return Prepared(tuple(prepared), tuple(warnings))


def apply(session: Session, prepared: Prepared, *, now: datetime) -> Summary:
    """Write down what was prepared.

    Raises `Conflict` where someone else published in the meantime and what was skipped as unchanged no longer is.
    """
    there = {row.key: row for row in session.execute(select(TUTORIAL).order_by(TUTORIAL.c.key).with_for_update())}
    steps: dict[str, dict[str, Any]] = {}
    for row in session.execute(select(STEP)):
        steps.setdefault(row.tutorial_key, {})[row.key] = row
    known = state(session)
    summary = Summary(warnings=list(prepared.warnings))
    for tutorial in prepared.tutorials:
        key = tutorial.file.key
        known_as = there.get(key)
        head = _put_head(session, tutorial.file, known_as, now=now)
        body = _put_steps(session, tutorial.file, steps.get(key, {}))
        words = _put_texts(session, tutorial, {one: found for one, found in known.items() if one[0] == key})
        if known_as is None or known_as.archived_at is not None:
            summary.added.append(key)
        elif head or body or words:
            session.execute(update(TUTORIAL).where(TUTORIAL.c.key == key).values(updated_at=now))
            summary.changed.append(key)
        else:
            summary.unchanged.append(key)
    here = {tutorial.file.key for tutorial in prepared.tutorials}
    summary.archived = [key for key, row in there.items() if key not in here and row.archived_at is None]
    if summary.archived:
        session.execute(update(TUTORIAL).where(TUTORIAL.c.key.in_(summary.archived)).values(archived_at=now))
    bring_up_to_date(session)
    return summary


def _put_head(session: Session, file: TutorialFile, row: Any, *, now: datetime) -> bool:
    values = {
        "title": dict(file.title),
        "description": dict(file.description),
        "minutes": file.minutes,
        "position": file.order,
        "audience": file.audience,
        "archived_at": None,
    }
    if row is None:
        session.execute(insert(TUTORIAL).values(key=file.key, created_at=now, updated_at=now, **values))
        return True
    return _change(session, TUTORIAL, TUTORIAL.c.key == file.key, row, values)


def _put_steps(session: Session, file: TutorialFile, there: Mapping[str, Any]) -> bool:
    """Every step stands where the file says, and no other does. Whether anything was otherwise."""
    gone = there.keys() - {step.key for step in file.steps}
    if gone:
        here = TEXT.c.tutorial_key == file.key
        session.execute(delete(TEXT).where(here, TEXT.c.step_key.in_(gone)))
        session.execute(delete(STEP).where(STEP.c.tutorial_key == file.key, STEP.c.key.in_(gone)))
    changed = bool(gone)
    for position, step in enumerate(file.steps):
        values = {"position": position, "title": dict(step.title)}
        if step.key not in there:
            session.execute(insert(STEP).values(tutorial_key=file.key, key=step.key, **values))
            changed = True
        else:
            this = and_(STEP.c.tutorial_key == file.key, STEP.c.key == step.key)
            changed |= _change(session, STEP, this, there[step.key], values)
    return changed


def _put_texts(session: Session, tutorial: PreparedTutorial, known: Mapping[TextKey, Known]) -> bool:
    """Every text is as prepared, and there is no other. Whether anything was otherwise."""
    stale = {
        key
        for key, text in tutorial.texts.items()
        if key not in known or known[key] != Known(text.digest, RENDERING, text.links)
    }
    replaced = (known.keys() - tutorial.texts.keys()) | (stale & known.keys())
    if replaced:
        session.execute(delete(TEXT).where(or_(*(_is(key) for key in replaced))))
    shown = {_place(key): tutorial.texts[key].links.values() for key in stale}
    forget_uses(session, "tutorial", [_place(key) for key in known.keys() - tutorial.texts.keys()])
    note_uses(session, "tutorial", shown)
    for key in sorted(stale):
        text = tutorial.texts[key]
        if text.rendered is None:
            raise Conflict(Message("The library was changed while this was being prepared. Please publish again."))
        step = next(step for step in tutorial.file.steps if step.key == key[1])
        session.execute(
            insert(TEXT).values(
                tutorial_key=key[0],
                step_key=key[1],
                locale=key[2],
                source=step.texts[key[2]].source,
                html=text.rendered.html,
                text=text.rendered.text,
                links=dict(text.links),
                digest=text.digest,
                rendering=RENDERING,
            )
        )
    return bool(stale or replaced)


def _place(key: TextKey) -> tuple[str, str]:
    """Where a text is, for those who ask what shows a picture."""
    return key[0], f"{key[1]}.{key[2]}"


def _is(key: TextKey) -> Any:
    return and_(TEXT.c.tutorial_key == key[0], TEXT.c.step_key == key[1], TEXT.c.locale == key[2])


def _change(session: Session, table: Any, where: Any, row: Any, values: Mapping[str, Any]) -> bool:
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    session.execute(update(table).where(where).values(**values))
    return True
