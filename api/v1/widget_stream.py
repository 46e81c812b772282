"""The stream of a widget: it says when to ask for the state again, and nothing else.

Read with `fetch`, since EventSource sends no headers. A comment every twenty seconds keeps proxies from cutting it and
tells the widget that it is alive; it ends by itself before the token does, so rights are looked at again with the next.
An open stream costs one small task and no thread, no timer of its own beyond the heartbeat, and no database connection.
"""

import asyncio
import contextlib
import random
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.guests import seat_of
from api.problems import described
from portal.kit.errors import Unavailable
from portal.kit.i18n import Message
from portal.kit.web import SiteDep
from portal.widget.live import Live, Waiting

HEARTBEAT_SECONDS: Final = 20.0
LIFE_SECONDS: Final = 15 * 60
SPREAD_SECONDS: Final = 5 * 60
HELLO: Final = b"retry: 2000\nevent: hello\ndata: {}\n\n"
CHANGED: Final = b"event: changed\ndata: {}\n\n"
ALIVE: Final = b":\n\n"
BYE: Final = b"event: bye\ndata: {}\n\n"
EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["hello", "changed", "bye"]},
        "data": {"type": "string", "const": "{}"},
        "retry": {"type": "integer", "description": "Milliseconds to wait before asking for a new stream."},
    },
}
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(prefix="/widget", tags=["widget"])


@router.get(
    "/stream",
    response_class=Response,
    responses={
        200: {
            "description": "Events `hello`, `changed`, `bye`; the schema is that of one.",
            "content": {"text/event-stream": {"schema": EVENT, "example": {"event": "changed", "data": "{}"}}},
        },
        **described(401, 403, 429, 503),
    },
    openapi_extra={"security": [{"WidgetToken": []}]},
    operation_id="widget_stream",
)
async def stream(request: Request, site: SiteDep) -> Response:
    """`text/event-stream`: `changed` when a step of the account was completed; then ask for the state again.

    Answers 503 where this process holds as many as it can: ask for the state now and then instead.
    """
    seat = await seat_of(request, site)
    live: Live = request.app.state.live
    if live.is_full:
        raise Unavailable(Message("No more open widgets fit here now."), retry_after=60)
    allowed = dict(getattr(request.state, "answer_headers", {}))
    seconds = _life(seat.expires_at, site.clock())
    return EventStream(live, seat.guest.viewer.account_id, seconds=seconds, headers={**HEADERS, **allowed})


def _life(expires_at: datetime, now: datetime) -> float:
    """How long a stream lasts: never beyond its token, and not all of them to the same moment."""
    own = LIFE_SECONDS + random.uniform(0, SPREAD_SECONDS)  # noqa: S311 - spreads reconnections, hides nothing
    return max(0.0, min(own, (expires_at - now).total_seconds()))


class EventStream(Response):
    """An answer that stays open. Plain ASGI: what Starlette wraps around a generator costs more than the stream."""

    media_type = "text/event-stream"

    def __init__(self, live: Live, account_id: int, *, seconds: float, headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._live = live
        self._account_id = account_id
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with self._live.wait_for(self._account_id) as waiting:
            leaving = asyncio.ensure_future(_gone(receive, waiting))
            try:
                await self._tell(send, waiting)
            finally:
                leaving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await leaving

    async def _tell(self, send: Send, waiting: Waiting) -> None:
        ends = asyncio.get_running_loop().time() + self._seconds
        await _say(send, HELLO)
        while not waiting.is_over:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(waiting.news.wait(), min(HEARTBEAT_SECONDS, left))
            except TimeoutError:
                await _say(send, ALIVE)
                continue
            waiting.news.clear()
            if not waiting.is_over:
                await _say(send, CHANGED)
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": BYE, "more_body": False})


async def _say(send: Send, said: bytes) -> None:
    await send({"type": "http.response.body", "body": said, "more_body": True})


async def _gone(receive: Receive, waiting: Waiting) -> None:
    """Wait until the widget has closed its end."""
    while (await receive())["type"] != "http.disconnect":
        pass
    waiting.is_over = True
    waiting.news.set()
