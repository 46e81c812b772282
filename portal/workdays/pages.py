"""The vendor's calendar in the browser: what is closed in a year and why, and changing it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.kit.clock import local_day
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.workdays import service
from portal.workdays.japan import holidays_of
from portal.workdays.rules import Calendar, Reason, closed_days

router = page_router(prefix="/staff/calendar")
HERE = "/staff/calendar"
AHEAD = (1, 3, 5, 10)
WEEKDAYS = (
    Message("Monday"),
    Message("Tuesday"),
    Message("Wednesday"),
    Message("Thursday"),
    Message("Friday"),
    Message("Saturday"),
    Message("Sunday"),
)
REASONS: Mapping[Reason, Message] = {
    "own": Message("Own closure"),
    "week": Message("Weekend"),
    "holiday": Message("Public holiday"),
    "new_year": Message("New year's closure"),
    "obon": Message("Obon closure"),
}
Typed = Annotated[str, Form(max_length=100)]


@dataclass(frozen=True)
class Line:
    """A day that is not as the week says. `is_own`: it was set here, and can be taken back."""

    day: date
    reason: Message
    name: str
    is_open: bool
    is_own: bool


@dataclass(frozen=True)
class CalendarPage:
    """For `workdays/calendar.html`. `ahead`: (business days from today, the day that is)."""

    calendar: Calendar
    weekdays: Sequence[Message]
    year: int
    lines: Sequence[Line]
    previous: str
    following: str
    is_open: bool
    ahead: Sequence[tuple[int, date]]
    may_act: bool
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@router.get("")
async def calendar(
    request: Request, site: SiteDep, viewer: SeesCustomers, year: Annotated[int, Query(ge=0, le=9999)] = 0
) -> Response:
    """One year's closed days, and how the week is worked."""
    locale = locale_of(request, viewer)
    page = await site.database.read(lambda session: _page(session, site, viewer, locale, year))
    return render(request, "workdays/calendar.html", page, viewer=viewer, nav="calendar")


@router.post("")
async def set_week(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    weekdays: Annotated[list[int] | None, Form()] = None,
    holidays: Typed = "",
    new_year: Typed = "",
    obon: Typed = "",
) -> Response:
    """Which weekdays are worked, and which of the usual closures hold."""
    now = site.clock()

    def work(session: Session) -> None:
        service.set_week(
            session,
            weekdays=weekdays or (),
            holidays=bool(holidays),
            new_year=bool(new_year),
            obon=bool(obon),
            by=viewer.email_key,
            now=now,
        )

    return await _save(request, site, viewer, work, said=Message("Saved."))


@router.post("/days")
async def set_days(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    first: Typed = "",
    last: Typed = "",
    name: Typed = "",
    kind: Typed = "closed",
) -> Response:
    """Close some days, or work on them all the same."""
    now = site.clock()
    typed = {"first": first, "last": last, "name": name, "kind": kind}

    def work(session: Session) -> None:
        begin = _day("first", first)
        service.set_own_days(
            session,
            first=begin,
            last=_day("last", last) if last else begin,
            name=name,
            is_open=kind == "open",
            by=viewer.email_key,
            now=now,
        )

    return await _save(request, site, viewer, work, said=Message("Saved."), typed=typed, year=first[:4])


@router.post("/days/{day}/forget")
async def forget_day(request: Request, site: SiteDep, viewer: ActsForCustomers, day: str) -> Response:
    """Take back what was said of one day."""
    try:
        asked = date.fromisoformat(day)
    except ValueError as error:
        raise NotFound from error
    if not await site.database.write(lambda session: service.forget_own_day(session, day=asked)):
        raise NotFound
    return _back(request, Message("The day is as the calendar has it."), str(asked.year))


def _page(
    session: Session,
    site: Site,
    viewer: StaffViewer,
    locale: Locale,
    year: int = 0,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[Message]] | None = None,
) -> CalendarPage:
    today = local_day(site.clock(), site.zone)
    year = min(max(year or today.year, service.FIRST.year), service.LAST.year)
    known = service.calendar_of(session)
    first, last = date(year, 1, 1), date(year, 12, 31)
    own = {row.day: row for row in service.own_days(session, first=first, last=last)}
    names = holidays_of(year, locale)
    lines = [
        Line(day, REASONS[reason], own[day].name if day in own else names.get(day, ""), False, day in own)
        for day, reason in closed_days(known, first, last)
    ]
    lines += [Line(row.day, Message("Worked"), row.name, True, True) for row in own.values() if row.is_open]
    return CalendarPage(
        calendar=known,
        weekdays=WEEKDAYS,
        year=year,
        lines=sorted(lines, key=lambda one: one.day),
        previous=f"{HERE}?year={year - 1}" if year > service.FIRST.year else "",
        following=f"{HERE}?year={year + 1}" if year < service.LAST.year else "",
        is_open=known.is_business_day(today),
        ahead=[(count, known.add_business_days(today, count)) for count in AHEAD],
        may_act=viewer.may("act_for_customers"),
        typed=typed or {},
        errors=errors or {},
    )


async def _save(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    work: Callable[[Session], None],
    *,
    said: Message,
    typed: Mapping[str, str] | None = None,
    year: str = "",
) -> Response:
    try:
        await site.database.write(work)
    except Invalid as wrong:
        errors = by_field(wrong.problems)
        locale = locale_of(request, viewer)
        page = await site.database.read(
            lambda session: _page(session, site, viewer, locale, typed=typed, errors=errors)
        )
        return render(request, "workdays/calendar.html", page, viewer=viewer, nav="calendar", status=422)
    return _back(request, said, year)


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise service.wrong(name, Message("Choose a day that exists.")) from error


def _back(request: Request, said: Message, year: str = "") -> Response:
    response = redirect(f"{HERE}?year={year}" if year.isdecimal() else HERE)
    flash(request, response, said)
    return response
