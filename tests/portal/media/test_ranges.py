"""Which bytes a request asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.media.ranges import Span, span_of

CASES = [
    (None, (0, 99)),
    ("", (0, 99)),
    ("bytes=0-", (0, 99)),
    ("bytes=0-0", (0, 0)),
    ("bytes=10-19", (10, 19)),
    ("bytes=90-200", (90, 99)),
    ("bytes=-5", (95, 99)),
    ("bytes=-500", (0, 99)),
    ("bytes=99-", (99, 99)),
    ("bytes=100-", None),
    ("bytes=-0", None),
    ("bytes=5-4", (0, 99)),
    ("bytes=-", (0, 99)),
    ("bytes=0-1,5-6", (0, 99)),
    ("lines=0-1", (0, 99)),
    ("bytes=a-b", (0, 99)),
    ("bytes=" + "9" * 40 + "-", (0, 99)),
]


@pytest.mark.parametrize(("said", "span"), CASES)
def test_what_a_header_asks_for(said: str | None, span: tuple[int, int] | None) -> None:
    assert span_of(said, 100) == (None if span is None else Span(*span, 100))


@given(st.text(alphabet="bytes=-0123456789, ", max_size=20), st.integers(1, 10_000))
def test_no_header_asks_for_what_is_not_there(said: str, size: int) -> None:
    span = span_of(said, size)
    assert span is None or 0 <= span.first <= span.last < size
