"""Who does something to a checklist: what is kept on record of them, and what the record shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Actor:
    """A person, or a system acting for the vendor. `key` names them on record, `name` is shown to people."""

    kind: Literal["member", "staff", "api", "webhook"]
    key: str
    name: str
    member_id: int | None = None
    is_admin: bool = False
    role: str = ""
