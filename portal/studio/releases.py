"""Releases: several manuscripts that come out together, at once or at a time; all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.kit.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound
from portal.kit.i18n import Locale, Message, as_locale
from portal.studio.going_out import expect
from portal.studio.manuscripts import Key, writing_for_change
from portal.studio.models import Manuscript, Release
from portal.studio.rules import Person

LONGEST_TITLE = 200
OPEN: Sequence[str] = ("draft", "review", "approved")


@dataclass(frozen=True)
class Together:
    """A release with its manuscripts, in the order of their titles."""

    release: Release
    manuscripts: Sequence[Manuscript]

    @property
    def lacking(self) -> Sequence[Manuscript]:
        """What nobody has approved yet: until then nothing of the release comes out."""
        return [one for one in self.manuscripts if one.state != "approved"]

    @property
    def keys(self) -> list[Key]:
        """Which manuscripts they are."""
        return [(one.document_id, as_locale(one.locale)) for one in self.manuscripts]


def open_release(session: Session, *, title: str, person: Person, now: datetime) -> int:
    """A new release with nothing in it yet; its id."""
    _may_write(person)
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE:
        said = Message("A title has 1 to %(most)s characters.", most=LONGEST_TITLE)
        raise Invalid(said, problems=[FieldProblem("title", "length", said)])
    release = Release(title=title, created_by=person.name, created_at=now)
    session.add(release)
    session.flush()
    return release.id or 0


def together(session: Session, release_id: int) -> Together:
    """The release; `NotFound` where there is none."""
    release = session.get(Release, release_id)
    if release is None:
        raise NotFound
    asked = select(Manuscript).where(col(Manuscript.release_id) == release_id)
    rows = session.execute(asked.order_by(col(Manuscript.title), col(Manuscript.id))).scalars().all()
    return Together(release, rows)


def releases(session: Session) -> Sequence[tuple[Release, int]]:
    """All releases, those to come first, with how many manuscripts are in each."""
    asked = (
        select(Release, col(Manuscript.id))
        .outerjoin(Manuscript, col(Manuscript.release_id) == col(Release.id))
        .order_by(col(Release.published_at).is_not(None), col(Release.published_at).desc(), col(Release.id).desc())
    )
    counted: dict[int, tuple[Release, int]] = {}
    for release, manuscript in session.execute(asked):
        known = counted.get(release.id, (release, 0))[1]
        counted[release.id] = (release, known + (manuscript is not None))
    return list(counted.values())


def candidates(session: Session) -> Sequence[Manuscript]:
    """What can be put into a release: manuscripts on their way that are in none."""
    asked = (
        select(Manuscript)
        .where(col(Manuscript.release_id).is_(None), col(Manuscript.state).in_(OPEN))
        .order_by(col(Manuscript.title), col(Manuscript.locale))
        .limit(500)
    )
    return session.execute(asked).scalars().all()


def put_in(session: Session, release_id: int, keys: Sequence[tuple[str, Locale]], *, person: Person) -> None:
    """Let these come out with the release. `Conflict` where one is in another, or out already."""
    _may_write(person)
    found = _coming(session, release_id)
    for key in keys:
        manuscript = writing_for_change(session, *key).manuscript
        if manuscript.release_id not in (None, release_id) or manuscript.state not in OPEN:
            said = Message("“%(title)s” cannot be put in: it is in another release, or out.", title=manuscript.title)
            raise Conflict(said)
        manuscript.release_id = found.release.id
        session.add(manuscript)
    session.flush()


def take_out(session: Session, release_id: int, key: str, locale: Locale, *, person: Person) -> None:
    """Let this manuscript go its own way again."""
    _may_write(person)
    _coming(session, release_id)
    manuscript = writing_for_change(session, key, locale).manuscript
    if manuscript.release_id == release_id:
        manuscript.release_id = None
        session.add(manuscript)
        session.flush()


def plan(session: Session, release_id: int, at: datetime | None, *, person: Person, now: datetime) -> None:
    """Let it come out at `at`; None takes the time back. Only what is approved then comes out, and only all of it."""
    ready(session, release_id, person=person) if at is not None else _may_write(person)
    found = _coming(session, release_id)
    if at is not None and at <= now:
        said = Message("This time has passed. Choose a later one, or publish now.")
        raise Invalid(said, problems=[FieldProblem("publish_at", "past", said)])
    found.release.publish_at = at
    session.add(found.release)
    if at is not None:
        expect(session, at, now=now)
    session.flush()


def ready(session: Session, release_id: int, *, person: Person | None) -> Together:
    """The release, where it can come out as it stands. `Conflict` says what is lacking."""
    if person is not None:
        _may_write(person)
    found = _coming(session, release_id)
    if not found.manuscripts:
        raise Conflict(Message("There is nothing in this release yet."))
    if found.lacking:
        names = "、".join(one.title for one in found.lacking[:5])
        raise Conflict(Message("Not everything in it is approved yet: %(titles)s", titles=names))
    return found


def settle(session: Session, release_id: int, *, now: datetime) -> None:
    """It has come out."""
    session.execute(update(Release).where(col(Release.id) == release_id).values(published_at=now))


def due_releases(session: Session, *, now: datetime) -> list[int]:
    """The releases whose time has come and that can come out; one that lacks an approval waits for a person."""
    asked = select(col(Release.id)).where(col(Release.published_at).is_(None), col(Release.publish_at) <= now)
    found = [together(session, one or 0) for one in session.execute(asked.order_by(col(Release.id))).scalars().all()]
    return [one.release.id or 0 for one in found if one.manuscripts and not one.lacking]


def _coming(session: Session, release_id: int) -> Together:
    found = together(session, release_id)
    if found.release.published_at is not None:
        raise Conflict(Message("This release is out already."))
    return found


def _may_write(person: Person) -> None:
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
