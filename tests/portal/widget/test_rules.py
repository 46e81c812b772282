"""Colours that can be read, and documents that can be built without parsing anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.errors import Invalid
from portal.kit.markdown import render
from portal.widget.rules import PAPER, contrast, ink_on, weakest
from portal.widget.theme import Theme, read_theme
from portal.widget.tree import EMPTY, TAGS, Node, tree_of

STYLES = Path(__file__).parents[3] / "static" / "widget"
LOOK = {
    **{"accent": "#2f5a94", "accent_dark": "#96bdf0", "radius": "12", "position": "right", "scheme": "auto"},
    **{"launcher_ja": "はじめかた", "launcher_en": ""},
}


def test_the_arithmetic_knows_black_and_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert (ink_on("#ffffff"), ink_on("#000000")) == ("#15181d", "#ffffff")


def test_our_own_look_can_be_read() -> None:
    assert weakest(Theme().accent, "light") >= 4.5
    assert weakest(Theme().accent_dark, "dark") >= 4.5
    assert read_theme(LOOK).launcher_ja == "はじめかた"


def test_the_style_sheet_has_the_grounds_that_are_checked() -> None:
    css = "".join(path.read_text(encoding="utf-8") for path in sorted(STYLES.glob("*.css")))
    assert f"--paper: light-dark({PAPER['light']}, {PAPER['dark']});" in css
    assert f"var(--accent-light, {Theme().accent}), var(--accent-dark, {Theme().accent_dark})" in css


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"accent": "#ffd400"}, "accent", "contrast"),
        ({"accent_dark": "#1d2026"}, "accent_dark", "contrast"),
        ({"accent": "red"}, "accent", "colour"),
        ({"accent": "#2f5a94;}*{color:red"}, "accent", "colour"),
        ({"radius": "25"}, "radius", "range"),
        ({"radius": "-1"}, "radius", "range"),
        ({"radius": "9" * 5000}, "radius", "range"),
        ({"position": "middle"}, "position", "choice"),
        ({"scheme": ""}, "scheme", "choice"),
        ({"launcher_en": "x" * 41}, "launcher_en", "length"),
    ],
)
def test_a_look_nobody_could_read_is_not_saved(changed: dict[str, str], field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_theme({**LOOK, **changed})
    assert [(one.field, one.code) for one in refused.value.problems] == [(field, code)]


def test_a_document_becomes_nodes() -> None:
    html = render("## 手順\n\n- [ ] まず\n- [x] 次に **強く**\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n`<b>`").html
    tree = tree_of(html)
    assert tree[0] == ["h2", {"id": "s-手順"}, "手順"]
    assert "☐ " in str(tree)
    assert "☑ " in str(tree)
    assert "['strong', '強く']" in str(tree)
    assert ["code", "<b>"] in next(one for one in tree if isinstance(one, list) and one[0] == "p")


def names(nodes: list[Node]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, list):
            found.add(node[0])
            found |= names([child for child in node[1:] if not isinstance(child, dict)])
    return found


@pytest.mark.parametrize(
    "html",
    [
        "<p>a<script>alert(1)</script>b</p>",
        "<p onclick='x()'>a</p><iframe src='https://evil.example'><p>in</p></iframe>",
        "<svg><a href='javascript:x'>a</a></svg><p>after</p>",
        "<p>open <strong>never closed",
        "</p></p>text",
    ],
)
def test_what_the_renderer_never_makes_is_dropped(html: str) -> None:
    tree = tree_of(html)
    assert names(tree) <= TAGS
    assert "onclick" not in str(tree)
    assert "alert" not in str(tree)


@given(st.text(max_size=200))
def test_every_text_becomes_nodes_that_are_known(source: str) -> None:
    tree = tree_of(render(source).html)
    assert names(tree) <= TAGS | EMPTY
