"""One customer in full: contract, people, checklists and what happened, with what staff may do for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.duplicates import like
from portal.accounts.invitations import STATE_WORDS, absent, newest, state_of
from portal.accounts.looked_after import strangers
from portal.accounts.models import Account, Erasure, Member, Plan
from portal.accounts.own_fields import as_text, label_of, own_fields
from portal.accounts.paths import customer_path
from portal.accounts.people import members_of
from portal.accounts.personal import erasures_of
from portal.accounts.rules import is_shared_address
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import SeesCustomers, StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.models import Enrollment, EnrollmentException
from portal.checklists.state import RunState, StepState, exceptions_of, states_of
from portal.checklists.wording import counted, is_done_once, people, people_words, proof
from portal.conditions.segments import segments
from portal.events import reads
from portal.insights.account_touch import TouchPart, touch_part
from portal.insights.accounts_pages import RUN_WORDS
from portal.insights.enrolled import enrollments, people_last_seen
from portal.insights.entries import place_of
from portal.insights.timeline import Timeline, exception_words, timeline_of
from portal.kit.clock import local_day
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, redirect, render
from portal.mailing.addresses import stopped_among
from portal.mailing.wording import STOPPED
from portal.segments.membership import segments_of_accounts

router = page_router(prefix="/staff/accounts")
HOW_WORDS = {
    "event": Message("by what happened"),
    "tutorial": Message("by the tutorial"),
    "webinar": Message("by the recording"),
    "document": Message("by the article"),
    "webhook": Message("reported by a system"),
    "api": Message("reported by a system"),
    "member": Message("ticked by the customer"),
    "staff": Message("ticked by staff"),
}
Text = Annotated[str, Query(max_length=200)]
ACTIVE = timedelta(days=28)


@dataclass(frozen=True)
class StepLine:
    """One step of a run, with what shows that it is done, or what counts towards it."""

    key: str
    title: str
    by_staff: bool
    required: bool
    is_done: bool
    at: datetime | None
    who: str
    how: Message | None
    proof: Sequence[Message | str]
    waits: Sequence[Message]
    due_at: datetime | None
    is_late: bool


@dataclass(frozen=True)
class Act:
    """An exception staff may make; `day` is what the form begins with, None where it asks for no day."""

    key: str
    word: Message
    means: Message
    day: date | None = None


@dataclass(frozen=True)
class RunPart:
    """One checklist of the account."""

    state: RunState
    title: str
    word: Message
    tone: str
    steps: Sequence[StepLine]
    exceptions: Sequence[tuple[EnrollmentException, Message]]
    acts: Sequence[Act]


@dataclass(frozen=True)
class Person:
    """A member, and when they last did anything; `is_active`: in the last four weeks; `invited`: how far the invitation
    of somebody who has done nothing yet has come, and how that looks; `stopped`: why their address gets no mails."""

    member: Member
    name: str
    last_seen: datetime | None
    has_left: bool
    is_active: bool
    invited: tuple[Message, str] | None
    stopped: tuple[Message, str] | None


@dataclass(frozen=True)
class AccountPage:
    """For `insights/account.html`. `may_act`: the viewer's role changes things; `absent` can be invited, `shared` being
    those of their addresses that several people read; `active` are who did anything in the last four weeks."""

    account: Account
    plan: str
    has_left: bool
    owner_is_nobody: bool
    people: Sequence[Person]
    last_seen: datetime | None
    runs: Sequence[RunPart]
    timeline: Timeline
    older_href: str
    is_newest: bool
    erasures: Sequence[Erasure]
    base: str
    may_act: bool
    absent: int
    shared: Sequence[str]
    alike: Sequence[Account]
    fields: Sequence[tuple[str, str]]
    segments: Sequence[tuple[str, str]]
    departments: Sequence[tuple[str, int]]
    active: int
    touch: TouchPart


@router.get("/{external_id:path}")
async def account(
    request: Request, site: SiteDep, viewer: SeesCustomers, external_id: str, before: Text = ""
) -> Response:
    """One customer: contract, people, checklists, and what happened."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: _page(session, site, viewer, external_id, before, locale))
    if page.account.external_id != external_id:
        # It was merged, and its address leads to whom it became.
        return redirect(customer_path(page.account.external_id))
    return render(request, "insights/account.html", page, viewer=viewer, nav="accounts")


def _page(
    session: Session, site: Site, viewer: StaffViewer, external_id: str, before: str, locale: Locale
) -> AccountPage:
    now, zone = site.clock(), site.zone
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    account_id = id_of(account)
    members = members_of(session, account_id)
    names = {one.id or 0: one.name or one.email or one.external_id or "" for one in members}
    seen = people_last_seen(session, account_id=account_id)
    runs = enrollments(session, account_id=account_id)
    place = place_of(before)
    happened = timeline_of(
        session, catalog(session), account_id=account_id, names=names, before=place, locale=locale, zone=zone
    )
    missing = absent(session, account, now=now)
    plan = session.get(Plan, account.plan_key) if account.plan_key else None
    waiting = newest(session, [one.id or 0 for one in members if one.id not in seen])
    stopped = stopped_among(session, [one.email_key for one in members if one.email_key])
    persons = [
        Person(
            member=one,
            name=names[one.id or 0] or Message("Unknown visitor").into(locale),
            last_seen=seen.get(one.id or 0),
            has_left=one.left_at is not None and one.left_at <= now,
            is_active=_is_active(one, seen.get(one.id or 0), now),
            invited=STATE_WORDS[state_of(waiting[one.id or 0], now=now)] if one.id in waiting else None,
            stopped=STOPPED[stopped[one.email_key]] if one.email_key and one.email_key in stopped else None,
        )
        for one in members
    ]
    return AccountPage(
        account=account,
        plan=(plan.title or plan.key) if plan else "",
        has_left=account.left_at is not None and account.left_at <= now,
        owner_is_nobody=bool(strangers(session, [account.owner])),
        people=persons,
        active=sum(one.is_active for one in persons),
        touch=touch_part(session, account_id, external_id, staff_id=viewer.staff_id, now=now, zone=zone),
        last_seen=reads.last_seen(session, account_ids=[account_id]).get(account_id),
        runs=[
            _part(session, one, runs[one.key], locale, zone)
            for one in states_of(session, account_id=account_id, now=now, zone=zone)
        ],
        timeline=happened,
        older_href=f"?{urlencode({'before': happened.older})}#timeline" if happened.older else "",
        is_newest=place is None,
        erasures=erasures_of(session, account_id),
        base=customer_path(external_id),
        may_act=viewer.may("act_for_customers"),
        absent=len(missing),
        shared=[one.email for one in missing if one.email and is_shared_address(one.email)],
        alike=like(session, account),
        fields=[
            (label_of(one, locale), as_text(account.traits.get(one.key)))
            for one in own_fields(session)
            if account.traits.get(one.key) is not None
        ],
        segments=_segments(session, account_id, locale),
        departments=Counter(
            one.department for one in members if one.department and (one.left_at is None or one.left_at > now)
        ).most_common(),
    )


def _segments(session: Session, account_id: int, locale: Locale) -> list[tuple[str, str]]:
    inside = segments_of_accounts(session, [account_id]).get(account_id, [])
    return [(one.key, in_words(one.title, locale)) for one in segments(session).all if one.key in inside]


def _is_active(member: Member, last_seen: datetime | None, now: datetime) -> bool:
    return last_seen is not None and last_seen > now - ACTIVE and (member.left_at is None or member.left_at > now)


def _part(session: Session, state: RunState, run: Enrollment, locale: Locale, zone: ZoneInfo) -> RunPart:
    word, tone = RUN_WORDS[state.status]
    return RunPart(
        state=state,
        title=in_words(state.title, locale),
        word=word,
        tone=tone,
        steps=[_line(one, locale) for one in state.steps],
        exceptions=[
            (one, exception_words(one, locale=locale, zone=zone)) for one in exceptions_of(session, run.id or 0)
        ],
        acts=_acts(state, run, zone),
    )


def _acts(state: RunState, run: Enrollment, zone: ZoneInfo) -> list[Act]:
    acts = [
        Act(
            "start",
            Message("Move the start"),
            Message("The deadline and every window count from the new day."),
            local_day(state.started_at, zone),
        ),
        Act(
            "due",
            Message("Change the deadline"),
            Message("The customer has until the end of that day."),
            local_day(state.due_at, zone) if state.due_at else local_day(state.started_at, zone),
        ),
    ]
    if run.due_moved:
        acts.append(Act("rule", Message("Back to the usual deadline"), Message("As the checklist counts it.")))
    if run.paused_at is not None:
        acts.append(Act("resume", Message("Resume"), Message("The deadline moves by the days of the pause.")))
    else:
        acts.append(Act("pause", Message("Pause"), Message("The deadline waits until you resume.")))
    if run.excluded_at is not None:
        acts.append(Act("include", Message("Include again"), Message("The customer counts in all figures again.")))
    else:
        acts.append(
            Act("exclude", Message("Exclude from the figures"), Message("The customer counts in no figure any more."))
        )
    return acts


def _line(one: StepState, locale: Locale) -> StepLine:
    counts = [
        counted(one.step, reason.count, reason.needed, reason.message)
        for reason in one.reasons
        if reason.count is not None and reason.needed is not None and not is_done_once(one.step)
    ]
    if one.done is None and one.people is not None:
        counts.append(people_words(*one.people))
    done = one.done
    return StepLine(
        key=one.step.key,
        title=in_words(one.step.title, locale),
        by_staff=one.step.by == "staff",
        required=one.step.required,
        is_done=done is not None,
        at=done.at if done else None,
        who=(people(done.members, locale) if done.members else done.by_name or done.by) if done else "",
        how=HOW_WORDS[done.how] if done else None,
        proof=proof(one.step, done) if done else (),
        waits=counts if done is None else (),
        due_at=one.due_at,
        is_late=one.is_late,
    )
