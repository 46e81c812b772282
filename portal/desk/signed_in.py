"""Signing in to the portal is a happening like any other: it counts, shows in the timeline, and may complete a step."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from portal.accounts.sessions import SignIn
from portal.events.ingest import record
from portal.kit.db import zone_of


def record_sign_in(session: Session, sign_in: SignIn, now: datetime) -> None:
    """For the composition root to subscribe to `sessions.on_signed_in`: the event `portal.signed_in`."""
    record(
        session,
        account_id=sign_in.account_id,
        member_id=sign_in.member_id,
        name="portal.signed_in",
        at=now,
        properties={},
        message_id=f"portal.signed_in:{sign_in.member_id}:{now.isoformat()}",
        now=now,
        zone=zone_of(session),
    )
