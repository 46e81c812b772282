"""What each role of the vendor's people may do: one table, which pages ask and people are shown.

Rights are read with the viewer on every request, so a changed role holds from the next click.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from portal.kit.i18n import Message

Role = Literal["owner", "cs", "editor", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)

Right = Literal["see_customers", "act_for_customers", "write_content", "connect_systems", "manage_staff"]
"""`see_customers` opens whatever shows a customer or a figure over customers; `connect_systems` is sources, keys and
webhooks; `manage_staff` is who belongs to the vendor and as what."""

RIGHTS: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset(get_args(Right)),
    "cs": frozenset({"see_customers", "act_for_customers", "write_content"}),
    "editor": frozenset({"write_content"}),
    "viewer": frozenset({"see_customers"}),
}

ROLE_WORDS: Mapping[Role, Message] = {
    "owner": Message("Administrator"),
    "cs": Message("Customer success"),
    "editor": Message("Editor"),
    "viewer": Message("Viewer"),
}
ROLE_MEANINGS: Mapping[Role, Message] = {
    "owner": Message("everything, staff and connected systems included"),
    "cs": Message("customers and content"),
    "editor": Message("content only; sees no customer"),
    "viewer": Message("looks at everything about customers, and changes nothing"),
}


def rights_of(role: str) -> frozenset[Right]:
    """What `role` may do; nothing, for a word that is none of ours."""
    return next((RIGHTS[one] for one in ROLES if one == role), frozenset())
