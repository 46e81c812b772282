"""Addresses: where to go after signing in (only ever to a page of this portal), and where a customer is found."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

LONGEST = 500
# Browsers drop tabs and line breaks from addresses, and read a backslash as a slash.
HARMFUL = re.compile(r"[\x00-\x20\x7f\\]")
PLACES = re.compile(r"^/(?!sign-in(?:[/?#]|$)|sign-out(?:[/?#]|$))")


def local_path(asked: str | None, default: str = "/") -> str:
    """`asked` if it can only lead to a page of this portal (and not round to signing in), else `default`."""
    if not asked or len(asked) > LONGEST or HARMFUL.search(asked) or not PLACES.match(asked):
        return default
    path = re.split(r"[?#]", asked, maxsplit=1)[0]
    return default if "//" in path else asked


def sign_in_path(next_path: str) -> str:
    """The sign-in page that leads on to `next_path`."""
    onward = local_path(next_path)
    return "/sign-in" if onward == "/" else f"/sign-in?{urlencode({'next': onward})}"


def customer_path(external_id: str) -> str:
    """The staff page of a customer."""
    return f"/staff/accounts/{quote(external_id, safe='')}"
