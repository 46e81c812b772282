from __future__ import annotations

import pytest

from portal.kit.i18n import Message
from portal.kit.markdown import render
from portal.kit.markdown.media import Picture

PAGES = {
    "manuals/inviting": "/manuals/inviting/invite",
    "./other-slug.md": "/manuals/other/other",
    "招待.md": "/manuals/a/招待",
}


def said(warnings: tuple[tuple[int, Message], ...]) -> list[tuple[int, str]]:
    return [(line, str(message)) for line, message in warnings]


@pytest.mark.parametrize(
    ("target", "html"),
    [
        ("https://example.com/", '<a href="https://example.com/" class="external" rel="noopener">a</a>'),
        ("//example.com/", '<a href="//example.com/" class="external" rel="noopener">a</a>'),
        ("mailto:a@example.com", '<a href="mailto:a@example.com">a</a>'),
        ("tel:+81-3-0000-0000", '<a href="tel:+81-3-0000-0000">a</a>'),
        ("/manuals", '<a href="/manuals">a</a>'),
        ("?lang=en", '<a href="?lang=en">a</a>'),
        ("other.md", '<a href="other.md">a</a>'),
        ('/x "title"', '<a href="/x" title="title">a</a>'),
    ],
)
def test_targets(target: str, html: str) -> None:
    rendered = render(f"[a]({target})")
    assert html in rendered.html
    assert rendered.warnings == ()


def test_backslashes_are_not_a_way_out() -> None:
    html = render("[a](/\\\\example.com)").html
    assert 'href="/\\' not in html


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "ftp://a.b", "data:text/html,x", "foo:bar", "VBScript:x", "file:///x"]
)
def test_a_refused_link_keeps_its_words(target: str) -> None:
    rendered = render(f"one\ntwo [**a**]({target})\nthree")
    assert rendered.html == "<p>one\ntwo <strong>a</strong>\nthree</p>\n"
    assert rendered.links == ()
    assert [line for line, _ in rendered.warnings] == [2]


def test_internal_links_are_resolved() -> None:
    rendered = render(
        "[a](manuals/inviting) [b](./other-slug.md#料金%20表) [c](招待.md)\n[d](nowhere.md) [e](/x) [f](https://a.b)",
        resolve=PAGES.get,
    )
    assert rendered.links == (
        "/manuals/inviting/invite",
        "/manuals/other/other#s-料金-表",
        "/manuals/a/招待",
        "/x",
        "https://a.b",
    )
    assert said(rendered.warnings) == [(2, "the link “nowhere.md” leads nowhere")]
    assert " d <a" not in rendered.html
    assert "\nd <a" in rendered.html


def test_a_resolver_cannot_smuggle_an_address() -> None:
    assert "javascript" not in render("[a](b.md)", resolve=lambda _: "javascript:alert(1)").html


def test_pictures_are_resolved_apart() -> None:
    there = {"x.png": Picture("/media/x", "/media/x/x.webp")}
    rendered = render("![a](x.png) ![b](y.png)", resolve=lambda _: None, media=there.get)
    assert '<img src="/media/x/x.webp"' in rendered.html
    assert rendered.html.count("<img") == 1
    assert " b</p>" in rendered.html
    assert said(rendered.warnings) == [(1, "there is no picture “y.png”")]


def test_links_within_the_page_go_by_the_words_of_the_heading() -> None:
    rendered = render("[a](#招待する) [b](#s-招待する) [c](#nope)\n\n## 招待する", heading_prefix="")
    assert rendered.html.count('<a href="#s-招待する">') == 2
    assert said(rendered.warnings) == [(1, "there is no heading “#nope” on this page")]
    assert 'href="#s-x-b"' in render("[a](#b)\n\n## b", heading_prefix="x-").html


def test_lines_of_warnings() -> None:
    rendered = render("## a\n\n- b\n- c\n  [d]()\n\n|a|\n|-|\n|[x](y:z)|\n\n> q\n> [e](#f)")
    assert [line for line, _ in rendered.warnings] == [5, 9, 12]
