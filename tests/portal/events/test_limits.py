"""How much a source may send: one second's worth at once, and no more than that in any second after it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.events.limits import Bucket, Limits, filled
from portal.kit.errors import TooMany


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("bucket", "now", "left"),
    [
        (None, 5, 10),
        (Bucket(4, 5), 5, 4),
        (Bucket(4, 5), 5.5, 9),
        (Bucket(4, 5), 9, 10),
        (Bucket(-25, 5), 7, -5),
        (Bucket(4, 5), 1, 4),  # a clock that went back fills nothing
    ],
)
def test_a_bucket_fills_up(bucket: Bucket | None, now: float, left: float) -> None:
    assert filled(bucket, per_second=10, now=now) == Bucket(left, now)


def test_whoever_has_anything_left_may_send_a_batch_and_waits_for_it() -> None:
    clock = Clock()
    limits = Limits(per_second=10, clock=clock)
    assert limits.spend(1, 35).left == 0
    with pytest.raises(TooMany) as raised:
        limits.spend(1, 1)
    assert raised.value.retry_after == 3
    clock.now += 2.5
    with pytest.raises(TooMany):
        limits.spend(1, 1)
    clock.now += 0.1
    assert limits.spend(1, 1).left == 0


def test_sources_do_not_share_and_may_have_a_limit_of_their_own() -> None:
    limits = Limits(per_second=10, clock=Clock())
    limits.spend(1, 10)
    with pytest.raises(TooMany):
        limits.spend(1, 1)
    assert limits.spend(2, 1).headers == {"RateLimit-Policy": '"events";q=10;w=1', "RateLimit": '"events";r=9;t=1'}
    assert limits.spend(3, 1, per_second=500).left == 499


@given(
    per_second=st.integers(1, 1000),
    sent=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 2500)), max_size=60),
)
def test_over_any_time_nobody_sends_more_than_the_limit_and_one_batch(
    per_second: int, sent: list[tuple[float, int]]
) -> None:
    clock = Clock()
    limits = Limits(per_second=per_second, clock=clock)
    taken = 0
    begun = clock.now
    for pause, count in sent:
        clock.now += pause
        with suppress(TooMany):
            limits.spend(1, count)
            taken += count
    assert taken <= per_second * (1 + clock.now - begun) + 2500 + 1e-6
