"""The vendor that is measured: made by the commands an operator has, with the starter library and own checklists.

200 customers of five people each send six kinds of events. `watched` asks about two of them: one step that is soon
done, and one that stays open throughout, so that a twelfth part of the events costs an evaluation every time and a
third a look. `wide` has thirty steps of every kind, for one customer whose page is measured. The reports have a
database of their own, whose customers go in as bare rows: importing 100,000 is measured elsewhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from sqlalchemy import insert
from sqlmodel import Session, col, select

from portal.accounts.models import Account, Member
from portal.accounts.sessions import open_visit
from portal.checklists.models import Completion, Enrollment
from portal.kit.clock import utcnow
from portal.kit.db import chunks, run
from portal.kit.paths import bundled
from tests.server import Server

ACCOUNTS = 200
MEMBERS = 5
EVENTS = ("login", "member.invited", "invoice.sent", "report.opened", "file.uploaded", "comment.added")
ARTICLE = "signing-in"
STEPS = 5
WIDE_STEPS = 30


@dataclass(frozen=True)
class Vendor:
    """What the load needs to know: the article's address, a member's cookie, and the keys."""

    article: str
    cookie: str
    write_key: str
    api_key: str


def furnish(server: Server) -> Vendor:
    """Everything but the report's customers; leaves the server running."""
    now = utcnow()
    server.banso("migrate")
    library = server.directory / "library"
    shutil.copytree(bundled("content") / "manuals", library / "content" / "manuals")
    shutil.copy(bundled("content") / "collections.yml", library / "content")
    (library / "content" / "checklists").mkdir()
    for checklist in (_watched(), _wide()):
        _write(library, checklist)
    server.banso("publish", str(library), "--yes")
    _import(server, now)
    write_key = _value(server.banso("source", "add", "app"), "write key")
    api_key = _value(server.banso("key", "add", "bench"), "API key")
    cookie = run(server.database_url, lambda session: _sign_in(session, now=now))
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True, cookies={"banso": cookie}) as client:
        history = [_wide_event(number, now) for number in range(60)]
        client.post("/api/v1/batch", json={"batch": history}, auth=(write_key, "")).raise_for_status()
        found = client.get(f"/manuals/{ARTICLE}").raise_for_status()
    return Vendor(found.url.path, cookie, write_key, api_key)


def furnish_reports(server: Server, sizes: tuple[int, ...]) -> str:
    """A checklist `rate-N` with N customers enrolled for each size; answers with an API key and leaves it running."""
    server.banso("migrate")
    library = server.directory / "library"
    (library / "content" / "checklists").mkdir(parents=True)
    for size in sizes:
        steps = [
            {"key": f"s{number}", "title": f"Step {number}", "done_when": "tick"} for number in range(1, STEPS + 1)
        ]
        _write(library, {"key": f"rate-{size}", "title": "Rate", "due": "1mo", "from": "2000-01-01", "steps": steps})
    server.banso("publish", str(library), "--yes")
    api_key = _value(server.banso("key", "add", "bench"), "API key")
    run(server.database_url, lambda session: _enroll(session, sizes, now=utcnow()))
    server.start()
    return api_key


# --- the vendor -------------------------------------------------------------------------------------------------------


def _watched() -> dict[str, Any]:
    days = {"event": "login", "distinct": "day", "at_least": 8, "within": "1mo"}
    invited = {"event": "member.invited", "at_least": 3}
    return {
        "key": "watched",
        "title": "Watched",
        "audience": {"plan": ["pro"]},
        "from": "2000-01-01",
        "due": "1mo",
        "steps": [
            {"key": "invite", "title": "Invite three members", "done_when": invited},
            {"key": "login", "title": "Log in on eight days", "done_when": days},
            {"key": "billing", "title": "Confirm billing", "done_when": "tick"},
        ],
    }


def _wide() -> dict[str, Any]:
    kinds: tuple[dict[str, Any], ...] = (
        {"done_when": "tick"},
        {"done_when": {"event": "wide.used", "at_least": 3}},
        {"done_when": {"event": "wide.used", "distinct": "day", "at_least": 8, "within": "1mo"}},
        {"scope": "every_member", "done_when": {"event": "wide.used"}},
        {"scope": {"share": "80%"}, "done_when": {"document": ARTICLE}},
        {"scope": {"role": "admin"}, "done_when": "tick"},
    )
    steps = [
        {"key": f"s{number}", "title": {"ja": f"{number}番目の手順", "en": f"Step number {number}"}, "due": "2w"}
        | kinds[number % len(kinds)]
        for number in range(1, WIDE_STEPS + 1)
    ]
    return {
        "key": "wide",
        "title": {"ja": "いちばん長いチェックリスト", "en": "The longest checklist"},
        "audience": {"plan": ["enterprise"]},
        "from": "2000-01-01",
        "due": "1mo",
        "steps": steps,
    }


def _wide_event(number: int, now: datetime) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "wide.used",
        "userId": f"w-{number % 8}",
        "context": {"groupId": "wide"},
        "messageId": f"wide-{number}",
        "timestamp": (now - timedelta(hours=number)).isoformat(),
    }


def _import(server: Server, now: datetime) -> None:
    started = (now - timedelta(days=5)).date()
    accounts = [f"a-{number},Customer {number},pro,{started}" for number in range(ACCOUNTS)]
    members = [
        f"a-{account}-{person},a-{account},p{person}@a{account}.example,{'admin' if person == 0 else 'member'}"
        for account in range(ACCOUNTS)
        for person in range(MEMBERS)
    ]
    accounts.append(f"wide,Wide,enterprise,{started}")
    members += [
        f"w-{person},wide,w{person}@wide.example,{'admin' if person == 0 else 'member'}" for person in range(10)
    ]
    for kind, head, rows in (
        ("accounts", "external_id,name,plan,started_at", accounts),
        ("members", "external_id,account,email,role", members),
    ):
        path = server.directory / f"{kind}.csv"
        path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
        server.banso("import", kind, str(path))


def _sign_in(session: Session, *, now: datetime) -> str:
    member_id = session.exec(select(col(Member.id)).where(col(Member.external_id) == "w-0")).one()
    return open_visit(session, member_id=member_id, now=now, days=30)


def _write(library: Path, checklist: dict[str, Any]) -> None:
    path = library / "content" / "checklists" / f"{checklist['key']}.yml"
    path.write_text(json.dumps(checklist, ensure_ascii=False), encoding="utf-8")


def _value(printed: str, label: str) -> str:
    for line in printed.splitlines():
        if line.startswith(f"{label}: "):
            return line.partition(": ")[2]
    raise LookupError(label)


# --- the customers of the reports -------------------------------------------------------------------------------------


def _enroll(session: Session, sizes: tuple[int, ...], *, now: datetime) -> None:
    """One year of starts; each customer has done the first so many steps, and all of them means completed."""
    random = Random(1)
    starts = [now - timedelta(days=random.random() * 365) for _ in range(max(sizes))]
    done = [random.choices(range(STEPS + 1), weights=(10, 8, 7, 8, 7, 60))[0] for _ in starts]
    _insert(session, Account, (_account(number, start, random) for number, start in enumerate(starts, start=1)))
    enrollment_id = 0
    for size in sizes:
        key = f"rate-{size}"
        runs = list(zip(starts[:size], done[:size], strict=True))
        first, enrollment_id = enrollment_id + 1, enrollment_id + size
        _insert(session, Enrollment, _enrollments(key, first, runs))
        _insert(session, Completion, _completions(key, first, runs))


def _account(number: int, start: datetime, random: Random) -> dict[str, Any]:
    return {
        "id": number,
        "external_id": f"r-{number}",
        "name": f"Customer {number}",
        "owner": f"owner{number % 7}@vendor.example",
        "tier": ("high", "low", "tech")[number % 3],
        "created_at": start,
        "started_at": start,
        "left_at": start + timedelta(days=20) if random.random() < 0.05 else None,
        "recorded_at": start,
        "mail_domains": [],
        "traits": {},
    }


def _enrollments(key: str, first: int, runs: list[tuple[datetime, int]]) -> Iterator[dict[str, Any]]:
    for number, (start, steps) in enumerate(runs):
        yield {
            "id": first + number,
            "account_id": number + 1,
            "checklist_key": key,
            "version": 1,
            "enrolled_at": start,
            "started_at": start,
            "due_at": start + timedelta(days=30),
            "completed_at": _step_at(start, STEPS, number) if steps == STEPS else None,
            "furthest": steps,
            "last_progress_at": _step_at(start, steps, number) if steps else None,
        }


def _completions(key: str, first: int, runs: list[tuple[datetime, int]]) -> Iterator[dict[str, Any]]:
    for number, (start, steps) in enumerate(runs):
        for step in range(1, steps + 1):
            at = _step_at(start, step, number)
            yield {
                "enrollment_id": first + number,
                "checklist_key": key,
                "step_key": f"s{step}",
                "at": at,
                "days": (at - start).days,
                "recorded_at": at,
                "how": "member",
                "evidence": {},
            }


def _step_at(start: datetime, step: int, number: int) -> datetime:
    return min(start + timedelta(days=step * (1 + number % 11)), datetime.now(UTC))


def _insert(session: Session, model: Any, rows: Iterator[dict[str, Any]]) -> None:
    for some in chunks(list(rows), 5000):
        session.connection().execute(insert(model), list(some))
