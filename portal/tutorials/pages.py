"""The pages of tutorials: the list, the overview, one screen for each step, and the end.

All of it is links and one-button forms, so it works without JavaScript; the way is remembered on the server, so it
goes on on any device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import yaml
from fastapi import Request, Response

from portal.accounts.visits import AnyViewer, MemberViewer, SignedIn, StaffViewer
from portal.content.readers import reader_of
from portal.kit.headers import PLAYERS_ALLOWED
from portal.kit.i18n import Locale, Message
from portal.kit.markdown.media import has_players
from portal.kit.templating import in_locale
from portal.kit.web import SiteDep, locale_of, page_router, redirect, render
from portal.tutorials.service import (
    Overview,
    Screen,
    Tutorial,
    complete_step,
    list_tutorials,
    open_step,
    open_tutorial,
    start,
)

router = page_router(prefix="/tutorials")


@dataclass(frozen=True)
class Card:
    """A tutorial in the list."""

    title: str
    description: str
    href: str
    minutes: int | None
    done: int
    total: int
    started: bool
    completed_at: datetime | None
    note: Message | None


@dataclass(frozen=True)
class TutorialsPage:
    """What `tutorials/list.html` shows."""

    cards: Sequence[Card]
    is_staff: bool


@dataclass(frozen=True)
class StepLine:
    """A step as the overview and the bar on top name it."""

    number: int
    title: str
    href: str
    done: bool
    current: bool


@dataclass(frozen=True)
class TutorialPage:
    """What `tutorials/overview.html` shows. `go_on` is where to continue, `finish` the form that settles it."""

    card: Card
    steps: Sequence[StepLine]
    start: str | None
    go_on: str | None
    finish: str | None
    first: str
    is_staff: bool


@dataclass(frozen=True)
class StepPage:
    """What `tutorials/step.html` shows. `complete` is where "next" posts to, `following` a plain link without it."""

    tutorial: str
    tutorial_href: str
    title: str
    html: str
    lang: Locale
    foreign: bool
    number: int
    done: int
    steps: Sequence[StepLine]
    previous: str | None
    complete: str | None
    following: str
    is_last: bool
    is_staff: bool


@dataclass(frozen=True)
class FinishPage:
    """What `tutorials/finish.html` shows: the end of a tutorial, and one that could come next."""

    card: Card
    proposed: Card | None


@router.get("")
async def tutorials(request: Request, site: SiteDep, viewer: SignedIn) -> Response:
    """Every tutorial for this reader."""
    found = await site.database.read(
        partial(list_tutorials, reader=reader_of(viewer), now=site.clock(), zone=site.zone)
    )
    locale = locale_of(request, viewer)
    page = TutorialsPage([_card(overview, viewer, locale) for overview in found], isinstance(viewer, StaffViewer))
    return render(request, "tutorials/list.html", page, viewer=viewer, nav=_nav(viewer))


@router.get("/{key}")
async def tutorial(request: Request, site: SiteDep, viewer: SignedIn, key: str) -> Response:
    """What it is about, how far one is, and the way in."""
    found = await site.database.read(
        partial(open_tutorial, reader=reader_of(viewer), key=key, now=site.clock(), zone=site.zone)
    )
    page = _overview_page(found, viewer, locale_of(request, viewer))
    return render(request, "tutorials/overview.html", page, viewer=viewer, nav=_nav(viewer))


@router.post("/{key}/run")
async def begin(site: SiteDep, viewer: SignedIn, key: str) -> Response:
    """Begin, or go on where one stopped."""
    step = await site.database.write(
        partial(start, reader=reader_of(viewer), key=key, now=site.clock(), zone=site.zone)
    )
    return redirect(f"/tutorials/{key}/{step}" if step else f"/tutorials/{key}")


@router.get("/{key}/finish")
async def finish(request: Request, site: SiteDep, viewer: SignedIn, key: str) -> Response:
    """The end; who is not there yet is led back to the overview."""
    reader, locale, now = reader_of(viewer), locale_of(request, viewer), site.clock()
    found = await site.database.read(partial(open_tutorial, reader=reader, key=key, now=now, zone=site.zone))
    if found.progress.completed_at is None:
        return redirect(f"/tutorials/{key}")
    others = await site.database.read(partial(list_tutorials, reader=reader, now=now, zone=site.zone))
    proposed = next((other for other in others if other.progress.completed_at is None), None)
    page = FinishPage(_card(found, viewer, locale), _card(proposed, viewer, locale) if proposed else None)
    return render(request, "tutorials/finish.html", page, viewer=viewer, nav=_nav(viewer))


@router.get("/{key}/{step}")
async def step_screen(request: Request, site: SiteDep, viewer: SignedIn, key: str, step: str) -> Response:
    """One step."""
    locale = locale_of(request, viewer)
    found = await site.database.read(
        partial(
            open_step,
            reader=reader_of(viewer),
            key=key,
            step=step,
            locale=locale,
            now=site.clock(),
            zone=site.zone,
        )
    )
    page = _step_page(found, viewer, locale)
    policy = PLAYERS_ALLOWED if has_players(found.html) else {}
    return render(request, "tutorials/step.html", page, viewer=viewer, nav=_nav(viewer), headers=policy)


@router.post("/{key}/{step}/completion")
async def step_done(site: SiteDep, viewer: SignedIn, key: str, step: str) -> Response:
    """The step is done: on to the next, or to the end."""
    following = await site.database.write(
        partial(
            complete_step,
            reader=reader_of(viewer),
            key=key,
            step=step,
            now=site.clock(),
            zone=site.zone,
        )
    )
    return redirect(f"/tutorials/{key}/{following or 'finish'}")


def _card(overview: Overview, viewer: AnyViewer, locale: Locale) -> Card:
    tutorial, progress = overview.tutorial, overview.progress
    return Card(
        title=in_locale(tutorial.title, locale=locale),
        description=in_locale(tutorial.description, locale=locale),
        href=f"/tutorials/{tutorial.key}",
        minutes=tutorial.minutes,
        done=progress.count,
        total=len(progress.steps),
        started=progress.started_at is not None,
        completed_at=progress.completed_at,
        note=_for_whom(tutorial) if isinstance(viewer, StaffViewer) else None,
    )


def _overview_page(overview: Overview, viewer: AnyViewer, locale: Locale) -> TutorialPage:
    card, progress = _card(overview, viewer, locale), overview.progress
    running = isinstance(viewer, MemberViewer) and progress.completed_at is None
    return TutorialPage(
        card=card,
        steps=_lines(overview, locale),
        start=f"{card.href}/run" if running and not card.started else None,
        go_on=f"{card.href}/{progress.next_step}" if running and card.started and progress.next_step else None,
        # Every step there still is was done, but the tutorial was changed in between: one press settles it.
        finish=f"{card.href}/{progress.steps[-1]}/completion"
        if running and card.started and not progress.next_step
        else None,
        first=f"{card.href}/{progress.steps[0]}",
        is_staff=isinstance(viewer, StaffViewer),
    )


def _step_page(screen: Screen, viewer: AnyViewer, locale: Locale) -> StepPage:
    overview = screen.overview
    keys, href = overview.progress.steps, f"/tutorials/{overview.tutorial.key}"
    position = keys.index(screen.step.key)
    is_last = position == len(keys) - 1
    is_staff = isinstance(viewer, StaffViewer)
    recording = not is_staff and overview.progress.completed_at is None
    return StepPage(
        tutorial=in_locale(overview.tutorial.title, locale=locale),
        tutorial_href=href,
        title=in_locale(screen.step.title, locale=locale),
        html=screen.html,
        lang=screen.locale,
        foreign=screen.locale != locale,
        number=position + 1,
        done=overview.progress.count,
        steps=_lines(overview, locale, current=screen.step.key),
        previous=f"{href}/{keys[position - 1]}" if position else None,
        complete=f"{href}/{screen.step.key}/completion" if recording else None,
        following=href if is_last else f"{href}/{keys[position + 1]}",
        is_last=is_last,
        is_staff=is_staff,
    )


def _lines(overview: Overview, locale: Locale, *, current: str = "") -> list[StepLine]:
    return [
        StepLine(
            number=number,
            title=in_locale(step.title, locale=locale),
            href=f"/tutorials/{overview.tutorial.key}/{step.key}",
            done=overview.progress.is_done(step.key),
            current=step.key == current,
        )
        for number, step in enumerate(overview.tutorial.steps, start=1)
    ]


def _for_whom(tutorial: Tutorial) -> Message:
    """Who sees it, for staff, in the words of the file."""
    if tutorial.audience_said is None:
        return Message("for: every signed-in member")
    said = yaml.safe_dump(dict(tutorial.audience_said), default_flow_style=True, allow_unicode=True, width=1000)
    return Message("for: %(condition)s", condition=said.strip().removeprefix("{").removesuffix("}"))


def _nav(viewer: AnyViewer) -> str:
    return "content" if isinstance(viewer, StaffViewer) else "tutorials"
