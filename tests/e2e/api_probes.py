"""What schemathesis is told beside OpenAPI, because no schema can say it: read by it, not by pytest.

A schema has no first and last year, and its formats are wider than the world: addresses of mail and of the web are
drawn as people have them. That a new request has an `Idempotency-Key` of its own, that what was done was done before
now and what is put aside comes back later, are promises over time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

KEY = "Idempotency-Key"
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,15}", fullmatch=True)
ZONES = st.integers(-11, 13).map(lambda hours: timezone(timedelta(hours=hours))) | st.just(UTC)
DAYS = st.dates(date(1970, 1, 3), date(2199, 12, 29))
MOMENTS = st.datetimes(datetime(1970, 1, 3), datetime(2199, 12, 29), timezones=ZONES)  # noqa: DTZ001 - zones are drawn

schemathesis.openapi.format("date", DAYS.map(date.isoformat))
schemathesis.openapi.format("date-time", MOMENTS.map(datetime.isoformat))
schemathesis.openapi.format("email", st.builds("{}.{}@{}.example".format, NAMES, NAMES, NAMES))
schemathesis.openapi.format("uri", st.builds("https://{}.example/{}".format, NAMES, NAMES))


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Give a request that is right a key of its own, in place of the example that all would share, and times that can
    be."""
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return
    if case.headers and KEY in case.headers:
        case.headers[KEY] = str(uuid4())
    if isinstance(case.body, dict):
        for name, away in (("at", timedelta(days=-1)), ("until", timedelta(days=30))):
            if case.body.get(name):
                case.body[name] = (datetime.now(UTC) + away).isoformat()
