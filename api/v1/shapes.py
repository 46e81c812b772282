"""Pieces that calls and answers are made of: instants, ids, plain text, and the cursor of a list.

What is told here is what is enforced: a schema that allows what is then refused would be a trap for whoever writes a
client from it.
"""

import base64
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, Field, PlainSerializer, WithJsonSchema

from api.segments import whole
from portal.kit.dates import iso
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message

LARGEST_PAGE = 200
LARGEST_ID = 2**63 - 1
CURSOR_BYTES: Final = 8

LINE: Final = "^[^\\u0000-\\u001f\\u007f\\u2028\\u2029]*$"
"""Text on one line, without control characters."""
LINES: Final = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]*$"
"""Text over several lines, without other control characters."""
SAID: Final = f"{LINES[:-1]}[^\\s{LINES[3:-3]}]{LINES[1:]}"
"""The same, and not blank."""
ID: Final = {"minLength": 1, "maxLength": 200, "pattern": f"^[^\\s\\u0000-\\u001f\\u007f]{LINE[1:]}"}
"""An id as vendors give them out. Told and not enforced: what cannot be an id is nobody's, so a 404."""

Instant = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-06-03T05:00:00Z"]}, "serialization"),
]
"""An instant, written in UTC."""


def line(longest: int, **more: Any) -> Any:
    """A field of plain text on one line."""
    return Field(default=None, max_length=longest, pattern=LINE, **more)


MomentIn = Annotated[
    str,
    WithJsonSchema(
        {
            "description": "RFC 3339, or a day in the vendor's time zone; from 1970 to 2199.",
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
            "examples": ["2026-06-01"],
        }
    ),
]
"""An instant as callers may write it; a reader reads it."""

AccountId = Annotated[
    str,
    Path(description="The customer's external id, percent-encoded.", examples=["acme-inc"], json_schema_extra={**ID}),
    AfterValidator(whole),
]
MemberId = Annotated[
    str,
    Path(
        description="The member's external id within the customer, percent-encoded.",
        examples=["u-1024"],
        json_schema_extra={**ID},
    ),
    AfterValidator(whole),
]
Key = Annotated[
    str,
    Path(description="A permanent key.", examples=["first-30-days"], json_schema_extra={**ID, "maxLength": 64}),
    AfterValidator(whole),
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most.")]


def packed(numbers: bytes) -> str:
    """`numbers` as a cursor: whatever has the form of one is one, so that its schema says all there is to say."""
    return base64.urlsafe_b64encode(numbers).decode().rstrip("=")


def unpacked(cursor: str, *, size: int) -> bytes:
    """The numbers in a cursor of `size` bytes. Raises `Invalid` for what has not the form of one."""
    try:
        numbers = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        numbers = b""
    if len(numbers) != size or "=" in cursor:
        raise Invalid(
            Message("This cursor was not given out by this list."),
            problems=[FieldProblem("query.cursor", "not_a_cursor", Message("this is no cursor of this list"))],
        )
    return numbers


def cursor_query(size: int) -> Any:
    """The parameter `cursor` of a list whose cursors have `size` bytes."""
    characters = -(-size * 8 // 6)
    return Query(
        description="`next` of the page before; empty or left out for the first.",
        json_schema_extra={"maxLength": characters, "pattern": f"^([A-Za-z0-9_-]{{{characters}}})?$"},
    )


def cursor_of(last_id: int) -> str:
    """Where the next page begins: after the row with `last_id`."""
    return packed(last_id.to_bytes(CURSOR_BYTES))


async def after(cursor: Annotated[str | None, cursor_query(CURSOR_BYTES)] = None) -> int:
    """The id after which the page that was asked for begins."""
    return min(int.from_bytes(unpacked(cursor, size=CURSOR_BYTES)), LARGEST_ID) if cursor else 0


After = Annotated[int, Depends(after)]
