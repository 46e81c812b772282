"""What can be said about a plan, by a machine or in a form: one reader for each field, and the form's texts."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from portal.accounts.fields import Reading, Unreadable, read_fields, text
from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message

MOST_ENTRIES = 200
HIGHEST_RANK = 1_000_000
MOST = 10**15
word = text(200)
plan_key = text(64)


def limits(value: object, zone: ZoneInfo) -> dict[str, float]:
    """Numbers from 0, by the name of their meter."""
    if not isinstance(value, dict) or len(value) > MOST_ENTRIES:
        raise Unreadable("not_limits", Message("this must be an object of numbers, with 200 entries at most"))
    for meter, number in value.items():
        word(meter, zone)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise Unreadable("not_a_number", Message("the limit of “%(meter)s” is not a number", meter=meter))
        if not (math.isfinite(number) and 0 <= number <= MOST):
            message = Message("the limit of “%(meter)s” must lie between 0 and 10^15", meter=meter)
            raise Unreadable("out_of_range", message)
    return dict(value)


def features(value: object, zone: ZoneInfo) -> list[str]:
    """Words, each once, in their order."""
    if not isinstance(value, list) or len(value) > MOST_ENTRIES or not all(isinstance(one, str) for one in value):
        raise Unreadable("not_words", Message("this must be a list of words, 200 at most"))
    return list(dict.fromkeys(str(word(one, zone)) for one in value))


def rank(value: object, _zone: ZoneInfo) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable("not_a_number", Message("this must be a whole number"))
    if not 0 <= value <= HIGHEST_RANK:
        raise Unreadable("out_of_range", Message("this must lie between 0 and %(most)s", most=f"{HIGHEST_RANK:,}"))
    return value


READERS = {"title": word, "limits": limits, "features": features, "rank": rank}


@dataclass(frozen=True)
class PlanForm:
    """A plan as texts in a form: `limits` are rows of a meter and its number, `features` a text with one a line."""

    title: str = ""
    limits: Sequence[tuple[str, str]] = ()
    features: str = ""
    rank: str = ""


def form_in(said: Mapping[str, object]) -> PlanForm:
    """The form among the fields a browser sent."""
    fields = {name: value for name, value in said.items() if isinstance(value, str)}
    rows = [(fields.get(f"meter.{n}", ""), fields.get(f"limit.{n}", "")) for n in range(MOST_ENTRIES)]
    return PlanForm(
        title=fields.get("title", ""),
        limits=[(meter, number) for meter, number in rows if meter.strip() or number.strip()],
        features=fields.get("features", ""),
        rank=fields.get("rank", ""),
    )


def read_form(form: PlanForm, *, zone: ZoneInfo) -> Reading:
    """What the form says of `title`, `limits`, `features` and `rank`; problems name the field at fault, or its row."""
    told: dict[str, float] = {}
    problems: list[FieldProblem] = []
    for row, (meter, number) in enumerate(form.limits):
        name, amount = meter.strip(), _number(number)
        if not name:
            problems.append(FieldProblem(f"limits.{row}", "missing", Message("Say what this limits, such as seats.")))
        elif name in told:
            problems.append(FieldProblem(f"limits.{row}", "twice", Message("“%(key)s” is given twice", key=name)))
        else:
            try:
                told |= limits({name: amount}, zone)
            except Unreadable as wrong:
                problems.append(FieldProblem(f"limits.{row}", wrong.code, wrong.message))
    said = {
        "title": form.title,
        "features": [one for line in form.features.splitlines() if (one := line.strip())],
        "rank": _number(form.rank) if form.rank.strip() else None,
    }
    read = read_fields(said, READERS, zone=zone)
    return Reading({**read.changes, "limits": told}, (*problems, *read.problems))


def _number(typed: str) -> object:
    """A number as people type it, full width and with commas; what is none stays text."""
    plain = unicodedata.normalize("NFKC", typed).strip().replace(",", "")
    if plain.isdecimal() and len(plain) < 20:
        return int(plain)
    try:
        return float(plain)
    except ValueError:
        return typed
