"""Ids in addresses: what a vendor calls a customer may contain `/`, `%` or anything else, and is sent percent-encoded.

Servers decode the path before it is routed, so `a%2Fb` would become two segments. `WholeSegments` keeps each segment
whole, and `whole` gives a route the id as the vendor wrote it.
"""

from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class WholeSegments:
    """Middleware: routes see every segment of the path with `/` and `%` inside it still encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw = scope.get("raw_path")
            segments = _decoded(raw) if raw else scope["path"].split("/")
            path = "/".join(segment.replace("%", "%25").replace("/", "%2F") for segment in segments)
            if path != scope["path"]:
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)


def whole(segment: str) -> str:
    """The id in a segment that came by `WholeSegments`."""
    return segment.replace("%2F", "/").replace("%25", "%")


def segment_of(external_id: str) -> str:
    """The id as a segment of an address."""
    return quote(external_id, safe="")


def _decoded(raw: bytes) -> list[str]:
    return [unquote(segment) for segment in raw.split(b"?")[0].decode("latin-1").split("/")]
