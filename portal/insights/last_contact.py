"""When somebody of ours was last in touch with customers: as it was written down, or by a mail that was sent from here.

Mails are not written down as contacts a second time: whoever works through a list sees both in one place all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from portal.kit.i18n import Message
from portal.mailing.log import last_written
from portal.touch.models import Touch
from portal.touch.rules import KIND_WORDS


@dataclass(frozen=True)
class LastContact:
    """`is_waiting`: a mail that goes out in the hours for mails; `at` is then when it was decided."""

    at: datetime
    kind: Message
    is_waiting: bool = False


def last_contacts(
    session: Session, account_ids: Collection[int], *, touches: Mapping[int, Touch]
) -> Mapping[int, LastContact]:
    """Of each of these customers, whose standing `touches` tells; whoever was never spoken or written to is missing."""
    found = {
        account_id: LastContact(touch.last_at, KIND_WORDS[touch.last_kind])
        for account_id, touch in touches.items()
        if touch.last_at is not None
    }
    for account_id, mail in last_written(session, account_ids).items():
        known = found.get(account_id)
        if known is None or mail.at > known.at:
            found[account_id] = LastContact(mail.at, KIND_WORDS["mail"], mail.is_waiting)
    return found
