"""How far a share can be trusted: the interval that goes with every rate that is shown."""

from __future__ import annotations

from math import sqrt


def wilson(successes: int, n: int, z: float = 1.959963984540054) -> tuple[float, float] | None:
    """Wilson's score interval for a share (95 % by default); None for nobody.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if n == 0:
        return None
    share = successes / n
    spread = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / spread
    margin = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / spread
    low = 0.0 if successes == 0 else max(0.0, centre - margin)
    high = 1.0 if successes == n else min(1.0, centre + margin)
    return low, high
