"""What a source or an API key may send, told in the headers of every answer (draft-ietf-httpapi-ratelimit-headers)."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


def note_request(request: Request, key_id: int) -> None:
    """An API key asks for something: let the answer say where it stands. `TooMany` where it has asked too often."""
    requests: Limits = request.app.state.requests
    try:
        standing = requests.spend(key_id, 1)
    except TooMany:
        standing = requests.standing(key_id)
        raise
    finally:
        request.state.answer_headers = standing.headers


class AnswerHeaders:
    """Middleware: what was noted in `request.state.answer_headers` goes with the answer, whatever makes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {}) if scope["type"] == "http" else {}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and "answer_headers" in state:
                there = {name for name, _ in message["headers"]}
                noted = ((name.lower().encode(), value.encode()) for name, value in state["answer_headers"].items())
                message["headers"] = [*message["headers"], *(one for one in noted if one[0] not in there)]
            await send(message)

        await self._app(scope, receive, with_headers)
