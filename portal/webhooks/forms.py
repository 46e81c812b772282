"""What a person may say of an endpoint, read from a form into what the service takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from portal.kit.addresses import Policy
from portal.kit.clock import day_start
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.webhooks.service import Wanted, problems_of


def wanted_of(
    url: str, description: str, everything: str, types: Sequence[str], headers: str, *, policy: Policy
) -> Wanted:
    """`headers` are lines of `Name: value`; an empty field leaves those there are. Raises `Invalid` with all that is
    wrong."""
    lines = [line.strip() for line in headers.splitlines()]
    named = [line.partition(":") for line in lines if line not in ("", "-")]
    wanted = Wanted(
        url=url.strip(),
        description=description.strip(),
        event_types=() if everything else types,
        headers={name.strip(): value.strip() for name, _, value in named} if any(lines) else None,
    )
    problems = problems_of(wanted, policy)
    if not everything and not types:
        problems.append(FieldProblem("event_types", "missing", Message("choose at least one, or everything")))
    if not all(colon for _, colon, _ in named):
        said = Message("write each header as a line “Name: value”")
        problems = [one for one in problems if one.field != "headers"]
        problems.append(FieldProblem("headers", "not_a_header", said))
    if problems:
        raise Invalid(Message("The endpoint cannot be taken like this."), problems=problems)
    return wanted


def since_of(day: str, *, zone: ZoneInfo) -> datetime:
    """The beginning of a day of the vendor's zone. Raises `Invalid`."""
    try:
        return day_start(date.fromisoformat(day), zone)
    except (ValueError, OverflowError) as error:
        raise Invalid(Message("Choose a day that exists.")) from error
