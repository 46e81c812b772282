"""Every letter, with why it was written and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import SeesCustomers
from portal.checklists.catalog import Catalog, catalog
from portal.checklists.definition import in_words
from portal.kit.errors import NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.web import Site, SiteDep, locale_of, page_router, render
from portal.mailing import log
from portal.mailing.addresses import stopped_among
from portal.mailing.batches import list_batches
from portal.mailing.log import Entry, Wanted, letter_by_id, list_letters
from portal.mailing.models import MailBatch
from portal.mailing.rules import RULES, TITLES
from portal.mailing.wording import STATES, why_held, why_written

router = page_router(prefix="/staff/mails")
Text = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class Line:
    """One letter in the list."""

    entry: Entry
    written: Message
    held: Message | None


@dataclass(frozen=True)
class LogPage:
    """For `mailing/log.html`. `account` is the name of the one customer that is shown, "" for all."""

    lines: Sequence[Line]
    batches: Sequence[tuple[MailBatch, Mapping[str, int]]]
    words: Mapping[str, tuple[Message, str]]
    rules: Sequence[tuple[str, Message]]
    state: str
    rule: str
    account: str
    account_id: str
    older_href: str


@dataclass(frozen=True)
class LetterPage:
    """For `mailing/letter.html`. `stopped` is why the address gets nothing at present, if so."""

    line: Line
    words: Mapping[str, tuple[Message, str]]
    stopped: str


@router.get("")
async def letters(
    request: Request,
    site: SiteDep,
    viewer: SeesCustomers,
    account: Text = "",
    state: Text = "",
    rule: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """All letters, newest first."""
    locale = locale_of(request, viewer)
    shown_state, shown_rule = state if state in STATES else "", rule if rule in RULES else ""

    def work(session: Session) -> LogPage:
        customer = account_by_external_id(session, account) if account else None
        if account and customer is None:
            raise NotFound
        wanted = Wanted(
            account_id=id_of(customer) if customer is not None else None, state=shown_state, rule=shown_rule
        )
        place = log.place_of(before)
        found, older = list_letters(session, wanted, before=place)
        asked = {"account": account, "state": shown_state, "rule": shown_rule, "before": older}
        return LogPage(
            lines=[line_of(one, catalog(session), locale, site) for one in found],
            batches=list_batches(session, limit=5) if not any((account, shown_state, shown_rule, place)) else (),
            words=STATES,
            rules=[(kind, TITLES[kind]) for kind in RULES],
            state=shown_state,
            rule=shown_rule,
            account=customer.name if customer is not None else "",
            account_id=account,
            older_href=f"?{urlencode({name: value for name, value in asked.items() if value})}" if older else "",
        )

    page = await site.database.report(work)
    return render(request, "mailing/log.html", page, viewer=viewer, nav="mails")


@router.get("/letters/{letter_id}")
async def letter(request: Request, site: SiteDep, viewer: SeesCustomers, letter_id: int) -> HTMLResponse:
    """One letter: why it was written, what became of it, and what was sent."""
    locale = locale_of(request, viewer)

    def work(session: Session) -> LetterPage:
        entry = letter_by_id(session, letter_id)
        key = entry.letter.to_key
        stopped = stopped_among(session, [key]).get(key, "") if key else ""
        return LetterPage(line_of(entry, catalog(session), locale, site), STATES, stopped)

    page = await site.database.report(work)
    return render(request, "mailing/letter.html", page, viewer=viewer, nav="mails")


def line_of(entry: Entry, known: Catalog, locale: Locale, site: Site) -> Line:
    """A letter with its sentences."""
    titles = {one.key: in_words(one.definition.title, locale) for one in known.live}
    written = why_written(entry.letter, locale=locale, zone=site.zone, titles=titles)
    return Line(entry, written, why_held(entry.letter.reason, entry.letter.detail))
