"""Colours that can be read: WCAG 2.2 contrast, and the ink that goes on an accent. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

HEX: Final = re.compile(r"#[0-9a-f]{6}")
PAPER: Final = {"light": "#fdfcfa", "dark": "#1d2026"}
"""The ground of the panel in each scheme; what the accent is written and drawn on. `static/widget/widget.css` has the
same, and a test holds them together."""

INKS: Final = {"light": "#ffffff", "dark": "#15181d"}
TEXT_CONTRAST: Final = 4.5


def is_colour(value: str) -> bool:
    """Whether it is written `#rrggbb`, in small letters."""
    return HEX.fullmatch(value) is not None


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=64)
def ink_on(accent: str) -> str:
    """White or near black: whichever reads better on `accent`."""
    return max(INKS.values(), key=lambda ink: contrast(ink, accent))


def weakest(accent: str, scheme: str) -> float:
    """The lower of the two contrasts that matter: `accent` as a link on the panel, and the words on a button of it."""
    return min(contrast(accent, PAPER[scheme]), contrast(accent, ink_on(accent)))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
