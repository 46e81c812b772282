"""`banso publish`: a folder of files becomes the library, all of it or nothing.

Four acts. `read` validates every file and names all that is wrong. `prepare` renders what changed, touching nothing.
`preview` says what the checklists among them would do to customers under way. `publish` writes everything down in one
transaction, after looking again whether the checklists still do only what was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.accounts.models import Plan
from portal.checklists import planning
from portal.checklists import publish as checklists
from portal.checklists.again import naming_segments, queue_look
from portal.checklists.circles import in_circles
from portal.checklists.definition import Definition, parse_checklist, references, with_conditions
from portal.checklists.planning import ChecklistChange
from portal.conditions.models import Segment
from portal.conditions.segments import expanded
from portal.content import prepare as document_texts
from portal.content import publish as documents
from portal.content.files import CollectionFile, DocumentFile, read_collections, read_documents
from portal.content.models import Document
from portal.content.places import Places
from portal.events.models import EventDay
from portal.kit.errors import Conflict
from portal.kit.files import FileProblems, Problem, YamlFile, load_yaml
from portal.kit.i18n import Message
from portal.media import packed
from portal.media import publish as media_files
from portal.media.items import Item
from portal.media.service import every
from portal.media.shelf import Shelf
from portal.segments import service as segments
from portal.segments.files import SegmentsFile, read_segments
from portal.segments.service import SegmentChange
from portal.tutorials import publish as tutorials
from portal.tutorials.files import TutorialFile, read_tutorials

Progress = Callable[[int, int], None]
State = tuple[document_texts.State, dict[tutorials.TextKey, document_texts.Known], list[Item]]
STILL: Final = frozenset(("unchanged", "kept", "aside"))
"""What publishing did to a checklist or a segment that it left as it was."""
MAX_CHECKLIST_BYTES = 200_000
MOST = 100_000_000


@dataclass(frozen=True)
class Files:
    """What a folder holds. None stands for a half that is not there, and is left as it is in the library.

    `root` is the folder itself: pictures are read when a text shows them, at most `most` bytes each.
    """

    root: Path
    most: int
    documents: tuple[DocumentFile, ...] | None
    collections: tuple[CollectionFile, ...]
    checklists: tuple[tuple[YamlFile, Definition], ...] | None
    tutorials: tuple[TutorialFile, ...] | None
    media: tuple[packed.Packed, ...] = ()
    segments: SegmentsFile | None = None


@dataclass(frozen=True)
class SegmentEffect:
    """What publishing does to a segment, and the live checklists that name it."""

    change: SegmentChange
    checklists: tuple[str, ...]

    @property
    def asks(self) -> bool:
        """Whether customers of a live checklist are affected."""
        return bool(self.checklists) and self.change.kind in ("changed", "archived")


@dataclass(frozen=True)
class Prepared:
    """Everything rendered, and what its authors should look at."""

    files: Files
    documents: document_texts.Prepared | None
    tutorials: tutorials.Prepared | None
    media: Shelf

    @property
    def definitions(self) -> tuple[Definition, ...] | None:
        """The checklists, in the order of their files."""
        return None if self.files.checklists is None else tuple(one for _, one in self.files.checklists)


@dataclass(frozen=True)
class Result:
    """What a publish did. `unknown` are those of the warnings that end when somebody is first seen to do something."""

    documents: documents.Summary
    tutorials: tutorials.Summary
    checklists: tuple[ChecklistChange, ...]
    warnings: tuple[Problem, ...]
    segments: tuple[SegmentChange, ...] = ()
    unknown: tuple[Problem, ...] = ()

    @property
    def changed_nothing(self) -> bool:
        """Whether everything was as the files say already."""
        parts = (self.documents, self.tutorials)
        kinds = {*(one.kind for one in self.checklists), *(one.kind for one in self.segments)}
        return not any(part.added or part.changed or part.archived for part in parts) and kinds <= STILL


def read(root: Path, *, zone: ZoneInfo, most: int = MOST) -> Files:
    """Read `root/content` and `root/tutorials`; `FileProblems` with everything that is wrong in either."""
    problems: list[Problem] = []
    has_content = (root / "content").is_dir()
    has_tutorials = (root / "tutorials").is_dir()
    if not has_content and not has_tutorials:
        raise FileProblems([Problem(str(root), 1, Message("there is neither a content/ nor a tutorials/ folder here"))])
    found: list[DocumentFile] = []
    collections: list[CollectionFile] = []
    checklist_files: list[tuple[YamlFile, Definition]] = []
    segments_file: SegmentsFile | None = None
    tutorial_files: list[TutorialFile] = []
    if has_content:
        found, wrong = read_documents(root, zone=zone)
        problems += wrong
        collections, wrong = read_collections(root)
        problems += wrong
        checklist_files, wrong = read_checklists(root)
        problems += wrong
        segments_file, wrong = read_segments(root)
        problems += wrong
    if has_tutorials:
        tutorial_files, wrong = read_tutorials(root)
        problems += wrong
    problems += media_files.problems(root, most=most)
    exported, wrong = packed.read_packed(root, most=most)
    problems += wrong
    if problems:
        raise FileProblems(sorted(problems, key=lambda one: (one.file, one.line)))
    return Files(
        root=root,
        most=most,
        documents=tuple(found) if has_content else None,
        collections=tuple(collections),
        checklists=tuple(checklist_files) if has_content else None,
        tutorials=tuple(tutorial_files) if has_tutorials else None,
        media=tuple(exported),
        segments=segments_file,
    )


def read_checklists(root: Path) -> tuple[list[tuple[YamlFile, Definition]], list[Problem]]:
    """The checklists in `root/content/checklists`, by file name."""
    problems: list[Problem] = []
    found: list[tuple[YamlFile, Definition]] = []
    folder = root / "content" / "checklists"
    for path in sorted(path for path in folder.glob("*.*") if path.suffix in (".yml", ".yaml") and path.is_file()):
        name = path.relative_to(root).as_posix()
        try:
            file = load_yaml(_text(path, name), file=name)
            found.append((file, parse_checklist(file)))
        except FileProblems as wrong:
            problems += wrong.problems
    seen: dict[str, str] = {}
    for file, definition in found:
        if definition.key in seen:
            said = Message("the checklist “%(key)s” is in %(file)s too", key=definition.key, file=seen[definition.key])
            problems.append(file.problem(said, "key"))
        seen.setdefault(definition.key, file.file)
    waiting = in_circles([definition for _, definition in found])
    problems += [
        file.problem(Message("this checklist waits for one that waits for it"), "key")
        for file, definition in found
        if definition.key in waiting
    ]
    return found, problems


def prepare(files: Files, *, state: State, progress: Progress | None = None) -> Prepared:
    """Render what differs from the library as `state` found it."""
    known_documents, known_tutorials, items = state
    media = Shelf(items, files.root, files.most, packed=files.media)
    others = {f"tutorials/{one.key}" for one in files.tutorials or ()}
    others |= {f"checklists/{one.key}" for _, one in files.checklists or ()}
    in_studio = [one for one in known_documents.standing if one.from_studio]
    places = Places([*in_studio, *(files.documents or ())], others)
    return Prepared(
        files=files,
        documents=None
        if files.documents is None
        else document_texts.prepare(
            files.documents, files.collections, state=known_documents, others=others, media=media, progress=progress
        ),
        tutorials=None
        if files.tutorials is None
        else tutorials.prepare(files.tutorials, state=known_tutorials, places=places, media=media),
        media=media,
    )


def state(session: Session) -> State:
    """The library as it is now."""
    return document_texts.state(session), tutorials.state(session), every(session)


def preview(session: Session, prepared: Prepared, *, now: datetime, zone: ZoneInfo) -> tuple[ChecklistChange, ...]:
    """What the checklists would do to customers; nothing is changed."""
    if prepared.definitions is None:
        return ()
    return planning.plan(session, _with_segments(session, prepared), now=now, zone=zone)


def preview_segments(
    session: Session, prepared: Prepared, *, now: datetime, zone: ZoneInfo
) -> tuple[SegmentEffect, ...]:
    """What the segments would become, and which live checklists follow; nothing is changed."""
    if prepared.files.documents is None:
        return ()
    changes = segments.plan(session, prepared.files.segments, now=now, zone=zone)
    named = naming_segments(session, [change.key for change in changes])
    return tuple(
        SegmentEffect(change, tuple(sorted(key for key, keys in named.items() if change.key in keys)))
        for change in changes
    )


def _with_segments(session: Session, prepared: Prepared) -> list[Definition]:
    """The checklists, with what the segments they name will ask for once they are published."""
    coming = segments.with_coming(session, prepared.files.segments)
    found = [
        (file, with_conditions(definition, lambda asked: expanded(asked, coming)))
        for file, definition in prepared.files.checklists or ()
    ]
    if circles := _circles(found):
        raise FileProblems(circles)
    return [definition for _, definition in found]


def publish(
    session: Session,
    prepared: Prepared,
    *,
    agreed: Sequence[ChecklistChange],
    by: str,
    now: datetime,
    zone: ZoneInfo,
) -> Result:
    """Write everything down. `Conflict` where by now more customers would be affected than `agreed` showed."""
    done: tuple[ChecklistChange, ...] = ()
    segments_done: tuple[SegmentChange, ...] = ()
    if prepared.definitions is not None:
        checklists.hold(session)
        definitions = _with_segments(session, prepared)
        planned = planning.plan(session, definitions, now=now, zone=zone)
        if _asking(planned) - _asking(agreed):
            raise Conflict(
                Message("Other customers are affected by now than were shown. Nothing was changed; please look again.")
            )
        segments_done = segments.apply(session, prepared.files.segments, by=by, now=now, zone=zone)
        sources = {one.key: (file.file, file.text) for file, one in prepared.files.checklists or ()}
        done = checklists.apply(session, definitions, by=by, now=now, zone=zone, sources=sources)
        others = [change.key for change in segments_done if change.kind in ("new", "changed", "archived")]
        queue_look(session, keys=naming_segments(session, others), now=now)
        # Whoever brings an event or an account at this very moment does not see the new version, nor do we see them.
        touched = [change.key for change in done if change.kind in planning.TOUCHING]
        queue_look(session, keys=touched, now=now, run_at=now + checklists.SETTLED)
    replaced = media_files.apply(session, prepared.media, now=now)
    documents_done = documents.Summary()
    if prepared.documents is not None:
        documents_done = documents.apply(session, prepared.documents, now=now)
    tutorials_done = tutorials.Summary()
    if prepared.tutorials is not None:
        tutorials_done = tutorials.apply(session, prepared.tutorials, now=now)
    there = {"content": prepared.documents, "tutorials": prepared.tutorials}
    halves = [name for name, half in there.items() if half is not None]
    media_files.settle(session, prepared.media, replaced, halves, now=now)
    kept = {change.key for change in done if change.kind == "kept"}
    left = [
        file.problem(Message("“%(key)s” is written in the browser, so this file is left aside", key=one.key))
        for file, one in prepared.files.checklists or ()
        if one.key in kept
    ]
    unknown = tuple(unknown_references(session, prepared.files))
    warnings = (*left, *documents_done.warnings, *tutorials_done.warnings, *unknown)
    return Result(documents_done, tutorials_done, done, warnings, segments_done, unknown)


def unknown_references(session: Session, files: Files) -> list[Problem]:
    """What checklists count on that nobody has seen: a typing error, or something still to come."""
    known = {
        "document": {one.id for one in files.documents or ()} | set(session.exec(_IN_STUDIO)),
        "tutorial": {one.key for one in files.tutorials or ()},
        "checklist": {one.key for _, one in files.checklists or ()},
        "plan": set(session.exec(select(col(Plan.key)))),
        "event": set(session.exec(select(col(EventDay.name)).distinct())),
        "segment": set(segments.known(session)),
    }
    said = {
        "document": Message("there is no document “%(key)s” in these files"),
        "tutorial": Message("there is no tutorial “%(key)s” in these files"),
        "checklist": Message("there is no checklist “%(key)s” in these files"),
        "plan": Message("no customer has had the plan “%(key)s” yet"),
        "event": Message("the event “%(key)s” was never received yet"),
        "segment": Message("there is no segment “%(key)s”"),
    }
    found = files.segments.unknown(known) + _left_aside(session, files.segments) if files.segments else []
    return found + [
        file.problem(Message(said[reference.kind].msgid, key=reference.key), *reference.path)
        for file, definition in files.checklists or ()
        for reference in references(definition)
        if reference.kind in known and reference.key not in known[reference.kind]
    ]


def _left_aside(session: Session, file: SegmentsFile) -> list[Problem]:
    said = Message("this segment is edited in the browser, so what the file says is left aside")
    return [
        file.problem(said, one.key)
        for one in file.segments
        if (row := session.get(Segment, one.key)) is not None
        and row.origin == "browser"
        and row.digest != segments.digest_of(one.title, one.condition)
    ]


_IN_STUDIO = select(col(Document.id)).where(col(Document.origin) == "studio")


def _asking(changes: Collection[ChecklistChange]) -> set[tuple[str, str]]:
    return {
        (change.key, name)
        for change in changes
        if change.asks
        for name in (*(name for name, _ in change.affected), *change.enrolled, *change.withdrawn)
    }


def _circles(found: Sequence[tuple[YamlFile, Definition]]) -> list[Problem]:
    """Checklists that wait for each other would all wait for ever."""
    waiting = in_circles([definition for _, definition in found])
    return [
        file.problem(Message("this checklist waits for one that waits for it"), "key")
        for file, definition in found
        if definition.key in waiting
    ]


def _text(path: Path, name: str) -> str:
    data = path.read_bytes()
    if len(data) > MAX_CHECKLIST_BYTES:
        raise FileProblems([Problem(name, 1, Message("this file is too large for a checklist"))])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileProblems([Problem(name, line, Message("this is not UTF-8 text"))]) from error
