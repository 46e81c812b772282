"""A checklist as its page and the home page show it to one member: a ring, a day, a path, and one next step.

Everything here is decided from `state`; templates only lay it out. Days are written for the reader when the view is
made, so the sentences stay messages and are translated last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.visits import MemberViewer
from portal.checklists.actors import Actor
from portal.checklists.authors import authors_of
from portal.checklists.definition import EveryMember, Share
from portal.checklists.guides import Guide, guides_of
from portal.checklists.state import Done, RunState, StepState
from portal.checklists.wording import (
    Days,
    counted,
    due_words,
    how_done,
    is_done_once,
    people,
    people_words,
    proof,
    scope_words,
    ticking_words,
    why_next,
)
from portal.content.readers import reader_of
from portal.kit import dates
from portal.kit.clock import local_day
from portal.kit.i18n import Locale, Message
from portal.kit.templating import in_locale

Look = Literal["done", "next", "late", "waiting", "staff"]
LOOKS = {
    "done": Message("Done"),
    "next": Message("Next step"),
    "late": Message("Still open; its day has passed"),
    "waiting": Message("Still open"),
    "staff": Message("Your support contact does this"),
}


@dataclass(frozen=True)
class Count:
    """So many of so many, in words and as a bar."""

    text: Message
    done: int
    total: int


@dataclass(frozen=True)
class Fact:
    """A line of what shows that a step is done: `value` is words, or an instant to be written for the reader."""

    name: Message
    value: Message | str | datetime

    @property
    def is_moment(self) -> bool:
        """Whether `value` is an instant."""
        return isinstance(self.value, datetime)


@dataclass(frozen=True)
class StepView:
    """One step for one reader.

    `url` is where in the product it is done; `tick_url` and `undo_url` are where their own buttons post to, if they
    have them.
    """

    key: str
    anchor: str
    number: int
    title: str
    description: str
    look: Look
    look_word: Message
    tag: Message | None
    tag_tone: str
    note: Message | None
    is_open: bool
    why: Message | None
    remarks: Sequence[Message]
    counts: Sequence[Count]
    facts: Sequence[Fact]
    guide: Guide | None
    url: str | None
    tick_url: str | None
    undo_url: str | None
    is_own_part: bool


@dataclass(frozen=True)
class ChecklistView:
    """One checklist for one reader. `optional_left` are the steps a completed one still offers."""

    key: str
    region: str
    href: str
    title: str
    done: int
    total: int
    ring: Message
    due: Message | None
    is_overdue: bool
    completed_at: datetime | None
    started_at: datetime
    due_at: datetime | None
    optional_left: int
    steps: Sequence[StepView]


def actor_of(viewer: MemberViewer) -> Actor:
    """The member as the record keeps them."""
    return Actor(
        kind="member",
        key=viewer.external_id or viewer.email_key or str(viewer.member_id),
        name=viewer.name,
        member_id=viewer.member_id,
        is_admin=viewer.is_admin,
        role=viewer.role,
    )


def view_of(
    session: Session,
    state: RunState,
    viewer: MemberViewer,
    *,
    locale: Locale,
    now: datetime,
    zone: ZoneInfo,
    opened: str = "",
) -> ChecklistView:
    """`state` (taken for this member) as they see it; the step `opened` stands open besides the next."""
    today = local_day(now, zone)
    day: Days = partial(dates.day, locale=locale, zone=zone, today=today)
    guides = guides_of(session, [one.step for one in state.steps], reader_of(viewer), locale=locale, now=now, zone=zone)
    authors = authors_of(session, state)
    following = next_for(state)
    me = actor_of(viewer).key
    steps = [
        _step(
            state,
            one,
            following=following,
            me=me,
            author=authors.get(one.step.key, ""),
            guides=guides,
            locale=locale,
            day=day,
            opened=opened,
        )
        for one in state.steps
    ]
    title = in_locale(state.title, locale=locale)
    return ChecklistView(
        key=state.key,
        region=f"checklist-{state.key}",
        href=f"/checklists/{state.key}",
        title=title,
        done=state.progress.done,
        total=state.progress.total,
        ring=Message("%(done)s of %(total)s done", done=state.progress.done, total=state.progress.total),
        due=due_words(state, day=day),
        is_overdue=state.status == "overdue",
        completed_at=state.completed_at,
        started_at=state.started_at,
        due_at=state.due_at,
        optional_left=state.progress.total - state.progress.done if state.completed_at else 0,
        steps=steps,
    )


def next_for(state: RunState) -> str | None:
    """The step to propose to the member the state was taken for: one in which they can do something, if there is one.

    Required steps come first. Where their own part is done everywhere, it is the account's next step: their colleagues
    may need a reminder.
    """
    waiting = [one for one in state.steps if one.done is None and one.step.by == "customer"]
    own = [one for one in waiting if one.people is None or (one.mine is None and one.mine_counts)]
    for choice in ([one for one in own if one.step.required], own):
        # Something optional of one's own comes after what the whole company still has to do.
        if choice and (choice[0].step.required or all(not one.step.required for one in waiting)):
            return choice[0].step.key
    return state.next_key


def _step(
    run: RunState,
    state: StepState,
    *,
    following: str | None,
    me: str,
    author: str,
    guides: Mapping[str, Guide],
    locale: Locale,
    day: Days,
    opened: str,
) -> StepView:
    step = state.step
    look = _look(state, is_next=step.key == following)
    tag, tone = _tag(state, look)
    base = f"/checklists/{run.key}/steps/{step.key}/completion"
    # Once it is settled for the company, one's own part is worth ticking only where everyone was asked.
    wanted = state.done is None or isinstance(step.scope, EveryMember | Share)
    return StepView(
        key=step.key,
        anchor=f"step-{run.key}-{step.key}",
        number=state.position,
        title=in_locale(step.title, locale=locale),
        description=in_locale(step.description, locale=locale) if step.description else "",
        look=look,
        look_word=LOOKS[look],
        tag=tag,
        tag_tone=tone,
        note=_note(state, me=me, author=author, locale=locale, day=day),
        is_open=look == "next" or step.key == opened,
        why=why_next(state) if look == "next" else None,
        remarks=_remarks(state, day=day),
        counts=_counts(state) if wanted else (),
        facts=_facts(state, state.done, locale=locale) if state.done else (),
        guide=guides.get(step.key),
        url=step.url if state.done is None and step.by == "customer" else None,
        tick_url=base if state.can_tick and wanted else None,
        undo_url=f"{base}/undo" if state.can_undo else None,
        is_own_part=state.people is not None,
    )


def _look(state: StepState, *, is_next: bool) -> Look:
    if state.done is not None:
        return "done"
    if state.step.by == "staff":
        return "staff"
    if is_next:
        return "next"
    return "late" if state.is_late else "waiting"


def _tag(state: StepState, look: Look) -> tuple[Message | None, str]:
    if look == "next":
        return (Message("Next step; its day has passed"), "warn") if state.is_late else (LOOKS["next"], "accent")
    if look == "late":
        return Message("Its day has passed"), "warn"
    if look == "waiting" and state.mine is not None:
        return Message("Your part is done"), "good"
    if look != "done" and not state.step.required:
        return Message("Optional"), ""
    return None, ""


def _note(state: StepState, *, me: str, author: str, locale: Locale, day: Days) -> Message | None:
    """The line beside a step's title: who did it, or by when and by whom it is to be done."""
    if state.done is not None:
        return how_done(state.done, me=me, author=author, locale=locale, day=day)
    if state.due_at is not None and not state.is_late:
        return Message("until %(day)s", day=day(state.due_at))
    return LOOKS["staff"] if state.step.by == "staff" else None


def _remarks(state: StepState, *, day: Days) -> list[Message]:
    step, said = state.step, []
    if state.done is None:
        said = [sentence for sentence in (ticking_words(step), scope_words(step.scope)) if sentence is not None]
    if state.people is not None and state.mine is not None:
        said.append(Message("You did your part on %(day)s.", day=day(state.mine.at)))
    elif state.done is not None and state.can_tick and isinstance(step.scope, EveryMember | Share):
        said.append(Message("The step is done for your company. Your own part is still open."))
    return said


def _counts(state: StepState) -> list[Count]:
    counts = []
    if state.done is None or state.people is not None:
        reasons = [one for one in state.reasons if one.count is not None and (one.needed or 0) > 1]
        counts = [
            Count(
                counted(state.step, one.count or 0, one.needed or 0, one.message),
                min(one.count or 0, one.needed or 0),
                one.needed or 0,
            )
            for one in reasons
            if not is_done_once(state.step)
        ]
    if state.people is not None and state.done is None and state.people[1] > 1:
        done, total = state.people
        counts.append(Count(people_words(done, total), done, total))
    return counts


def _facts(state: StepState, done: Done, *, locale: Locale) -> list[Fact]:
    facts = [Fact(Message("When"), done.at)]
    if (done.recorded_at - done.at).total_seconds() > 86400:
        facts.append(Fact(Message("Learned of it"), done.recorded_at))
    if done.members:
        facts.append(Fact(Message("Who"), people(done.members, locale)))
    facts += [Fact(Message("What counted"), sentence) for sentence in proof(state.step, done)]
    return facts
