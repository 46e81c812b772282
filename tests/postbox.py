"""A mail server on loopback: real SMTP, answers as it is told, keeps what came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from tests.postgres import free_port


@dataclass(frozen=True)
class Delivered:
    """One mail as it came: to whom, its bytes, where notices about it go, and read."""

    to: str
    raw: bytes
    sender: str = ""

    @property
    def mail(self) -> EmailMessage:
        read = message_from_bytes(self.raw, policy=default)
        assert isinstance(read, EmailMessage)
        return read

    def part(self, kind: str) -> str:
        found = self.mail.get_body((kind,))
        assert found is not None
        text: str = found.get_content()
        return text


@dataclass
class Postbox:
    """`recipient` and `content` say how the server answers: a line of SMTP, or None to hang until it is stopped."""

    url: str = ""
    got: list[Delivered] = field(default_factory=list)
    recipient: Callable[[str], str | None] = lambda _address: "250 OK"
    content: Callable[[], str | None] = lambda: "250 OK"

    @property
    def to(self) -> list[str]:
        return [one.to for one in self.got]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - named by aiosmtpd
        said = self.recipient(address)
        if said is None:
            await asyncio.Event().wait()
        if said and said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said or ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - named by aiosmtpd
        said = self.content()
        if said is None or said.startswith("2"):
            self.got.append(Delivered(envelope.rcpt_tos[0], envelope.content, envelope.mail_from))
        if said is None:
            await asyncio.Event().wait()
        return said or ""


@contextmanager
def postbox() -> Iterator[Postbox]:
    """A server until the block is done, at `url`."""
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.url = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield box
    finally:
        controller.stop()
