"""Pieces that answers are made of: instants, amounts, and the cursor of a list."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, PlainSerializer, WithJsonSchema

from api.segments import whole
from portal.kit.dates import iso
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message

LARGEST_PAGE = 200

Instant = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-06-03T05:00:00Z"]}, "serialization"),
]
"""An instant, written in UTC."""

AccountId = Annotated[
    str,
    Path(description="The customer's external id, percent-encoded.", examples=["acme-inc"]),
    AfterValidator(whole),
]
MemberId = Annotated[
    str,
    Path(description="The member's external id within the customer, percent-encoded.", examples=["u-1024"]),
    AfterValidator(whole),
]
Key = Annotated[str, Path(description="A permanent key.", examples=["first-30-days"]), AfterValidator(whole)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most.")]


def cursor_of(last_id: int) -> str:
    """Where the next page begins: after the row with `last_id`."""
    return base64.urlsafe_b64encode(f"after:{last_id}".encode()).decode().rstrip("=")


async def after(
    cursor: Annotated[str | None, Query(description="`next` of the page before; leave it out for the first.")] = None,
) -> int:
    """The id after which the page that was asked for begins."""
    if not cursor:
        return 0
    try:
        name, _, number = base64.urlsafe_b64decode(f"{cursor}===").decode().partition(":")
    except (binascii.Error, ValueError):
        name, number = "", ""
    if name != "after" or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Invalid(
            Message("This cursor was not given out by this list."),
            problems=[FieldProblem("query.cursor", "not_a_cursor", Message("this is no cursor of this list"))],
        )
    return int(number)


After = Annotated[int, Depends(after)]
AnyJson = dict[str, Any]
