"""Plans in the browser: what each is called and holds, and how many customers have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request
from sqlalchemy import func, select
from sqlmodel import Session, col
from starlette.responses import Response

from portal.accounts.fields import Unreadable
from portal.accounts.models import Account, Plan
from portal.accounts.plan_fields import PlanForm, form_in, plan_key, read_form
from portal.accounts.plans import list_plans, put_plan
from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.kit.errors import Conflict, FieldProblem, NotFound, by_field
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render

router = page_router(prefix="/staff/plans")
BLANK_ROWS = 3
"""Rows for further limits below those there are; there are as many again once they are saved."""
Errors = dict[str, list[Message]]


@dataclass(frozen=True)
class PlansPage:
    """For `accounts/plans.html`: each plan with how many customers have it; `without` have none."""

    plans: Sequence[tuple[Plan, int]]
    without: int


@dataclass(frozen=True)
class PlanPage:
    """For `accounts/plan.html`. `key` is "" for a new one, whose key as it was typed is `named`; `errors` are by field,
    those of a limit by its row; `meters` are what plans limit by now."""

    key: str
    title: str
    form: PlanForm
    having: int
    meters: Sequence[str]
    may_edit: bool
    named: str = ""
    blank: int = BLANK_ROWS
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def plans(request: Request, site: SiteDep, viewer: SeesCustomers) -> Response:
    """Every plan, from the lowest rank, and who has it by number."""

    def work(session: Session) -> PlansPage:
        counts = _having(session)
        return PlansPage([(plan, counts.get(plan.key, 0)) for plan in list_plans(session)], counts.get(None, 0))

    page = await site.database.report(work)
    return render(request, "accounts/plans.html", page, viewer=viewer, nav="plans")


@router.get("/new")
async def new_plan(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """An empty form."""
    return await _show(request, site, viewer, "")


@router.post("/new")
async def add_plan(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """Keep a plan that nothing has named yet."""
    return await _keep(request, site, viewer, "")


@router.get("/{key:path}")
async def plan(request: Request, site: SiteDep, viewer: SeesCustomers, key: str) -> Response:
    """One plan, and its form for those who may."""
    return await _show(request, site, viewer, key)


@router.post("/{key:path}")
async def change_plan(request: Request, site: SiteDep, viewer: ActsForCustomers, key: str) -> Response:
    """The plan is from now on what the form says."""
    return await _keep(request, site, viewer, key)


async def _keep(request: Request, site: Site, viewer: StaffViewer, key: str) -> Response:
    said = await request.form()
    form, typed = form_in(dict(said)), str(said.get("key", "")).strip()
    read = read_form(form, zone=site.zone)
    problems = [*read.problems, *([] if key else _wrong_key(typed, site))]

    def work(session: Session) -> None:
        there = session.get(Plan, key or typed)
        if key and there is None:
            raise NotFound
        if not key and there is not None:
            raise Conflict(Message("There is a plan with this key already."))
        put_plan(
            session,
            key or typed,
            title=cast("str | None", read.changes.get("title")) or None,
            limits=cast("Mapping[str, float]", read.changes["limits"]),
            features=cast("Sequence[str]", read.changes.get("features") or ()),
            rank=cast("int | None", read.changes.get("rank")),
        )

    if not problems:
        try:
            await site.database.write(work)
        except Conflict as refused:
            problems = [FieldProblem("key", refused.code, refused.message)]
        else:
            answer = redirect("/staff/plans")
            flash(request, answer, Message("Saved."))
            return answer
    return await _show(request, site, viewer, key, form, typed, by_field(problems))


def _wrong_key(typed: str, site: Site) -> list[FieldProblem]:
    try:
        plan_key(typed, site.zone)
    except Unreadable as wrong:
        return [FieldProblem("key", wrong.code, wrong.message)]
    if not typed or typed == "new":
        return [FieldProblem("key", "missing", Message("Write the key that your systems send for it."))]
    return []


async def _show(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    key: str,
    form: PlanForm | None = None,
    named: str = "",
    errors: Errors | None = None,
) -> Response:
    def work(session: Session) -> PlanPage:
        row = session.get(Plan, key) if key else None
        if key and row is None:
            raise NotFound
        return PlanPage(
            key=key,
            title=(row.title or row.key) if row else "",
            form=form or (_form_of(row) if row else PlanForm()),
            having=_having(session).get(key, 0) if row else 0,
            meters=sorted({meter for one in list_plans(session) for meter in one.limits}),
            may_edit=viewer.may("act_for_customers"),
            named=named,
            errors=errors or {},
        )

    page = await site.database.read(work)
    return render(request, "accounts/plan.html", page, viewer=viewer, nav="plans", status=422 if page.errors else 200)


def _form_of(row: Plan) -> PlanForm:
    return PlanForm(
        title=row.title or "",
        limits=[(meter, f"{number:.15g}") for meter, number in row.limits.items()],
        features="\n".join(row.features),
        rank="" if row.rank is None else str(row.rank),
    )


def _having(session: Session) -> dict[str | None, int]:
    asked = select(col(Account.plan_key), func.count()).group_by(col(Account.plan_key))
    return {row[0]: row[1] for row in session.execute(asked)}
