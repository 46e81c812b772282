"""How much a source may send: a bucket of one second's worth, which fills up again as time goes by.

Whoever has anything left may send a whole batch and pays for it afterwards, so that no batch is too large for a small
limit. Each process counts for itself: that costs no round trip, and what the limit must keep off, a flood, is kept off
each of them. The clock is a monotonic one: the machine's clock may jump and changes nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from portal.kit.errors import TooMany
from portal.kit.i18n import Message

FLOOD = Message("This source sends more than it may. Wait as long as “Retry-After” says, then send the same again.")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left at a moment (seconds); less than nothing is a debt."""

    left: float
    at: float


def filled(bucket: Bucket | None, *, per_second: int, now: float) -> Bucket:
    """The bucket as it is now. One never used before is full."""
    if bucket is None:
        return Bucket(per_second, now)
    return Bucket(min(per_second, bucket.left + max(0.0, now - bucket.at) * per_second), now)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a source stands: what it may send in a second, what is left of that, and in how many seconds it is full."""

    per_second: int
    left: int
    full_in: int
    unit: str = "events"

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes it."""
        return {
            "RateLimit-Policy": f'"{self.unit}";q={self.per_second};w=1',
            "RateLimit": f'"{self.unit}";r={self.left};t={self.full_in}',
        }


class Limits:
    """What every source has sent to this process lately; or every API key, by a `unit` and in words of its own."""

    def __init__(
        self,
        *,
        per_second: int,
        clock: Callable[[], float] = monotonic,
        unit: str = "events",
        flood: Message = FLOOD,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._unit = unit
        self._flood = flood
        self._buckets: dict[int, Bucket] = {}

    def spend(self, source_id: int, count: int, *, per_second: int | None = None) -> Standing:
        """`count` more events of this source, whose own limit may be `per_second`; where it stands then.

        `TooMany` where nothing is left: then none of them counts, and the wait is until something is.
        """
        limit = per_second or self._per_second
        bucket = filled(self._buckets.get(source_id), per_second=limit, now=self._clock())
        if bucket.left <= 0:
            wait = max(1, math.ceil(-bucket.left / limit))
            raise TooMany(self._flood, retry_after=wait)
        self._buckets[source_id] = Bucket(bucket.left - count, bucket.at)
        return self._standing(self._buckets[source_id], limit)

    def standing(self, source_id: int, *, per_second: int | None = None) -> Standing:
        """Where a source stands, without sending anything."""
        limit = per_second or self._per_second
        return self._standing(filled(self._buckets.get(source_id), per_second=limit, now=self._clock()), limit)

    def _standing(self, bucket: Bucket, limit: int) -> Standing:
        left = max(0, math.floor(bucket.left))
        return Standing(limit, left, math.ceil((limit - bucket.left) / limit), self._unit)
