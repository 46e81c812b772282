"""Background work at the staff desk: how it stands, what has failed for good, and trying that again; and `/metrics`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated

import orjson
from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.client import client_of
from portal.accounts.visits import ConnectsSystems, SeesCustomers
from portal.jobs.backlog import Standing, dead_letters, gauges, next_runs, standings
from portal.kit import metrics
from portal.kit.errors import NotFound
from portal.kit.i18n import Message
from portal.kit.jobs import Job, retry
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/jobs")
PER_PAGE = 50
RETRIED_AT_ONCE = 1_000


@dataclass(frozen=True)
class JobsPage:
    """For `jobs/show.html`. `dead` are jobs with what they were to do, as JSON."""

    standings: Sequence[Standing]
    dead: Sequence[tuple[Job, str]]
    kind: str
    older_href: str
    runs: Sequence[tuple[str, str, datetime | None]]
    may_act: bool


@router.get("")
async def show(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    kind: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> HTMLResponse:
    """How the background work stands."""
    now = site.clock()

    def work(session: Session) -> JobsPage:
        found = dead_letters(session, kind=kind, before=before, limit=PER_PAGE + 1)
        shown = found[:PER_PAGE]
        more = f"?before={shown[-1].id}{f'&kind={kind}' if kind else ''}" if len(found) > PER_PAGE else ""
        return JobsPage(
            standings=standings(session, now=now),
            dead=[(job, orjson.dumps(_shown(job)).decode()) for job in shown],
            kind=kind,
            older_href=more,
            runs=next_runs(session),
            may_act=viewer.may("connect_systems"),
        )

    page = await site.database.report(work)
    return render(request, "jobs/show.html", page, viewer=viewer, nav="jobs")


@router.post("/retry")
async def retry_all(
    request: Request, site: SiteDep, _viewer: ConnectsSystems, kind: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Try again whatever of a kind is dead."""
    now = site.clock()

    def work(session: Session) -> int:
        found = dead_letters(session, kind=kind, limit=RETRIED_AT_ONCE)
        return sum(retry(session, job.id or 0, now=now) for job in found)

    count = await site.database.write(work)
    return _back(request, Message("%(count)s jobs are being tried again.", count=count))


@router.post("/{job}/retry")
async def retry_one(request: Request, site: SiteDep, _viewer: ConnectsSystems, job: int) -> Response:
    """Try one dead job again."""
    now = site.clock()
    if not await site.database.write(lambda session: retry(session, job, now=now)):
        return _back(request, Message("This one is not dead any more, or the same is being done already."), kind="warn")
    return _back(request, Message("The job is being tried again."))


async def show_metrics(request: Request, site: SiteDep) -> Response:
    """For Prometheus, on the networks that may read it; for everybody else there is nothing here."""
    if not _may_read(request, site):
        raise NotFound
    now = site.clock()
    found = await site.database.report(lambda session: gauges(session, now=now))
    return Response(metrics.exposition(found), media_type=metrics.TEXT, headers={"Cache-Control": "no-store"})


def _may_read(request: Request, site: Site) -> bool:
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    if forwarded and not site.trusted_proxies:
        return False  # it came by a proxy nobody told us of: whose request it is, is not known
    try:
        client = ip_address(client_of(peer, forwarded, site.trusted_proxies).partition("/")[0])
    except ValueError:
        return False
    return any(client in network for network in site.metrics_from)


def _shown(job: Job) -> dict[str, object]:
    """What a job was to do, without what was sealed or is a whole mail."""
    return {name: value for name, value in job.payload.items() if name not in ("sealed", "text", "html")}


def _back(request: Request, said: Message, *, kind: str = "good") -> Response:
    response = redirect("/staff/jobs")
    flash(request, response, said, kind=kind)
    return response
