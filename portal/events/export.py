"""Raw events out of the house: one JSON object a line, oldest first, however many there are.

They are read a thousand at a time, each time from where the last thousand ended, so neither memory nor a single
transaction grows with them. What arrives while it runs may be in it or not.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from portal.events.reads import Cursor, EventFilters, Listed, events_from
from portal.kit.db import Database

AT_ONCE = 1000
MEDIA_TYPE = "application/x-ndjson"


async def jsonl(database: Database, filters: EventFilters) -> AsyncIterator[bytes]:
    """The events that fit, as lines; each has the fields of the interface's `events`."""
    after: Cursor | None = None
    while True:
        page = await database.report(partial(events_from, filters=filters, after=after, limit=AT_ONCE))
        if page:
            yield b"".join(orjson.dumps(as_object(one), option=orjson.OPT_APPEND_NEWLINE) for one in page)
        if len(page) < AT_ONCE:
            return
        after = Cursor(page[-1].at, page[-1].id)


def as_object(one: Listed) -> dict[str, Any]:
    """One event as other systems read it."""
    return {
        "message_id": one.message_id,
        "event": one.event,
        "at": one.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "received_at": one.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "source": one.source,
        "account": one.account,
        "member": one.member,
        "properties": dict(one.properties),
    }


def as_file(name: str, extension: str = "jsonl") -> dict[str, str]:
    """The headers of a download of this name, whatever characters it has; nobody may keep a copy on the way."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "export"
    whole = quote(f"{name}.{extension}", safe="")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{whole}",
        "Cache-Control": "private, no-store",
    }
