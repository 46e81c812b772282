"""The staff's page of the widget: put it in, make it ours, find out why something is not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated

import orjson
from fastapi import Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ConnectsSystems, StaffViewer
from portal.events.sources import KnownSource, signing_secrets_of, source_of_public_key
from portal.events.tokens import FLAWS, Examined, examine
from portal.kit.clock import local_day
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.widget.meter import Traffic, sightings_of, traffic_of
from portal.widget.rules import INKS, PAPER, ink_on
from portal.widget.seen_by import SeenBy, seen_by
from portal.widget.sources import Installed, installed_sources
from portal.widget.theme import Theme, current_theme, read_theme, save_theme

HERE = "/staff/widget"
TOKEN_CHARS = 8192
POSITIONS = (("right", Message("Lower right")), ("left", Message("Lower left")), ("inline", Message("Where I put it")))
SCHEMES = (("auto", Message("Like the reader's device")), ("light", Message("Light")), ("dark", Message("Dark")))
router = page_router(prefix=HERE)
Typed = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True)
class Origin:
    """A page's origin that the source allows, and when the widget was last shown there."""

    origin: str
    said: Message
    is_recent: bool
    at: datetime | None


@dataclass(frozen=True)
class Shade:
    """One colour scheme of the preview: what is drawn in which colour."""

    scheme: str
    word: Message
    paper: str
    ink: str
    soft: str
    accent: str
    on_accent: str


@dataclass(frozen=True)
class Checked:
    """What the token checker says. `flaws` empty: the token is good."""

    flaws: Sequence[Message]
    claims: str
    header: str
    who: Message | None
    expires_at: datetime | None


@dataclass(frozen=True)
class WidgetPage:
    """For `widget/staff.html`. `typed` and `errors` are those of the look's form, by field."""

    sources: Sequence[Installed]
    source: Installed | None
    snippet: str
    origins: Sequence[Origin]
    traffic: Traffic
    shades: Sequence[Shade]
    launcher: str
    typed: Mapping[str, str]
    positions: Sequence[tuple[str, Message]]
    schemes: Sequence[tuple[str, Message]]
    inks: str
    account: str
    member: str
    asked: bool
    seen: SeenBy | None
    checked: Checked | None = None
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What the page was asked for."""

    source: int = 0
    account: str = ""
    member: str = ""
    typed: Mapping[str, str] | None = None
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    checked: Checked | None = None


@router.get("")
async def overview(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    source: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    account: Annotated[str, Query(max_length=200)] = "",
    member: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """All of it on one page; `?account=&member=` shows what somebody sees."""
    return await _shown(request, site, viewer, Asked(source, account.strip(), member.strip()))


@router.post("/theme")
async def save(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    accent: Typed = "",
    accent_dark: Typed = "",
    radius: Typed = "",
    position: Typed = "",
    scheme: Typed = "",
    launcher_ja: Typed = "",
    launcher_en: Typed = "",
) -> Response:
    """Save the look, if everybody can read it."""
    typed = {
        **{"accent": accent, "accent_dark": accent_dark, "radius": radius, "position": position, "scheme": scheme},
        **{"launcher_ja": launcher_ja, "launcher_en": launcher_en},
    }
    try:
        theme = read_theme(typed)
    except Invalid as error:
        errors = by_field(error.problems)
        return await _shown(request, site, viewer, Asked(typed=typed, errors=errors), status=422)
    now = site.clock()
    await site.database.write(lambda session: save_theme(session, theme, by=viewer.email_key, now=now))
    response = redirect(f"{HERE}#look")
    flash(request, response, Message("The widget looks like this from now on."))
    return response


@router.post("/token")
async def check(
    request: Request,
    site: SiteDep,
    viewer: ConnectsSystems,
    token: Annotated[str, Form(max_length=TOKEN_CHARS)] = "",
    source: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """What is wrong with a token, if anything. It is looked at and not kept."""
    now = site.clock()

    def work(session: Session) -> KnownSource | None:
        found = next((one for one in installed_sources(session) if one.id == source), None)
        return source_of_public_key(session, found.public_key, now=now) if found else None

    known = await site.database.read(work)
    if known is None:
        raise NotFound
    said = "".join(token.split()).removeprefix("Bearer")
    examined = examine(said, signing_secrets_of(site.secrets, known), now=now)
    return await _shown(request, site, viewer, Asked(source=source, checked=_checked(examined)))


async def _shown(request: Request, site: Site, viewer: StaffViewer, asked: Asked, *, status: int = 200) -> Response:
    locale = locale_of(request, viewer)
    page = await site.database.read(partial(_page, site=site, asked=asked, locale=locale, now=site.clock()))
    return render(request, "widget/staff.html", page, viewer=viewer, nav="widget", status=status)


def _page(session: Session, *, site: Site, asked: Asked, locale: Locale, now: datetime) -> WidgetPage:
    sources = installed_sources(session)
    source = next((one for one in sources if one.id == asked.source), sources[0] if sources else None)
    theme = current_theme(session)
    typed = asked.typed or _typed(theme)
    is_asked = bool(asked.account and asked.member)
    return WidgetPage(
        sources=sources,
        source=source,
        snippet=_snippet(site.base_url, source.public_key) if source else "",
        origins=_origins(session, source, now) if source else (),
        traffic=traffic_of(session, source.id, today=local_day(now, site.zone)) if source else Traffic(),
        shades=_shades(theme),
        launcher=(theme.launcher_ja if locale == "ja" else theme.launcher_en),
        typed=typed,
        positions=POSITIONS,
        schemes=SCHEMES,
        inks=" ".join(INKS.values()),
        account=asked.account,
        member=asked.member,
        asked=is_asked,
        seen=seen_by(session, account=asked.account, member=asked.member, locale=locale, now=now, zone=site.zone)
        if is_asked
        else None,
        checked=asked.checked,
        errors=asked.errors,
    )


def _typed(theme: Theme) -> Mapping[str, str]:
    return {
        "accent": theme.accent,
        "accent_dark": theme.accent_dark,
        "radius": str(theme.radius),
        "position": theme.position,
        "scheme": theme.scheme,
        "launcher_ja": theme.launcher_ja,
        "launcher_en": theme.launcher_en,
    }


def _shades(theme: Theme) -> Sequence[Shade]:
    return [
        Shade("light", Message("Light"), PAPER["light"], "#262a33", "#5b606b", theme.accent, ink_on(theme.accent)),
        Shade(
            "dark",
            Message("Dark"),
            PAPER["dark"],
            "#e9e7e2",
            "#a9aeb8",
            theme.accent_dark,
            ink_on(theme.accent_dark),
        ),
    ]


def _origins(session: Session, source: Installed, now: datetime) -> Sequence[Origin]:
    seen = {one.origin: one.last_at for one in sightings_of(session, source.id)}
    return [Origin(origin, _ago(seen.get(origin), now), *_recent(seen.get(origin), now)) for origin in source.origins]


def _recent(at: datetime | None, now: datetime) -> tuple[bool, datetime | None]:
    return at is not None and (now - at).days < 1, at


def _ago(at: datetime | None, now: datetime) -> Message:
    if at is None:
        return Message("Not seen yet")
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 1:
        return Message("Seen just now")
    if minutes < 60:
        return Message("Last seen %(count)s min ago", count=minutes)
    if minutes < 48 * 60:
        return Message("Last seen %(count)s hours ago", count=minutes // 60)
    return Message("Last seen %(count)s days ago", count=minutes // (24 * 60))


def _snippet(base_url: str, public_key: str) -> str:
    names = ", ".join(f'"{name}"' for name in ("boot", "identify", "track", "open", "close", "on", "reset"))
    return (
        "<script>\n"
        "window.Banso = window.Banso || [];\n"
        f"[{names}].forEach(function (name) {{\n"
        "  Banso[name] = function () { Banso.push([name].concat([].slice.call(arguments))); };\n"
        "});\n"
        f'Banso.boot({{ key: "{public_key}", token: "…" }});\n'
        "</script>\n"
        f'<script async src="{base_url}/widget/banso.js"></script>\n'
    )


def _checked(examined: Examined) -> Checked:
    person = examined.person
    return Checked(
        flaws=[FLAWS[flaw] for flaw in examined.flaws],
        claims=_written(examined.claims),
        header=_written(examined.header),
        who=Message("It is for %(member)s of %(account)s.", member=person.member, account=person.account)
        if person
        else None,
        expires_at=examined.expires_at,
    )


def _written(value: Mapping[str, object]) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_INDENT_2).decode() if value else ""
