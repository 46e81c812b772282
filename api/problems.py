"""Every error of the machine door as RFC 9457 `application/problem+json`: a stable `code`, all field errors at once.

The sentences are English unless the caller asks for a language of ours; `code` never changes with it.
"""

from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from portal.kit.errors import BansoError, FieldProblem, TooMany, Unavailable
from portal.kit.i18n import Locale, Message, preferred_locale

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
log = structlog.get_logger()

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "example": "Not Found"},
        "status": {"type": "integer", "example": 404},
        "code": {"type": "string", "description": "Stable; decide by this.", "example": "not_found"},
        "detail": {"type": "string", "description": "A sentence for people, in the language asked for."},
        "message": {"type": "string", "description": "The same, where clients of the tracking dialect look for it."},
        "errors": {
            "type": "array",
            "description": "Every field that is wrong.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "example": "#/query/limit"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


class Malformed(BansoError):
    """What was sent cannot even be read; sending it again is useless."""

    status = 400
    code = "malformed"


class Unauthorized(BansoError):
    """No credentials, or none that are valid; `scheme` is how to show them."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: Message, *, scheme: str) -> None:
        super().__init__(message)
        self.scheme = scheme


def install(app: FastAPI) -> None:
    """Let `app` answer every error as a problem."""
    app.add_exception_handler(BansoError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_routing)
    app.add_exception_handler(Exception, _of_surprise)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route, for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def locale_of(request: Request) -> Locale:
    """The language of the caller; English where none is asked for, since most callers are programs."""
    return preferred_locale(request.headers.get("accept-language", ""), "en")


def problem(
    request: Request,
    *,
    status: int,
    code: str,
    message: Message,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> Response:
    """A problem document; `more` are members of this one kind of problem."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": message.into(locale_of(request)),
    }
    if getattr(request.state, "reads_message", False):
        body["message"] = body["detail"]
    if errors:
        body["errors"] = errors
    kept = dict(getattr(request.state, "answer_headers", {}))
    return Response(orjson.dumps(body | (more or {})), status, media_type=MEDIA_TYPE, headers=kept | (headers or {}))


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, BansoError)
    headers = {}
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = error.scheme
    errors = [_field(one, locale_of(request)) for one in error.problems]
    return problem(request, status=error.status, code=error.code, message=error.message, errors=errors, headers=headers)


def _field(one: FieldProblem, locale: Locale) -> dict[str, Any]:
    return {"pointer": _pointer(one.field.split(".")), "code": one.code, "detail": one.message.into(locale)}


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(request, status=400, code=Malformed.code, message=Message("The body is not valid JSON."))
    errors = [{"pointer": _pointer(one["loc"]), "code": one["type"], "detail": one["msg"]} for one in found]
    message = Message("Some of what was sent cannot be taken; “errors” names every field.")
    return problem(request, status=422, code="invalid", message=message, errors=errors)


async def _of_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: Message("There is nothing at this address."),
        405: Message("This address does not take the method %(method)s.", method=request.method),
        413: Message("The body is too large."),
    }
    message = messages.get(error.status_code, Message("The request could not be understood."))
    code = CODES.get(error.status_code, "bad_request")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods_at(request))
    return problem(request, status=error.status_code, code=code, message=message, headers=headers)


def _methods_at(request: Request) -> list[str]:
    """Every method of this address: each has a route of its own, and the router names those of the first alone."""
    routes: list[BaseRoute] = request.app.routes

    def is_taken(method: str) -> bool:
        return any(one.matches({**request.scope, "method": method})[0] is Match.FULL for one in routes)

    return list(filter(is_taken, METHODS))


async def _of_surprise(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    message = Message("Something went wrong here. It has been noted; please try again later.")
    return problem(request, status=500, code="error", message=message)


def _pointer(path: Any) -> str:
    """A JSON pointer as a fragment; a body's own name adds nothing to it."""
    parts = [str(part) for part in path]
    if parts and parts[0] == "body":
        parts = parts[1:]
    return "#" + "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)
