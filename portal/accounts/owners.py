"""What is the owners' alone, beyond the rights of a role: all that is held of a person, given out or erased."""

from __future__ import annotations

from portal.accounts.viewers import StaffViewer
from portal.kit.errors import Forbidden
from portal.kit.i18n import Message


def owners_only(viewer: StaffViewer) -> None:
    """`Forbidden` for everybody but an owner."""
    if not viewer.is_admin:
        raise Forbidden(Message("Only an owner may see or change this. Ask one of yours."))
