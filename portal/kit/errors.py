"""What can go wrong, said once: a stable `code`, an HTTP status, and a sentence for the reader.

The two doors translate it: pages into an error page, the api into a problem document, the command line into a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.kit.i18n import Message


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field: `field` is its path (`steps.2.scope`), `code` stable, `message` for people."""

    field: str
    code: str
    message: Message


def by_field(problems: Sequence[FieldProblem]) -> dict[str, list[Message]]:
    """What is wrong, field by field, as forms show it."""
    found: dict[str, list[Message]] = {}
    for problem in problems:
        found.setdefault(problem.field, []).append(problem.message)
    return found


class BansoError(Exception):
    """The root of every error a person or a machine may be told about."""

    status = 500
    code = "error"

    def __init__(self, message: Message, *, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(str(message))
        self.message = message
        self.problems = tuple(problems)


class NotFound(BansoError):
    """There is no such thing, or it is not for you: the two are never told apart."""

    status = 404
    code = "not_found"

    def __init__(self, message: Message | None = None) -> None:
        super().__init__(message or Message("There is nothing here, or it is not for you."))


class Forbidden(BansoError):
    """You are known, and may not do this."""

    status = 403
    code = "forbidden"


class Conflict(BansoError):
    """It contradicts what is there."""

    status = 409
    code = "conflict"


class Invalid(BansoError):
    """What was sent cannot be taken; `problems` names every field at fault."""

    status = 422
    code = "invalid"


class TooLarge(BansoError):
    """What was sent is over a limit."""

    status = 413
    code = "too_large"


class TooMany(BansoError):
    """Too often; `retry_after` is in seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: Message, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(BansoError):
    """Not now, and nothing was done; `retry_after` is in seconds."""

    status = 503
    code = "unavailable"

    def __init__(self, message: Message, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after
