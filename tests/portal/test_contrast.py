"""Every pair of ink and ground that the style sheets use can be read, in both themes (WCAG 2.2: text 4.5, marks 3)."""

from __future__ import annotations

import re
from math import cos, radians, sin
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static" / "css" / "tokens.css"
COLOUR = r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)(?: / [\d.]+)?\)"
TOKEN = re.compile(rf"^\s*--([\w-]+): light-dark\({COLOUR}, {COLOUR}\);", re.MULTILINE)
THEMES = ("light", "dark")

GROUNDS = ("paper", "paper-raised", "paper-sunk", "accent-soft")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent", "accent-strong") for ground in GROUNDS),
    *((ink, ground) for ink in ("good", "warn", "bad") for ground in ("paper", "paper-raised", "paper-sunk")),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    *(("ink", f"{tone}-soft") for tone in ("good", "warn", "bad")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("bad-ink", "bad"),
]
MARKS = [
    *(("line-strong", ground) for ground in ("paper", "paper-raised")),
    *(("focus", ground) for ground in (*GROUNDS, "good-soft", "warn-soft", "bad-soft")),
    ("accent", "line"),
    ("good", "line"),
    ("accent", "accent-line"),
]


def tokens(css: str) -> dict[str, dict[str, tuple[float, float, float]]]:
    """The colours of each theme, as linear light."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {theme: {} for theme in THEMES}
    for name, *numbers in TOKEN.findall(css):
        light, dark = [float(n) for n in numbers[:3]], [float(n) for n in numbers[3:]]
        found["light"][name], found["dark"][name] = linear(*light), linear(*dark)
    return found


def linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB, clipped to what a screen shows (https://bottosson.github.io/posts/oklab)."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return tuple(min(max(channel, 0.0), 1.0) for channel in (red, green, blue))  # type: ignore[return-value]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    high, low = sorted((0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] for c in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


COLOURS = tokens(TOKENS.read_text(encoding="utf-8"))


def test_the_arithmetic_knows_black_and_white() -> None:
    assert contrast(linear(1, 0, 0), linear(0, 0, 0)) == pytest.approx(21, abs=0.01)
    assert contrast(linear(0.5999, 0, 0), linear(1, 0, 0)) == pytest.approx(3.95, abs=0.05)  # #808080 on white


def test_every_colour_has_both_themes() -> None:
    named = re.findall(r"^\s*--([\w-]+): .*oklch", TOKENS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(COLOURS["light"])
    assert len(named) == len(set(named)), "each role once"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    assert contrast(COLOURS[theme][ink], COLOURS[theme][ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("mark", "ground"), MARKS)
def test_marks_and_edges_can_be_seen(theme: str, mark: str, ground: str) -> None:
    assert contrast(COLOURS[theme][mark], COLOURS[theme][ground]) >= 3
