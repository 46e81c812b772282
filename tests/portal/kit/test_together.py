"""One question for all who ask at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from portal.kit.together import Together


async def test_who_asks_at_the_same_moment_is_asked_for_together() -> None:
    asked: list[Sequence[int]] = []

    async def double(numbers: Sequence[int]) -> list[int]:
        asked.append(numbers)
        await asyncio.sleep(0)
        return [2 * number for number in numbers]

    doubling = Together(double)
    assert await asyncio.gather(*(doubling.ask(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert await doubling.ask(7) == 14
    assert asked == [[0, 1, 2, 3, 4], [7]]


async def test_what_goes_wrong_is_raised_for_each_and_who_gives_up_stops_nobody() -> None:
    going = asyncio.Event()

    async def answer(numbers: Sequence[int]) -> list[int]:
        await going.wait()
        if 0 in numbers:
            raise ZeroDivisionError
        return list(numbers)

    asking = Together(answer)
    impatient, patient = (asyncio.create_task(asking.ask(number)) for number in (1, 2))
    await asyncio.sleep(0)
    impatient.cancel()
    going.set()
    assert await patient == 2
    for failed in [asyncio.create_task(asking.ask(number)) for number in (0, 3)]:
        with pytest.raises(ZeroDivisionError):
            await failed
