"""How mails are set: the rules, which are off until somebody switches them on, and the one row of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from portal.accounts.rules import is_email
from portal.checklists.catalog import catalog
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.mailing.models import MailRule, MailSettings
from portal.mailing.rules import RULES, SHIPPED, WHOM, Hours, Rule, RuleSetting, Whom
from portal.mailing.templates import template_by_key
from portal.workdays.rules import Calendar
from portal.workdays.service import calendar_of

LONGEST_FOOTER = 1000
MOST = 1000


@dataclass(frozen=True)
class Terms:
    """When mails go, how many one person and one customer get within seven days, and what stands below each."""

    opens: int = 9
    closes: int = 18
    per_person: int = 2
    per_account: int = 10
    footer: str = ""
    reply_to: str = ""
    calendar: Calendar = field(default_factory=Calendar)

    @property
    def hours(self) -> Hours:
        """When mails go by themselves."""
        return Hours(self.opens, self.closes, self.calendar)


def terms(session: Session) -> Terms:
    """The settings as they are."""
    row = session.get(MailSettings, 1)
    calendar = calendar_of(session)
    if row is None:
        return Terms(calendar=calendar)
    return Terms(row.opens, row.closes, row.per_person, row.per_account, row.footer, row.reply_to, calendar)


def set_terms(session: Session, wanted: Terms) -> None:
    """Change the settings. Raises `Invalid` with every problem."""
    problems = []
    if not 0 <= wanted.opens < wanted.closes <= 24:
        message = Message("mails need at least one hour a day, from 0 to 24")
        problems.append(FieldProblem("closes", "hours", message))
    for named, value in (("per_person", wanted.per_person), ("per_account", wanted.per_account)):
        if not 0 < value <= MOST:
            problems.append(FieldProblem(named, "range", Message("this must be a number from 1 to 1,000")))
    if len(wanted.footer) > LONGEST_FOOTER:
        problems.append(
            FieldProblem(
                "footer", "too_long", Message("this may have %(most)s characters at most", most=LONGEST_FOOTER)
            )
        )
    if wanted.reply_to and not is_email(wanted.reply_to):
        message = Message("“%(value)s” is not a mail address", value=wanted.reply_to[:60])
        problems.append(FieldProblem("reply_to", "not_an_address", message))
    if problems:
        raise Invalid(Message("The settings were not saved."), problems=problems)
    row = session.get(MailSettings, 1) or MailSettings()
    row.opens, row.closes, row.per_person, row.per_account = (
        wanted.opens,
        wanted.closes,
        wanted.per_person,
        wanted.per_account,
    )
    row.footer, row.reply_to = wanted.footer.strip(), wanted.reply_to.strip()
    session.add(row)
    session.flush()


def rules(session: Session) -> Mapping[Rule, RuleSetting]:
    """Every rule as it is set, in their order."""
    rows = {row.kind: row for row in session.execute(select(MailRule)).scalars()}
    return {kind: _setting(kind, rows.get(kind)) for kind in RULES}


def rule(session: Session, kind: str) -> RuleSetting:
    """One of them; `NotFound` for a word that is none."""
    known = next((one for one in RULES if one == kind), None)
    if known is None:
        raise NotFound
    return _setting(known, session.get(MailRule, known))


def rule_as(session: Session, kind: str, *, template: str, whom: str, days: int, checklist: str | None) -> RuleSetting:
    """A rule as it would be, changed like this. Raises `Invalid` and `NotFound`."""
    before = rule(session, kind)
    template_by_key(session, template)
    problems = []
    chosen: Whom | None = next((one for one in WHOM if one == whom), None)
    if chosen is None:
        problems.append(FieldProblem("whom", "unknown", Message("choose who gets it")))
    if not 0 <= days <= 365:
        problems.append(FieldProblem("days", "range", Message("this must be a number from 0 to 365")))
    if checklist is not None and checklist not in {one.key for one in catalog(session).live}:
        problems.append(FieldProblem("checklist", "unknown", Message("there is no such checklist")))
    if problems or chosen is None:
        raise Invalid(Message("The rule was not saved."), problems=problems)
    return replace(before, template=template, whom=chosen, days=days, checklist=checklist)


def set_rule(session: Session, kind: str, *, template: str, whom: str, days: int, checklist: str | None) -> RuleSetting:
    """Change what a rule does; it stays on or off. Raises `Invalid` and `NotFound`."""
    wanted = rule_as(session, kind, template=template, whom=whom, days=days, checklist=checklist)
    row = _row(session, wanted)
    row.template_key, row.whom, row.days, row.checklist_key = template, wanted.whom, days, checklist
    session.add(row)
    session.flush()
    return rule(session, kind)


def switch(session: Session, kind: str, *, on: bool, by: str, now: datetime) -> RuleSetting:
    """Switch a rule on or off. What waits when it is switched off is held back when its turn comes."""
    before = rule(session, kind)
    row = _row(session, before)
    row.switched_on_at = (before.on_since or now) if on else None
    row.switched_by = by
    session.add(row)
    session.flush()
    return rule(session, kind)


def _row(session: Session, setting: RuleSetting) -> MailRule:
    return session.get(MailRule, setting.kind) or MailRule(
        kind=setting.kind, template_key=setting.template, whom=setting.whom, days=setting.days
    )


def _setting(kind: Rule, row: MailRule | None) -> RuleSetting:
    if row is None:
        return SHIPPED[kind]
    whom = next(one for one in WHOM if one == row.whom)
    return RuleSetting(kind, row.template_key, whom, row.days, row.checklist_key, row.switched_on_at)
