"""A page that asks before something stops working, and names what: it needs no script, so nobody is spared it."""

from __future__ import annotations

from dataclasses import dataclass

from portal.kit.i18n import Message


@dataclass(frozen=True)
class Loss:
    """One thing that stops working."""

    text: Message


@dataclass(frozen=True)
class ConfirmPage:
    """For `integrations/confirm.html`: what is lost, what stays, and the one button that does it."""

    title: Message
    losses: tuple[Loss, ...]
    keeps: Message
    act: Message
    action: str
    back: str
