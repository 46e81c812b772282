"""What the installation writes about itself: a line for each event on standard error, for people or for machines.

A failure is told with where it happened, never with the values that were at hand there: among them are secrets.
"""

from __future__ import annotations

import sys

import structlog


def set_up() -> None:
    """To be called once where a process starts. On a terminal the lines are for people, elsewhere they are JSON."""
    for_people = sys.stderr.isatty()
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if for_people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
