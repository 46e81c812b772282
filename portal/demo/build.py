"""Building the demo: the vendor's year, lived through once, on a database of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random

from sqlmodel import Session, col, select

from portal import publishing
from portal.accounts import keys, sign_in
from portal.accounts.models import Account
from portal.accounts.people import upsert_member
from portal.accounts.plans import put_plan
from portal.accounts.service import account_by_external_id, mark_left, upsert_account
from portal.accounts.staff import add_staff
from portal.checklists.actors import Actor
from portal.checklists.exceptions import Change, make_exception
from portal.checklists.models import Enrollment
from portal.checklists.steps import complete_step
from portal.content.readers import Reader
from portal.demo.cast import PLANS, STAFF, Company, companies
from portal.demo.product import Product, Seat
from portal.demo.story import Happening, happenings
from portal.demo.touching import touch_customers
from portal.events import rotation, sources
from portal.events.ingest import ingest, record
from portal.events.rules import Incoming
from portal.insights import closing
from portal.kit.clock import day_start, local_day
from portal.kit.db import Database, open_database
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Message
from portal.kit.migrations import upgrade
from portal.kit.paths import bundled
from portal.kit.secrets import Secrets, new_token
from portal.settings import Settings
from portal.tutorials import service as tutorials

MONTHS_OPEN = 330
LINK_MINUTES = 24 * 60
SEED = 20260401
CHECKLIST = "first-30-days"
SEATS = 2
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Demo:
    """A demo ready to be served: lines for the terminal (`label`, value), how to serve it, and the vendor's product."""

    lines: tuple[tuple[str, str], ...]
    environment: Mapping[str, str]
    product: Product


@contextmanager
def demo_settings(port: int, base: Settings) -> Iterator[Settings]:
    """The settings of a demo on a database that is gone afterwards. `Conflict` where the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Conflict(Message("Port %(port)s is taken. Choose another: make demo PORT=8001", port=port)) from error
    folder = Path(tempfile.mkdtemp(prefix="banso-demo-"))
    try:
        yield base.model_copy(
            update={
                "database_url": f"sqlite:///{folder / 'demo.db'}",
                "secret_key": new_token(),
                "base_url": f"http://127.0.0.1:{port}",
                "vendor_name": "ひかり請求",
                "link_minutes": LINK_MINUTES,
                "smtp_url": "",
            }
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build(settings: Settings, *, origin: str, now: datetime, progress: Progress) -> Demo:
    """Make the database and live through the year. `origin` is where the vendor's product is."""
    upgrade(settings.database_url)
    lines, product = asyncio.run(_build(settings, origin, now, progress))
    names = ("database_url", "secret_key", "base_url", "vendor_name", "link_minutes", "smtp_url")
    return Demo(
        lines=(*lines, ("product", origin)),
        product=product,
        environment={f"BANSO_{name.upper()}": str(getattr(settings, name)) for name in names},
    )


async def _build(
    settings: Settings, origin: str, now: datetime, progress: Progress
) -> tuple[list[tuple[str, str]], Product]:
    database = open_database(settings.database_url, zone=settings.zone, secrets=Secrets(settings.secret))
    try:
        return await _live(database, settings, origin, now, progress)
    finally:
        await database.close()


async def _live(
    database: Database, settings: Settings, origin: str, now: datetime, progress: Progress
) -> tuple[list[tuple[str, str]], Product]:
    zone = settings.zone
    today = local_day(now, zone)
    opened = today - timedelta(days=MONTHS_OPEN)
    random = Random(SEED)  # noqa: S311 - a story, not a secret
    cast = companies(random, today=today, opened=opened)
    story = happenings(cast, random, opened=opened, today=today, zone=zone)
    secrets = Secrets(settings.secret)
    opening = day_start(opened, zone)
    shown = await database.write(lambda session: _open(session, secrets, settings, origin, now=opening))
    source_id = int(shown["source id"])
    joins = {
        day: [company for company in cast if max(company.started, opened) == day]
        for day in (opened + timedelta(days=number) for number in range(MONTHS_OPEN + 1))
    }
    for number, (day, joining) in enumerate(joins.items()):
        leaving = [company for company in cast if company.left == day]
        work = partial(
            _one_day,
            settings=settings,
            source_id=source_id,
            day=day,
            joining=joining,
            leaving=leaving,
            happened=story.get(day, []),
            now=min(now, datetime.combine(day, time(23, 59), tzinfo=zone)),
        )
        await database.write(work)
        progress(number + 1, len(joins))
    return await database.write(lambda session: _last_words(session, settings, cast, shown, now=now))


def _open(session: Session, secrets: Secrets, settings: Settings, origin: str, *, now: datetime) -> dict[str, str]:
    """The day Banso came: staff, plans, a source, a key, and the library."""
    for place, (email, name) in enumerate(STAFF):
        add_staff(session, email=email, name=name, role="owner" if place == 0 else "cs", now=now)
    for key, (title, limits, features, rank, _) in PLANS.items():
        put_plan(session, key, title=title, limits=limits, features=features, rank=rank)
    source = sources.add_source(session, secrets, name="hikari", origins=[origin], now=now)
    _, api_key = keys.add_api_key(session, "demo", "write", now=now)
    root = bundled("content").parent
    files = publishing.read(root, zone=settings.zone)
    prepared = publishing.prepare(files, state=publishing.state(session))
    publishing.publish(session, prepared, agreed=(), by="demo", now=now, zone=settings.zone)
    return {
        "source id": str(source.id),
        "public key": source.public_key,
        "write key": source.write_key,
        "signing secret": source.signing_secret,
        "API key": api_key,
    }


def _one_day(
    session: Session,
    *,
    settings: Settings,
    source_id: int,
    day: date,
    joining: list[Company],
    leaving: list[Company],
    happened: list[Happening],
    now: datetime,
) -> None:
    zone = settings.zone
    if day.day == 1:
        for month in closing.open_months(session, now=now):
            closing.freeze(session, month, closing.frozen_figures(session, month), by="", now=now)
    for company in joining:
        _join(session, company, settings, now=now)
    events = [one for one in happened if one.act == "event"]
    if events:
        ingest(
            session,
            [_incoming(number, one) for number, one in enumerate(events)],
            source_id=source_id,
            received_at=now,
            zone=zone,
        )
        rotation.source_of(session, source_id).last_seen_at = now
    for one in happened:
        if one.act != "event":
            _act(session, one, settings)
    for company in leaving:
        account = account_by_external_id(session, company.external_id)
        if account is not None:
            at = day_start(day, zone)
            mark_left(session, account, left_at=at, notice_at=at - timedelta(days=30), now=now)


def _join(session: Session, company: Company, settings: Settings, *, now: datetime) -> None:
    zone = settings.zone
    started = day_start(company.started, zone) + timedelta(hours=9)
    account = upsert_account(
        session,
        external_id=company.external_id,
        changes={
            "name": company.name,
            "plan": company.plan,
            "owner": company.owner,
            "tier": company.tier,
            "seats": company.seats,
            "mrr": company.mrr,
            "currency": "JPY",
            "goal": company.goal,
            "created_at": started,
            "started_at": started,
            "renews_at": company.started.replace(year=company.started.year + 1)
            if (company.started.month, company.started.day) != (2, 29)
            else company.started + timedelta(days=365),
        },
        now=now,
    )
    for person in company.people:
        upsert_member(
            session,
            account,
            external_id=person.external_id,
            changes={
                "name": person.name,
                "name_kana": person.name_kana,
                "email": person.email,
                "role": person.role,
                "locale": "ja",
                "joined_at": day_start(person.joined, zone) + timedelta(hours=9),
            },
            now=now,
        )


def _incoming(number: int, one: Happening) -> Incoming:
    return Incoming(
        kind="track",
        message_id=f"demo-{one.at:%Y%m%d}-{number}",
        name=one.name,
        at=one.at,
        user_ref=one.person.external_id,
        group_ref=one.company.external_id,
        properties=dict(one.properties),
    )


def _act(session: Session, one: Happening, settings: Settings) -> None:
    """Something done in the portal. What is not there for this customer is passed over, as a person would."""
    zone = settings.zone
    account = account_by_external_id(session, one.company.external_id)
    if account is None or account.id is None:
        return
    member = upsert_member(session, account, external_id=one.person.external_id, changes={}, now=one.at)
    reader = Reader("member", account_id=account.id, member_id=member.id or 0)
    try:
        if one.act == "tutorial":
            step = tutorials.start(session, reader, key=one.name, now=one.at, zone=zone)
            while step is not None:
                step = tutorials.complete_step(session, reader, key=one.name, step=step, now=one.at, zone=zone)
        elif one.act == "read":
            record(
                session,
                account_id=account.id,
                member_id=member.id,
                name="article.read",
                at=one.at,
                properties={"document": one.name},
                message_id=f"article.read:{member.id}:{one.name}:{one.at:%Y%m%d}",
                now=one.at,
                zone=zone,
            )
        else:
            by_staff = one.act == "staff_tick"
            name = dict(STAFF)[one.company.owner] if by_staff else one.person.name
            actor = Actor(
                kind="staff" if by_staff else "member",
                key=one.company.owner if by_staff else one.person.external_id,
                name=name,
                member_id=None if by_staff else member.id,
                role=one.person.role,
            )
            complete_step(
                session,
                account_id=account.id,
                key=CHECKLIST,
                step_key=one.name,
                actor=actor,
                now=one.at,
                zone=zone,
            )
    except NotFound:
        return


def _last_words(
    session: Session, settings: Settings, cast: list[Company], shown: Mapping[str, str], *, now: datetime
) -> tuple[list[tuple[str, str]], Product]:
    """A few exceptions, as there are in every year, and the ways in: into the portal, and into the product."""
    sato = Actor(kind="staff", key=STAFF[0][0], name=STAFF[0][1])
    stalled = [company for company in cast if company.course == "stalled"]
    reasons = (
        ("担当者が育休のため、復帰まで待つ", {"paused": True}),
        ("テスト用の契約のため数えない", {"excluded": True}),
    )
    for company, (reason, change) in zip(stalled, reasons, strict=False):
        account = account_by_external_id(session, company.external_id)
        if account is not None and account.id is not None:
            try:
                make_exception(
                    session,
                    account_id=account.id,
                    key=CHECKLIST,
                    change=Change(reason=reason, **change),
                    actor=sato,
                    now=now,
                    zone=settings.zone,
                )
            except NotFound:
                continue
    touch_customers(session, now=now, zone=settings.zone)
    recent = sorted((one for one in cast if one.course in ("quick", "steady")), key=lambda one: one.started)
    guests = (recent[-1], next(one for one in reversed(recent) if one.plan != recent[-1].plan))
    lines = [("staff", STAFF[0][1], STAFF[0][0])]
    lines += [("member", f"{one.name} {one.people[0].name}", one.people[0].email) for one in guests]
    base = settings.base_url
    ways = [
        (
            f"{kind} ({who})",
            base + sign_in.issue_link(session, email, now=now, minutes=settings.link_minutes),
        )
        for kind, who, email in lines
    ]
    product = Product(base, shown["public key"], shown["signing secret"], _seats(session, cast, now=now))
    return [*ways, *((label, shown[label]) for label in ("write key", "public key", "API key"))], product


def _seats(session: Session, cast: list[Company], *, now: datetime) -> list[Seat]:
    """Who sits in the product: of the customers who are in time, those with the most still to do."""
    by_id = {company.external_id: company for company in cast}
    still_open = (
        select(Account.external_id)
        .join(Enrollment, col(Enrollment.account_id) == col(Account.id))
        .where(
            col(Enrollment.checklist_key) == CHECKLIST,
            col(Enrollment.completed_at).is_(None),
            col(Enrollment.excluded_at).is_(None),
            col(Enrollment.due_at) > now,
            col(Account.left_at).is_(None),
        )
        .order_by(col(Enrollment.furthest), col(Enrollment.started_at).desc(), col(Account.id))
    )
    chosen = [by_id[external_id] for external_id in session.exec(still_open.limit(SEATS))]
    return [Seat(one.external_id, one.name, one.people[0].external_id, one.people[0].name) for one in chosen]
