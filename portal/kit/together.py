"""One question for all who ask at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")


class Together(Generic[Question, Reply]):
    """`answer` gives the replies to several questions, in their order; what it raises is raised for all of them.

    Nobody waits for others: whoever has asked by the time the event loop comes round is in.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Awaitable[Sequence[Reply]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[Question, asyncio.Future[Reply]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Reply:
        """The reply to this one."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((question, reply))
        if len(self._waiting) == 1:
            task = loop.create_task(self._ask_all())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return await reply

    async def _ask_all(self) -> None:
        together, self._waiting = self._waiting, []
        try:
            replies = await self._answer([question for question, _ in together])
        except Exception as error:
            for _, reply in together:
                if not reply.done():
                    reply.set_exception(error)
        else:
            for (_, reply), said in zip(together, replies, strict=True):
                if not reply.done():
                    reply.set_result(said)
