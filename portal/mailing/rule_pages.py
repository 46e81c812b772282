"""Mails by rule: what each does, switched on with the number it would send at once, and the settings of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import ActsForCustomers, SeesCustomers, StaffViewer
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.kit.errors import Invalid, by_field
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.mailing.by_rule import Tally, would_send
from portal.mailing.configured import Terms, rule, rule_as, rules, set_rule, set_terms, switch, terms
from portal.mailing.rules import COUNTS_DAYS, MEANINGS, TITLES, WHOM_WORDS, Rule, RuleSetting, Whom
from portal.mailing.templates import Template, list_templates

router = page_router(prefix="/staff/mails")
HOME = "/staff/mails/rules"
Number = Annotated[str, Form(max_length=10)]
Line = Annotated[str, Form(max_length=300)]


@dataclass(frozen=True)
class RuleLine:
    """One rule in the list."""

    setting: RuleSetting
    title: Message
    means: Message
    template: Message | str


@dataclass(frozen=True)
class RulesPage:
    """For `mailing/rules.html`."""

    rules: Sequence[RuleLine]


@dataclass(frozen=True)
class RulePage:
    """For `mailing/rule.html`. `tally` is what it would send at once if it were switched on now, or changed so."""

    setting: RuleSetting
    title: Message
    means: Message
    templates: Sequence[tuple[str, Message | str]]
    whoms: Sequence[tuple[Whom, Message]]
    checklists: Sequence[tuple[str, str]]
    counts_days: bool
    tally: Tally | None
    asks: bool
    errors: Mapping[str, Sequence[Message]]
    may_act: bool


@dataclass(frozen=True)
class SettingsPage:
    """For `mailing/settings.html`."""

    terms: Terms
    errors: Mapping[str, Sequence[Message]]
    may_act: bool


@router.get("/rules")
async def all_rules(request: Request, site: SiteDep, viewer: SeesCustomers) -> HTMLResponse:
    """What is sent by itself, and what could be."""

    def work(session: Session) -> RulesPage:
        titles = {one.key: one.title for one in list_templates(session)}
        return RulesPage(
            [
                RuleLine(one, TITLES[kind], MEANINGS[kind], titles.get(one.template, one.template))
                for kind, one in rules(session).items()
            ]
        )

    page = await site.database.read(work)
    return render(request, "mailing/rules.html", page, viewer=viewer, nav="mails")


@router.get("/rules/{kind}")
async def show(request: Request, site: SiteDep, viewer: SeesCustomers, kind: str) -> HTMLResponse:
    """One rule, and what it would send if it were switched on now."""
    return await _shown(request, site, viewer, kind)


@router.post("/rules/{kind}")
async def change(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    kind: str,
    template: Line = "",
    whom: Line = "",
    days: Number = "",
    checklist: Line = "",
    confirmed: Number = "",
) -> Response:
    """Change what a rule does; it stays on or off. One that is on asks where it would send mails at once."""
    now, zone = site.clock(), site.zone

    def look(session: Session) -> tuple[RuleSetting, Tally | None]:
        before = rule(session, kind)
        count = _whole(days) if before.kind in COUNTS_DAYS else before.days
        wanted = rule_as(session, kind, template=template, whom=whom, days=count, checklist=checklist or None)
        return wanted, would_send(session, wanted, now=now, zone=zone) if wanted.on_since is not None else None

    def work(session: Session) -> None:
        set_rule(
            session, kind, template=wanted.template, whom=wanted.whom, days=wanted.days, checklist=wanted.checklist
        )

    try:
        wanted, tally = await site.database.report(look)
        if tally is not None and tally.mails > max(_whole(confirmed), 0):
            return await _shown(request, site, viewer, kind, asks=True, wanted=(wanted, tally))
        await site.database.write(work)
    except Invalid as wrong:
        return await _shown(request, site, viewer, kind, wrong=wrong)
    return _back(request, f"{HOME}/{kind}", Message("Saved."))


@router.post("/rules/{kind}/switch")
async def switch_rule(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    kind: str,
    on: Annotated[str, Form(max_length=1)] = "",
    confirmed: Number = "",
) -> Response:
    """Switch a rule on or off. One that would send mails at once is switched on only with their number confirmed."""
    now, zone = site.clock(), site.zone
    if on:
        tally = await site.database.report(lambda session: would_send(session, rule(session, kind), now=now, zone=zone))
        if tally.mails > max(_whole(confirmed), 0):
            return await _shown(request, site, viewer, kind, asks=True)
    await site.database.write(lambda session: switch(session, kind, on=bool(on), by=viewer.email_key, now=now))
    said = Message("The rule is on.") if on else Message("The rule is off. What waited is held back.")
    return _back(request, f"{HOME}/{kind}", said)


@router.get("/settings")
async def settings(request: Request, site: SiteDep, viewer: SeesCustomers) -> HTMLResponse:
    """When mails go, how many, and what stands below them."""
    page = SettingsPage(await site.database.read(terms), {}, viewer.may("act_for_customers"))
    return render(request, "mailing/settings.html", page, viewer=viewer, nav="mails")


@router.post("/settings")
async def change_settings(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    opens: Number = "",
    closes: Number = "",
    per_person: Number = "",
    per_account: Number = "",
    footer: Annotated[str, Form(max_length=5000)] = "",
    reply_to: Line = "",
) -> Response:
    """Change them."""
    wanted = Terms(
        _whole(opens), _whole(closes), _whole(per_person), _whole(per_account), footer.replace("\r\n", "\n"), reply_to
    )
    try:
        await site.database.write(lambda session: set_terms(session, wanted))
    except Invalid as wrong:
        page = SettingsPage(wanted, _errors(wrong), may_act=True)
        return render(request, "mailing/settings.html", page, viewer=viewer, nav="mails", status=422)
    return _back(request, "/staff/mails/settings", Message("Saved."))


async def _shown(
    request: Request,
    site: Site,
    viewer: StaffViewer,
    kind: str,
    *,
    asks: bool = False,
    wrong: Invalid | None = None,
    wanted: tuple[RuleSetting, Tally] | None = None,
) -> HTMLResponse:
    locale, now, zone = locale_of(request, viewer), site.clock(), site.zone

    def work(session: Session) -> RulePage:
        setting, tally = wanted or (rule(session, kind), None)
        if setting.on_since is None:
            tally = would_send(session, setting, now=now, zone=zone)
        return _page(session, setting, tally, locale, viewer, asks=asks, wrong=wrong)

    page = await site.database.report(work)
    status = 422 if wrong is not None else 409 if asks else 200
    return render(request, "mailing/rule.html", page, viewer=viewer, nav="mails", status=status)


def _page(
    session: Session,
    setting: RuleSetting,
    tally: Tally | None,
    locale: Locale,
    viewer: StaffViewer,
    *,
    asks: bool,
    wrong: Invalid | None,
) -> RulePage:
    kind: Rule = setting.kind
    known: Sequence[Template] = list_templates(session)
    return RulePage(
        setting=setting,
        title=TITLES[kind],
        means=MEANINGS[kind],
        templates=[(one.key, one.title) for one in known],
        whoms=[
            (key, word) for key, word in WHOM_WORDS.items() if key != "lacking" or kind not in ("welcome", "weekly")
        ],
        checklists=[(one.key, in_words(one.definition.title, locale)) for one in catalog(session).live],
        counts_days=kind in COUNTS_DAYS,
        tally=tally,
        asks=asks,
        errors=_errors(wrong) if wrong is not None else {},
        may_act=viewer.may("act_for_customers"),
    )


def _errors(wrong: Invalid) -> Mapping[str, Sequence[Message]]:
    return by_field(wrong.problems)


def _whole(text: str) -> int:
    """The number somebody typed; -1 for anything else, which no field takes."""
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() and len(stripped) <= 7 else -1


def _back(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
