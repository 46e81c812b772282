"""The load: a process of its own that keeps connections busy and counts what comes back.

Closed loop: each connection sends its next request when the answer to the last has come, so a slow server is never
flooded. Everything is bounded, in requests and in seconds, and only ever goes to 127.0.0.1. Requests are written down
before the clock starts, and answers are read no further than their length: the load must stay quicker than what it
measures, and says how busy it was itself.

This module stands on the standard library alone, so that the process starts at once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
PATIENCE = 20.0

Make = Callable[[int], bytes]
"""The n-th request as it goes over the wire. A function of a module, or a `partial` of one: it travels to a process."""


@dataclass(frozen=True)
class Plan:
    """What to send to `port`: requests number `first` and following, until `seconds` are over or `at_most` are sent.

    With `same` the first request is sent again and again; otherwise `at_most` are made before the clock starts.
    """

    port: int
    make: Make
    connections: int
    seconds: float
    at_most: int
    first: int = 0
    same: bool = False
    status: int = 200


@dataclass(frozen=True)
class Seen:
    """What came back. `busy` is the share of a core that the load itself took: near 1 it measured itself."""

    answers: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    busy: float
    wrong: str = ""
    """The first answer that was not the expected one; empty where all were."""

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class Load:
    """The process that sends; it does one plan at a time."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, plan: Plan) -> Seen:
        """Do it, and fail where any answer was not the expected one: a figure over errors says nothing."""
        seen = self._pool.submit(_carry_out, plan).result(plan.seconds + 60)
        if seen.wrong:
            raise RuntimeError(f"unexpected answer: {seen.wrong}")
        return seen


@contextmanager
def loader() -> Iterator[Load]:
    """A load process, ended afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Load(pool)


def _carry_out(plan: Plan) -> Seen:
    count = 1 if plan.same else plan.at_most
    requests = [plan.make(number) for number in range(plan.first, plan.first + count)]
    return asyncio.run(_drive(plan, requests))


async def _drive(plan: Plan, requests: list[bytes]) -> Seen:
    run = _Run(plan, requests)
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(lambda: _Connection(run), "127.0.0.1", plan.port)
        connections.append(connection)
    before, started = os.times(), time.perf_counter()
    run.deadline = started + plan.seconds
    for connection in connections:
        connection.send_next()
    async with asyncio.timeout(plan.seconds + PATIENCE):
        await asyncio.gather(*(connection.done for connection in connections))
    elapsed, after = time.perf_counter() - started, os.times()
    times = sorted(run.times) or [0.0]
    return Seen(
        answers=len(run.times),
        seconds=elapsed,
        p50_ms=1000 * times[len(times) // 2],
        p95_ms=1000 * times[len(times) * 95 // 100],
        p99_ms=1000 * times[len(times) * 99 // 100],
        busy=(after.user + after.system - before.user - before.system) / elapsed,
        wrong=run.wrong,
    )


class _Run:
    """What the connections of one plan share."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        self._waiting = (requests[0] for _ in range(plan.at_most)) if plan.same else iter(requests)
        self.expected = b" %d " % plan.status
        self.times: list[float] = []
        self.wrong = ""
        self.deadline = 0.0

    def next_request(self) -> bytes | None:
        if self.wrong or time.perf_counter() >= self.deadline:
            return None
        return next(self._waiting, None)


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = bytearray()
        self._size = 0
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send_next(self) -> None:
        request = self._run.next_request()
        if request is None:
            self._end()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._size and not self._read_head():
            return
        if len(self._buffer) < self._size:
            return
        self._run.times.append(time.perf_counter() - self._sent_at)
        self._buffer.clear()
        self._size = 0
        self.send_next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._run.wrong = self._run.wrong or f"the connection was closed ({error})"
            self._end()

    def _read_head(self) -> bool:
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        if self._run.expected not in head[:16]:
            self._run.wrong = self._run.wrong or self._buffer[:1500].decode(errors="replace")
        place = head.find(LENGTH)
        if place < 0:
            self._run.wrong = self._run.wrong or "an answer without content-length"
            self._size = end
            return True
        self._size = end + len(HEAD_END) + int(head[place + len(LENGTH) :].split(b"\r\n", 1)[0])
        return True

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


def get(number: int, *, path: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A GET; the same for every number."""
    del number
    return _written("GET", path, headers, b"")


def post(body: bytes, *, path: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A POST of JSON."""
    return _written("POST", path, (*headers, ("Content-Type", "application/json")), body)


def _written(method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
