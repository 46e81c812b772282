"""Headers on every answer: what a page may load, and who may frame it.

The policy has no inline script, no inline style and nothing from another host. One kind of page has a policy of its
own: a text with a film of another site, whose player is loaded when a reader asks for it.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.kit.markdown.media import PLAYERS

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


PLAYERS_ALLOWED = {"Content-Security-Policy": f"{CSP}; frame-src {' '.join(PLAYERS)}"}
"""What goes with a text that shows films of other sites, instead of the usual policy."""


def security_headers(*, https: bool) -> dict[str, str]:
    """What goes with every answer."""
    fixed = {
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
    return {**fixed, "strict-transport-security": "max-age=31536000"} if https else fixed


class SecurityHeaders:
    """Plain ASGI, so that it costs next to nothing and never holds a body back.

    An unexpected failure is answered outside of every middleware: `failures` puts the headers on that one itself.
    """

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in security_headers(https=https).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                own = [(name, value) for name, value in self._headers if name not in given]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        await self._app(scope, receive, dressed)
