"""What a template may name, and what each name stands for in one letter: pure.

`{{ member.name }}` is a place; `{{ member.name | お客様 }}` one with what stands there where nothing is known. There is
nothing to evaluate in it: no attribute, no filter, no loop. A name that is not in `VARIABLES` is refused when the
template is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from portal.kit.dates import day
from portal.kit.i18n import Locale, Message


@dataclass(frozen=True)
class Variable:
    """A name, what it is in words, and whether it is an address (only those may stand in a link)."""

    key: str
    says: Message
    is_url: bool = False


VARIABLES: Mapping[str, Variable] = {
    one.key: one
    for one in (
        Variable("salutation", Message("the opening line: company and name, as they are known")),
        Variable("member.name", Message("the person's name")),
        Variable("account.name", Message("the customer's name")),
        Variable("account.plan", Message("the customer's plan")),
        Variable("account.goal", Message("the customer's goal")),
        Variable("vendor.name", Message("your name")),
        Variable("sender.name", Message("who sends it; of a mail by rule, your name")),
        Variable("checklist.title", Message("the title of the checklist")),
        Variable("checklist.done", Message("how many steps are done")),
        Variable("checklist.total", Message("how many steps there are")),
        Variable("checklist.due", Message("the day of the deadline")),
        Variable("checklist.days_left", Message("days left until the deadline")),
        Variable("checklist.url", Message("the address of the checklist"), is_url=True),
        Variable("step.title", Message("the title of the next step")),
        Variable("steps.open", Message("the titles of the steps still open, a line each")),
        Variable("silent.days", Message("days since the last step was done")),
        Variable("week.done", Message("the titles of the steps done in the last seven days, a line each")),
        Variable("week.active", Message("how many people were here in the last seven days")),
        Variable("week.people", Message("how many people there are")),
        Variable("summary.url", Message("the address of the progress page"), is_url=True),
        Variable("portal.url", Message("the address of the portal"), is_url=True),
    )
}

OF_A_RUN = ("checklist.", "step.", "steps.", "silent.")
"""How the names begin that say how a customer stands in a checklist."""


@dataclass(frozen=True)
class Progress:
    """How one customer stands in one checklist, as letters tell it. Titles are in the letter's language."""

    title: str
    done: int
    total: int
    due: date | None
    days_left: int | None
    next_step: str
    open_steps: tuple[str, ...]
    silent_days: int
    url: str


@dataclass(frozen=True)
class Week:
    """The last seven days of one customer."""

    done: tuple[str, ...]
    active: int
    people: int
    url: str


@dataclass(frozen=True)
class Addressee:
    """Who is written to, as far as it is known: "" for what is not."""

    account: str
    person: str
    plan: str = ""
    goal: str = ""


def values(
    to: Addressee,
    *,
    locale: Locale,
    vendor: str,
    sender: str,
    portal_url: str,
    today: date,
    zone: ZoneInfo,
    progress: Progress | None = None,
    week: Week | None = None,
) -> dict[str, str]:
    """What each variable stands for; "" where nothing is known."""
    found = dict.fromkeys(VARIABLES, "")
    found |= {
        "salutation": salutation(to).into(locale),
        "member.name": to.person,
        "account.name": to.account,
        "account.plan": to.plan,
        "account.goal": to.goal,
        "vendor.name": vendor,
        "sender.name": sender or vendor,
        "portal.url": portal_url,
    }
    if progress is not None:
        found |= {
            "checklist.title": progress.title,
            "checklist.done": str(progress.done),
            "checklist.total": str(progress.total),
            "checklist.due": day(progress.due, locale=locale, zone=zone, today=today) if progress.due else "",
            "checklist.days_left": "" if progress.days_left is None else str(max(progress.days_left, 0)),
            "checklist.url": progress.url,
            "step.title": progress.next_step,
            "steps.open": _lines(progress.open_steps, locale),
            "silent.days": str(progress.silent_days),
        }
    if week is not None:
        found |= {
            "week.done": _lines(week.done, locale),
            "week.active": str(week.active),
            "week.people": str(week.people),
            "summary.url": week.url,
        }
    return found


def salutation(to: Addressee) -> Message:
    """株式会社○○ 田中様; 株式会社○○ 御中 to a company alone; 田中様 to a person of no known company; else ご担当者様.

    A name that already has its title keeps it.
    """
    name = to.person.strip()
    if name.endswith(TITLES):
        whole = f"{to.account} {name}".strip()
        return Message(whole.replace("%", "%%"))
    if name and to.account:
        return Message("Dear %(name)s (%(account)s),", name=name, account=to.account)
    if name:
        return Message("Dear %(name)s,", name=name)
    if to.account:
        return Message("To everyone at %(account)s,", account=to.account)
    return Message("To whom it may concern,")


TITLES = ("様", "さま", "さん", "殿", "先生")


def _lines(titles: tuple[str, ...], locale: Locale) -> str:
    mark = "・" if locale == "ja" else "• "
    return "\n".join(f"{mark}{title}" for title in titles)
