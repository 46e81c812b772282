"""The audit log for owners: who saw and changed what, found by person, customer, kind and day, and taken as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, get_args
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request
from sqlalchemy import select
from sqlmodel import Session, col
from starlette.responses import Response

from portal.accounts.models import Account
from portal.accounts.paths import customer_path
from portal.accounts.trail import TrailKind
from portal.accounts.trail_models import TrailEntry
from portal.accounts.visits import ManagesStaff
from portal.events.export import as_file
from portal.insights.audit import (
    AuditFilters,
    AuditPlace,
    as_object,
    audit_lines,
    audit_place,
    every_line,
    people_of_trail,
)
from portal.insights.audit_words import KIND_MEANINGS, KIND_WORDS, act_words, change_lines
from portal.kit.csvout import export_csv
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, page_router, render

router = page_router(prefix="/staff")
HERE = "/staff/audit"
PER_PAGE = 100
COLUMNS = ("at", "kind", "act", "by", "by_name", "about", "account_id", "member_id", "detail")
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class AuditLine:
    """One line as the page shows it. `href` leads to the customer, if it is still there."""

    entry: TrailEntry
    act: Message | str
    kind: Message
    href: str
    named: str
    changes: Sequence[tuple[str, str, str, str]]


@dataclass(frozen=True)
class AuditPage:
    """For `insights/audit.html`."""

    lines: Sequence[AuditLine]
    filters: AuditFilters
    kinds: Sequence[tuple[str, Message, Message]]
    people: Sequence[tuple[str, str]]
    days: int
    is_filtered: bool
    is_newest: bool
    older_href: str
    newest_href: str
    csv_href: str
    jsonl_href: str


async def filters_of(
    who: Text = "",
    customer: Text = "",
    kind: Text = "",
    first: Text = "",
    last: Text = "",
) -> AuditFilters:
    """What the address asks for; an odd word means everything."""
    known: TrailKind | None = next((one for one in get_args(TrailKind) if one == kind), None)
    return AuditFilters(who.strip(), customer.strip(), known, _day(first), _day(last))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2199 else None


FiltersDep = Annotated[AuditFilters, Depends(filters_of)]


@router.get("/audit")
async def audit(
    request: Request, site: SiteDep, viewer: ManagesStaff, filters: FiltersDep, before: Text = ""
) -> Response:
    """The lines that fit, the newest first."""
    page = await site.database.report(lambda session: _page(session, site, filters, audit_place(before)))
    return render(request, "insights/audit.html", page, viewer=viewer, nav="audit")


@router.get("/audit.csv")
async def audit_csv(site: SiteDep, _viewer: ManagesStaff, filters: FiltersDep) -> Response:
    """The lines that fit, as a file that Excel opens."""

    def work(session: Session) -> bytes:
        objects = map(as_object, every_line(session, filters, zone=site.zone))
        rows = ([_cell(one[name]) for name in COLUMNS] for one in objects)
        return export_csv(COLUMNS, rows)

    body = await site.database.report(work)
    return Response(body, media_type="text/csv; charset=utf-8", headers=as_file("audit", "csv"))


@router.get("/audit.jsonl")
async def audit_jsonl(site: SiteDep, _viewer: ManagesStaff, filters: FiltersDep) -> Response:
    """The lines that fit, one JSON object a line."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z

    def work(session: Session) -> bytes:
        lines = every_line(session, filters, zone=site.zone)
        return b"".join(orjson.dumps(as_object(line), option=options) for line in lines)

    body = await site.database.report(work)
    return Response(body, media_type="application/x-ndjson", headers=as_file("audit", "jsonl"))


def _page(session: Session, site: Site, filters: AuditFilters, before: AuditPlace | None) -> AuditPage:
    found = audit_lines(session, filters, before=before, limit=PER_PAGE + 1, zone=site.zone)
    shown = found[:PER_PAGE]
    ids = {one.account_id for one in shown if one.account_id}
    known = {one.id: one for one in session.execute(select(Account).where(col(Account.id).in_(ids))).scalars()}
    asked = {
        "who": filters.who,
        "customer": filters.customer,
        "kind": filters.kind or "",
        "first": filters.first.isoformat() if filters.first else "",
        "last": filters.last.isoformat() if filters.last else "",
    }
    kept = {name: value for name, value in asked.items() if value}

    def address(path: str = HERE, **more: str) -> str:
        query = urlencode({**kept, **more})
        return f"{path}?{query}" if query else path

    last = shown[-1] if len(found) > PER_PAGE else None
    return AuditPage(
        lines=[_line(one, known.get(one.account_id or 0)) for one in shown],
        filters=filters,
        kinds=[(one, KIND_WORDS[one], KIND_MEANINGS[one]) for one in get_args(TrailKind)],
        people=people_of_trail(session),
        days=site.audit_days,
        is_filtered=bool(kept),
        is_newest=before is None,
        older_href=address(before=str(AuditPlace(last.at, last.id or 0))) if last else "",
        newest_href=address(),
        csv_href=address(f"{HERE}.csv"),
        jsonl_href=address(f"{HERE}.jsonl"),
    )


def _line(entry: TrailEntry, account: Account | None) -> AuditLine:
    kinds = {one: KIND_WORDS[one] for one in get_args(TrailKind)}
    hidden = {"external_id", "member_id"}
    named = entry.detail.get("named", {})
    return AuditLine(
        entry=entry,
        act=act_words(entry.act),
        kind=kinds[entry.kind],
        href=customer_path(account.external_id) if account else "",
        named=", ".join(f"{name} {value}" for name, value in named.items() if name not in hidden),
        changes=change_lines(entry.detail),
    )


def _cell(value: object) -> object:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value
