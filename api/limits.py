"""What a source may send, told in the headers of every answer it gets (draft-ietf-httpapi-ratelimit-headers)."""

from fastapi import Request

from portal.events.limits import Limits
from portal.events.sources import KnownSource
from portal.kit.errors import TooMany


def note_standing(request: Request, source: KnownSource, *, count: int) -> None:
    """`source` sends `count` events: let the answer say where it stands. `TooMany` where it may send nothing now."""
    limits: Limits = request.app.state.limits
    headers = getattr(request.state, "answer_headers", {})
    try:
        standing = limits.spend(source.id, count, per_second=source.events_per_second)
    except TooMany:
        standing = limits.standing(source.id, per_second=source.events_per_second)
        raise
    finally:
        request.state.answer_headers = {**headers, **standing.headers}
