"""A receiver of webhooks on loopback: real HTTP, answers as it is told, keeps what came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True)
class Delivery:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


@dataclass
class Receiver:
    """`answer` says the status for each delivery, or None to never answer at all."""

    url: str = ""
    got: list[Delivery] = field(default_factory=list)
    answer: Callable[[Delivery], int | None] = lambda _delivery: 204
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def has(self, enough: Callable[[list[Delivery]], bool], *, seconds: float = 20) -> None:
        """Return as soon as `enough` of what came."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: enough(self.got))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as many requests as come on it."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(asyncio.CancelledError):  # by `hang_up`
                await self._answer_all(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def hang_up(self) -> None:
        """End every connection."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                delivery = Delivery(head[0].split(" ")[1], headers, body)
                async with self._changed:
                    self.got.append(delivery)
                    self._changed.notify_all()
                status = self.answer(delivery)
                if status is None:
                    await asyncio.Event().wait()
                said = b"" if status == 204 else b"the receiver says %d" % (status or 0)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status or 0, len(said), said))
                await writer.drain()


@asynccontextmanager
async def receiving(answer: Callable[[Delivery], int | None] | None = None) -> AsyncIterator[Receiver]:
    """A receiver until the block is done, at `url`."""
    receiver = Receiver()
    if answer is not None:
        receiver.answer = answer
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.hang_up()
