"""Keys for those who name none: made of a title, and such as nothing else has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import count

LONGEST = 48


def slug(text: str) -> str:
    """A key made of a title: "Invite three members" → invite-three-members; "" where it is all Japanese."""
    return re.sub(r"[^a-z0-9]+", "-", unicodedata.normalize("NFKC", text).lower()).strip("-")[:LONGEST].strip("-")


def free(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """`wanted` where nothing has it, else `wanted-2` and so on."""
    return next(one for number in count(1) if not is_taken(one := wanted if number == 1 else f"{wanted}-{number}"))
