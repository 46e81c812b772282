"""A vendor with customers under way, for tests: checklists published, events brought in and people changed by the very
services and listeners that run in earnest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts import changes
from portal.accounts.models import Account, Member
from portal.accounts.people import upsert_member
from portal.accounts.service import account_by_external_id, upsert_account
from portal.checklists import exceptions, listeners, planning, state, steps, touched
from portal.checklists import publish as publishing
from portal.checklists.actors import Actor
from portal.checklists.definition import Definition, parse_checklist
from portal.checklists.evaluation import completed_by_accounts
from portal.checklists.models import Completion, Enrollment, EnrollmentException
from portal.conditions.service import know_checklists
from portal.events import ingest
from portal.events.rules import Incoming
from portal.events.sources import add_source
from portal.kit.db import Database
from portal.kit.files import load_yaml
from portal.kit.secrets import Secrets
from portal.segments import membership

T = TypeVar("T")
TOKYO = ZoneInfo("Asia/Tokyo")
SECRETS = Secrets("a secret of more than thirty-two characters")
API = Actor("api", "crm", "CRM")
STAFF = Actor("staff", "sato@vendor.example", "佐藤")


def tokyo(text: str) -> datetime:
    """`"6-03 14:00"` of 2026 in Tokyo, as an instant; seconds may follow, and the hour may be left out."""
    day, _, clock = text.partition(" ")
    month, number = (int(part) for part in day.split("-"))
    at = time.fromisoformat(clock) if clock else time.min
    return datetime.combine(date(2026, month, number), at, tzinfo=TOKYO).astimezone(UTC)


def checklist(text: str, *, key: str = "start", **head: object) -> Definition:
    """A checklist from YAML: `text` are its steps, `head` its other fields, as they are written in a file."""
    fields = {"key": key, "title": "{ja: はじめの一歩}", "due": "30d", **head}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return parse_checklist(load_yaml("\n".join([*lines, "steps:", text]), file=f"{key}.yml"))


def step(key: str, done_when: str = "tick", **more: object) -> str:
    """One line of `steps:`."""
    fields = {"key": key, "title": f"{{ja: {key}}}", "done_when": done_when, **more}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}\n"


def by_member(member: Member, *, admin: bool = False) -> Actor:
    """A member at the page."""
    return Actor("member", member.external_id or "", member.name, member.id, admin, member.role)


@contextmanager
def listening() -> Iterator[None]:
    """Whoever listens in a running portal, for as long as the block lasts."""
    heard = (*changes._subscribers._listeners,), (*ingest.subscribers._listeners,)
    changes.subscribe(ingest.follow_accounts)
    know_checklists(completed_by_accounts)
    changes.subscribe(listeners.on_accounts_changed)
    changes.subscribe(membership.on_accounts_changed)
    ingest.subscribe(listeners.on_events)
    ingest.subscribe(membership.on_events)
    leave = touched.on_runs_changed.subscribe(membership.on_runs_changed)
    try:
        yield
    finally:
        leave()
        changes._subscribers._listeners[:], ingest.subscribers._listeners[:] = heard


@dataclass
class World:
    """The vendor's installation at `now`, a moment that tests move themselves."""

    db: Database
    source: int
    now: datetime = field(default_factory=lambda: tokyo("6-03 10:00"))
    sent: int = 0

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.db.write(work)

    async def publish(self, *definitions: Definition) -> tuple[planning.ChecklistChange, ...]:
        return await self.write(
            lambda session: publishing.apply(session, definitions, by="test", now=self.now, zone=TOKYO)
        )

    async def plan(self, *definitions: Definition) -> tuple[planning.ChecklistChange, ...]:
        return await self.db.read(lambda session: planning.plan(session, definitions, now=self.now, zone=TOKYO))

    async def account(self, name: str = "acme", started: str = "6-01 15:00", **more: Any) -> int:
        """A customer, made or changed; with `started=""` the start stays as it is."""
        told = {"name": name, **({"created_at": tokyo(started)} if started else {}), **more}
        found = await self.write(lambda session: upsert_account(session, external_id=name, changes=told, now=self.now))
        return found.id or 0

    async def member(self, name: str, *, account: str = "acme", joined: str = "6-01 15:00", **more: Any) -> Member:
        told = {"name": name, "joined_at": tokyo(joined), **more}

        def work(session: Session) -> Member:
            home = account_by_external_id(session, account)
            assert home is not None
            return upsert_member(session, home, external_id=name, changes=told, now=self.now)

        return await self.write(work)

    def event(
        self, name: str, at: str | datetime, member: str | None = None, *, account: str = "acme", **properties: Any
    ) -> Incoming:
        self.sent += 1
        return Incoming(
            kind="track",
            message_id=f"m{self.sent}",
            name=name,
            at=tokyo(at) if isinstance(at, str) else at,
            user_ref=member,
            anonymous_ref=None if member else "somebody",
            group_ref=account,
            properties=properties,
        )

    async def send(self, *events: Incoming) -> ingest.Outcome:
        return await self.write(lambda session: self.take_in(session, events))

    def take_in(self, session: Session, events: tuple[Incoming, ...]) -> ingest.Outcome:
        return ingest.ingest(session, events, source_id=self.source, received_at=self.now, zone=TOKYO)

    async def complete(
        self, step_key: str, actor: Actor = API, *, key: str = "start", account: str = "acme", **more: Any
    ) -> None:
        def work(session: Session) -> None:
            steps.complete_step(
                session,
                account_id=id_of(session, account),
                key=key,
                step_key=step_key,
                actor=actor,
                now=self.now,
                zone=TOKYO,
                **more,
            )

        await self.write(work)

    async def undo(
        self, step_key: str, actor: Actor = API, *, key: str = "start", account: str = "acme", **more: Any
    ) -> None:
        def work(session: Session) -> None:
            steps.undo_step(
                session,
                account_id=id_of(session, account),
                key=key,
                step_key=step_key,
                actor=actor,
                now=self.now,
                zone=TOKYO,
                **more,
            )

        await self.write(work)

    async def make_exception(
        self, reason: str = "長期休暇のため", *, key: str = "start", account: str = "acme", **change: Any
    ) -> None:
        def work(session: Session) -> None:
            exceptions.make_exception(
                session,
                account_id=id_of(session, account),
                key=key,
                change=exceptions.Change(reason, **change),
                actor=STAFF,
                now=self.now,
                zone=TOKYO,
            )

        await self.write(work)

    async def state(self, *, key: str = "start", account: str = "acme", member: Member | None = None) -> state.RunState:
        return await self.db.read(
            lambda session: state.state_of(
                session,
                account_id=id_of(session, account),
                key=key,
                now=self.now,
                zone=TOKYO,
                member_id=member.id if member else None,
            )
        )

    async def done(self, *, key: str = "start", account: str = "acme") -> dict[str, datetime]:
        """When each step was done for the account."""
        found = await self.state(key=key, account=account)
        return {one.step.key: one.done.at for one in found.steps if one.done}

    async def enrollments(self) -> dict[tuple[str, str], Enrollment]:
        """Every run, by account and checklist, those withdrawn included."""

        def work(session: Session) -> dict[tuple[str, str], Enrollment]:
            asked = select(Enrollment, Account).join(Account, col(Account.id) == col(Enrollment.account_id))
            return {(account.external_id, row.checklist_key): row for row, account in session.execute(asked)}

        return await self.db.read(work)

    async def completions(self, step_key: str) -> list[Completion]:
        """Every completion of a step that is on record, in the order in which it was written."""
        asked = select(Completion).where(col(Completion.step_key) == step_key).order_by(col(Completion.id))
        return await self.db.read(lambda session: list(session.execute(asked).scalars()))

    async def exceptions(self) -> list[EnrollmentException]:
        asked = select(EnrollmentException).order_by(col(EnrollmentException.id))
        return await self.db.read(lambda session: list(session.execute(asked).scalars()))


def id_of(session: Session, account: str) -> int:
    found = account_by_external_id(session, account)
    assert found is not None
    return found.id or 0


async def open_world(db: Database) -> World:
    """An installation with a source and nothing else."""
    source = await db.write(lambda session: add_source(session, SECRETS, name="app", now=tokyo("5-01")))
    return World(db, source.id)
