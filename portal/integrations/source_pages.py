"""Sources as staff look at them: whether they send, what of it was taken and why not, and how to connect one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import SeesCustomers, StaffViewer
from portal.events import live, rotation
from portal.events.live import Figures, LiveFilters, LiveLine, SeenEvent
from portal.events.models import Source
from portal.events.rotation import KEY_KINDS, KeyKind
from portal.events.rules import REFUSALS
from portal.integrations.snippets import HIDDEN_KEY, Snippet, snippets
from portal.integrations.usage import Use, never_seen, uses
from portal.kit.charts import DayBars, day_bars
from portal.kit.clock import local_day
from portal.kit.dates import day as day_in_words
from portal.kit.dates import number
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render

router = page_router(prefix="/staff/sources")
Text = Annotated[str, Query(max_length=200)]
SPARK_DAYS, CHART_DAYS = 14, 30
SPARK_HEIGHT, CHART_HEIGHT = 28, 180
REFRESH_SECONDS = 5
QUIET = timedelta(days=2)

STATUS_WORDS: Mapping[live.Status, tuple[Message, str]] = {
    "accepted": (Message("Taken"), "good"),
    "waiting": (Message("Waiting"), "warn"),
    "rejected": (Message("Rejected"), "bad"),
    "duplicate": (Message("Duplicate"), ""),
}
KEY_WORDS: Mapping[KeyKind, tuple[Message, Message]] = {
    "write-key": (
        Message("Write key (wk_…)"),
        Message("Servers send events with it, and say with it who people are."),
    ),
    "webhook-secret": (Message("Webhook secret (whsec_…)"), Message("Webhooks sent to Banso are signed with it.")),
    "signing-secret": (
        Message("Signing secret (ws_…)"),
        Message("Your product's server signs with it who is looking at the widget."),
    ),
}


@dataclass(frozen=True)
class SourceRow:
    """One source in the list."""

    source: Source
    today: int
    week: int
    rejected_week: int
    spark: DayBars
    is_quiet: bool


@dataclass(frozen=True)
class SourcesPage:
    """For `integrations/sources.html`. `missing` are events that rules wait for and nobody has ever sent."""

    rows: Sequence[SourceRow]
    missing: Sequence[tuple[str, Sequence[Use]]]
    may_manage: bool
    name: str = ""
    origins: str = ""
    problems: Sequence[Message] = ()


@dataclass(frozen=True)
class Head:
    """What every page of one source begins with."""

    source: Source
    base: str
    is_quiet: bool
    may_manage: bool


@dataclass(frozen=True)
class LivePage:
    """For `integrations/live.html`."""

    head: Head
    lines: Sequence[LiveLine]
    filters: LiveFilters
    is_filtered: bool
    statuses: Sequence[tuple[live.Status, Message]]
    words: Mapping[live.Status, tuple[Message, str]]
    reasons: Mapping[str, Message]
    days: Sequence[Figures]
    chart: DayBars
    total: int
    refresh_seconds: int
    looked_through: int


@dataclass(frozen=True)
class InstallPage:
    """For `integrations/install.html`."""

    head: Head
    snippets: Sequence[Snippet]
    shows_key: bool


@dataclass(frozen=True)
class CatalogRow:
    """One event: as the source sent it (None if never), and the rules that name it."""

    name: str
    seen: SeenEvent | None
    uses: Sequence[Use]


@dataclass(frozen=True)
class CatalogPage:
    """For `integrations/catalog.html`. `missing` are used in a rule and were never seen from any source."""

    head: Head
    rows: Sequence[CatalogRow]
    missing: Sequence[tuple[str, Sequence[Use]]]
    sampled: int


@dataclass(frozen=True)
class KeyRow:
    """One kind of key; `previous_until` is None unless an old one still counts."""

    kind: KeyKind
    title: Message
    means: Message
    previous_until: datetime | None


@dataclass(frozen=True)
class SettingsPage:
    """For `integrations/settings.html`."""

    head: Head
    keys: Sequence[KeyRow]
    overlap_hours: int
    least_months: int
    most_months: int
    name: str
    origins: str
    months: str
    proof: str
    limit: str
    most_of_all: int
    """What a source without a limit of its own may send in a second."""
    problems: Mapping[str, Sequence[Message]]


@router.get("")
async def sources(request: Request, site: SiteDep, viewer: SeesCustomers) -> Response:
    """Every source, and whether it sends."""
    locale = locale_of(request, viewer)
    page = await site.database.report(lambda session: sources_page(session, site, viewer, locale))
    return render(request, "integrations/sources.html", page, viewer=viewer, nav="sources")


@router.get("/{source_id}")
async def show(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    source_id: int,
    event: Text = "",
    account: Text = "",
    member: Text = "",
    status: Text = "",
) -> Response:
    """The latest of what it sent, taken or not, and its days."""
    locale = locale_of(request, viewer)
    filters = LiveFilters(
        event.strip(), account.strip(), member.strip(), next((one for one in live.STATUSES if one == status), None)
    )

    def work(session: Session) -> LivePage:
        head = head_of(session, source_id, viewer, now=site.clock())
        days = _every_day(
            live.daily(session, [source_id], first_day=_first(site, CHART_DAYS))[source_id], site, CHART_DAYS
        )
        counts = [one.accepted for one in days]
        edges = [day_in_words(one.day, locale=locale, zone=site.zone) for one in (days[0], days[-1])]
        return LivePage(
            head=head,
            lines=live.latest(session, source_id, filters),
            filters=filters,
            is_filtered=filters != LiveFilters(),
            statuses=[(one, STATUS_WORDS[one][0]) for one in live.STATUSES],
            words=STATUS_WORDS,
            reasons=REFUSALS,
            days=days[::-1],
            chart=day_bars(
                counts, height=CHART_HEIGHT, labels=edges, highest=number(max(counts, default=0), locale=locale)
            ),
            total=sum(counts),
            refresh_seconds=REFRESH_SECONDS,
            looked_through=live.LOOKED_THROUGH,
        )

    page = await site.database.report(work)
    return render(request, "integrations/live.html", page, viewer=viewer, nav="sources")


@router.get("/{source_id}/install")
async def install(request: Request, site: SiteDep, viewer: SeesCustomers, source_id: int) -> Response:
    """How to connect a product to it."""
    head = await site.database.read(lambda session: head_of(session, source_id, viewer, now=site.clock()))
    shown = head.source.public_key if head.may_manage else HIDDEN_KEY
    page = InstallPage(head, snippets(base_url=site.base_url, public_key=shown), head.may_manage)
    return render(request, "integrations/install.html", page, viewer=viewer, nav="sources")


@router.get("/{source_id}/catalog")
async def event_catalog(request: Request, site: SiteDep, viewer: SeesCustomers, source_id: int) -> Response:
    """Every event it has sent, what is known of each, and who waits for it."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> CatalogPage:
        head = head_of(session, source_id, viewer, now=site.clock())
        used = uses(session, locale)
        seen = live.seen_events(session, source_id)
        rows = [CatalogRow(one.name, one, used.get(one.name, ())) for one in seen]
        missing = [(name, used[name]) for name in never_seen(session, used)]
        return CatalogPage(head, rows, missing, sum(one.sampled for one in seen))

    page = await site.database.report(work)
    return render(request, "integrations/catalog.html", page, viewer=viewer, nav="sources")


@router.get("/{source_id}/settings")
async def settings(request: Request, site: SiteDep, viewer: SeesCustomers, source_id: int) -> Response:
    """Its keys, name, origins, how it proves its webhooks, what it may send, and how long its events are kept."""
    now = site.clock()
    head = await site.database.read(lambda session: head_of(session, source_id, viewer, now=now))
    return render(
        request, "integrations/settings.html", settings_page(head, site, now=now), viewer=viewer, nav="sources"
    )


def sources_page(session: Session, site: Site, viewer: StaffViewer, locale: Locale) -> SourcesPage:
    """The list as it stands."""
    now = site.clock()
    found = rotation.list_sources(session)
    days = live.daily(session, [one.id or 0 for one in found], first_day=_first(site, SPARK_DAYS))
    rows = []
    for one in found:
        figures = _every_day(days[one.id or 0], site, SPARK_DAYS)
        rows.append(
            SourceRow(
                source=one,
                today=figures[-1].accepted,
                week=sum(each.accepted for each in figures[-7:]),
                rejected_week=sum(each.rejected for each in figures[-7:]),
                spark=day_bars([each.accepted for each in figures], height=SPARK_HEIGHT),
                is_quiet=is_quiet(one, now=now),
            )
        )
    used = uses(session, locale)
    missing = [(name, used[name]) for name in never_seen(session, used)]
    return SourcesPage(rows, missing, viewer.may("connect_systems"))


def head_of(session: Session, source_id: int, viewer: StaffViewer, *, now: datetime) -> Head:
    """The head of the pages of one source; `NotFound` for none."""
    source = rotation.source_of(session, source_id)
    return Head(source, address_of(source_id), is_quiet(source, now=now), viewer.may("connect_systems"))


def settings_page(
    head: Head,
    site: Site,
    *,
    now: datetime,
    problems: Mapping[str, Sequence[Message]] | None = None,
    given: Mapping[str, str] | None = None,
) -> SettingsPage:
    """The settings as they are, or as they were `given` with what is wrong with them."""
    source, said = head.source, given or {}
    return SettingsPage(
        head=head,
        keys=[KeyRow(kind, *KEY_WORDS[kind], rotation.previous_until(source, kind, now=now)) for kind in KEY_KINDS],
        overlap_hours=int(rotation.OVERLAP.total_seconds() // 3600),
        least_months=rotation.LEAST_MONTHS,
        most_months=rotation.MOST_MONTHS,
        name=said.get("name", source.name),
        origins=said.get("origins", "\n".join(source.origins)),
        months=said.get("months", str(source.keep_months)),
        proof=said.get("proof", source.webhook_auth),
        limit=said.get("limit", str(source.events_per_second or "")),
        most_of_all=site.events_per_second,
        problems=problems or {},
    )


def is_quiet(source: Source, *, now: datetime) -> bool:
    """Whether a live source that has sent before has not for two days."""
    return source.revoked_at is None and source.last_seen_at is not None and now - source.last_seen_at > QUIET


def address_of(source_id: int, **query: str) -> str:
    """The page of a source."""
    return f"/staff/sources/{source_id}" + (f"?{urlencode(query)}" if query else "")


def _first(site: Site, days: int) -> date:
    return local_day(site.clock(), site.zone) - timedelta(days=days - 1)


def _every_day(found: Sequence[Figures], site: Site, days: int) -> list[Figures]:
    """The last `days` days, those without anything too."""
    known = {one.day: one for one in found}
    first = _first(site, days)
    return [known.get(day, Figures(day)) for day in (first + timedelta(days=number) for number in range(days))]
