"""What a person sees when something went wrong: what happened, what is safe, what to do, and a reference code.

Every error of ours, every HTTP error and every bug ends here, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from portal.kit.errors import BansoError, NotFound, TooMany, Unavailable
from portal.kit.headers import security_headers
from portal.kit.i18n import Message
from portal.kit.secrets import new_token
from portal.kit.web import render, site_of

log = structlog.get_logger()

Handler = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True)
class FailurePage:
    """For `errors/failure.html`."""

    status: int
    title: Message
    detail: Message
    problems: tuple[Message, ...]
    reference: str


TITLES = {
    400: Message("Something is missing or wrong"),
    403: Message("You may not do this"),
    404: Message("This page is not here"),
    405: Message("This cannot be done here"),
    409: Message("Something changed meanwhile"),
    413: Message("This is too large"),
    422: Message("Something is missing or wrong"),
    429: Message("Too many attempts"),
    503: Message("Please try again in a moment"),
}
BROKEN_FORM = Message("The form did not arrive whole. Please go back and try again.")
UNEXPECTED = Message("Something went wrong on our side")
UNEXPECTED_DETAIL = Message(
    "Nothing you entered before was lost. Please try again; if it happens again, tell us the reference code below."
)


def install(app: FastAPI) -> None:
    """Answer every failure on `app` with a page."""
    handlers: dict[type[Exception] | int, Handler] = {
        BansoError: _expected,
        HTTPException: _http,
        RequestValidationError: _not_an_address,
        Exception: _bug,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _expected(request: Request, error: Exception) -> Response:
    known = cast("BansoError", error)
    headers = {"Retry-After": str(known.retry_after)} if isinstance(known, TooMany | Unavailable) else {}
    return _page(request, known.status, known.message, tuple(p.message for p in known.problems), headers=headers)


async def _http(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    if status == 404:
        return _page(request, 404, NotFound().message)
    if status == 400:
        return _page(request, 400, BROKEN_FORM)
    headers = dict(cast("HTTPException", error).headers or {})
    return _page(request, status, Message("The address is right, but not for this."), headers=headers)


async def _not_an_address(request: Request, error: Exception) -> Response:
    # A path or query that does not fit its type names nothing that exists.
    where = {str(problem["loc"][0]) for problem in cast("RequestValidationError", error).errors()}
    if where <= {"path", "query"}:
        return _page(request, 404, NotFound().message)
    return _page(request, 422, BROKEN_FORM)


async def _bug(request: Request, error: Exception) -> Response:
    reference = new_token(size=6)
    log.error("unexpected failure", reference=reference, path=request.url.path, exc_info=error)
    headers = security_headers(https=site_of(request).https)
    return _page(request, 500, UNEXPECTED_DETAIL, reference=reference, headers=headers)


def _page(
    request: Request,
    status: int,
    detail: Message,
    problems: tuple[Message, ...] = (),
    *,
    reference: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    title = TITLES.get(status, UNEXPECTED)
    page = FailurePage(status=status, title=title, detail=detail, problems=problems, reference=reference)
    return render(request, "errors/failure.html", page, status=status, headers=headers)
