from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from portal.kit.markdown import render
from portal.kit.markdown.japanese import JapaneseInline

STOCK = MarkdownIt("gfm-like", {"html": False, "linkify": False})


def ours() -> MarkdownIt:
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.inline = JapaneseInline()
    return parser.configure("gfm-like", {"html": False, "linkify": False})


OURS = ours()


def inner(source: str) -> str:
    return render(source).html.strip().removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**重要。**必ず", "<strong>重要。</strong>必ず"),
        ("これは**「重要」**です", "これは<strong>「重要」</strong>です"),
        ("**太字**です", "<strong>太字</strong>です"),
        ("*強調。*次", "<em>強調。</em>次"),
        ("~~削除。~~次", "<s>削除。</s>次"),
        ("**（注）**を見る", "<strong>（注）</strong>を見る"),
        ("値は**10％**です", "値は<strong>10％</strong>です"),
        ("**(注)**です", "<strong>(注)</strong>です"),
        ('彼は**"はい"**と言う', '彼は<strong>"はい"</strong>と言う'),
        ("これは**“重要”**です", "これは<strong>“重要”</strong>です"),
        ("**待って…**次", "<strong>待って…</strong>次"),
        ("**`code`**です", "<strong><code>code</code></strong>です"),
        ("**[名前](/x)**です", '<strong><a href="/x">名前</a></strong>です'),
        ("***「強い」***です", "<em><strong>「強い」</strong></em>です"),
        ("**一。**二**三。**四", "<strong>一。</strong>二<strong>三。</strong>四"),
        ("**안녕(하세요)**는", "<strong>안녕(하세요)</strong>는"),
        ("**「中文」**文字", "<strong>「中文」</strong>文字"),
        ("𠮷**「野家」**𠮷", "𠮷<strong>「野家」</strong>𠮷"),
        ("**A.** B", "<strong>A.</strong> B"),
        ("**A.**B", "**A.**B"),
        ("日本 ** 語 ** 文", "日本 ** 語 ** 文"),
        ("**日本 **語", "**日本 **語"),
        ("これは_重要_です", "これは_重要_です"),
        ("__重要__ です", "<strong>重要</strong> です"),
    ],
)
def test_emphasis_beside_japanese(source: str, html: str) -> None:
    assert inner(source) == html


COMMONMARK = [
    *(
        "*foo bar*",
        "a * foo bar*",
        'a*"foo"*',
        "*\u00a0a\u00a0*",
        "foo*bar*",
        "5*6*78",
        "_foo bar_",
        "_ foo bar_",
        'a_"foo"_',
    ),
    *("foo_bar_", "5_6_78", 'aa_"bb"_cc', "foo-_(bar)_", "_foo*", "*foo bar *", "*foo bar\n*", "*(*foo)", "*(*foo*)*"),
    *(
        "*foo*bar",
        "_foo bar _",
        "_(_foo)",
        "_(_foo_)_",
        "_foo_bar",
        "_foo_bar_baz_",
        "_(bar)_.",
        "**foo bar**",
        "** foo bar**",
    ),
    *(
        'a**"foo"**',
        "foo**bar**",
        "__foo bar__",
        "__ foo bar__",
        'a__"foo"__',
        "foo__bar__",
        "5__6__78",
        "foo-__(bar)__",
    ),
    *(
        "**foo bar **",
        "**(**foo)",
        "*(**foo**)*",
        '**foo "*bar*" foo**',
        "**foo**bar",
        "__(__foo)",
        "_(__foo__)_",
        "__foo__bar",
    ),
    *("*foo [bar](/url)*", "_foo __bar__ baz_", "*foo **bar** baz*", "*foo**bar**baz*", "*foo**bar*", "***foo** bar*"),
    *("*foo **bar***", "*foo**bar***", "foo***bar***baz", "foo******bar*********baz", "** is not an empty emphasis"),
    *(
        "foo ***",
        "foo *\\**",
        "foo *_*",
        "foo *****",
        "foo **_**",
        "**foo*",
        "*foo**",
        "***foo**",
        "****foo*",
        "**foo***",
    ),
    *(
        "**Gomphocarpus (*G. physocarpus*, syn.)**",
        "*foo _bar* baz_",
        "*foo __bar *baz bim__ bam*",
        "**foo **bar baz**",
    ),
    *(
        "*[bar*](/url)",
        "**a<https://foo.bar/?q=**>",
        "*a `*`*",
        "~~a~~b",
        "a~~(b)~~c",
        "~~ a~~",
        "**é**è",
        "«**a**»",
        "¿*q*?",
    ),
]


@pytest.mark.parametrize("source", COMMONMARK)
def test_commonmark_is_untouched(source: str) -> None:
    assert OURS.render(source) == STOCK.render(source)


@given(st.text(alphabet="ab1 *_~.,!\"'()[]-\n\u00e9\u0416\u2014\u201c\u201d\u00a0🎉€"))
def test_text_without_cjk_renders_as_commonmark(source: str) -> None:
    assert OURS.render(source) == STOCK.render(source)


@given(st.text(alphabet="日本かナー。「」（）*~a (", max_size=30))
def test_emphasis_in_japanese_always_balances(source: str) -> None:
    html = render(source).html
    for tag in ("em", "strong", "s"):
        assert html.count(f"<{tag}>") == html.count(f"</{tag}>")


@pytest.mark.parametrize(
    ("source", "url", "rest"),
    [
        ("https://example.com/a。続き", "https://example.com/a", "。続き"),
        ("https://example.com/aを開く", "https://example.com/a", "を開く"),
        ("（https://example.com）", "https://example.com", "）"),
        ("「https://example.com/」", "https://example.com/", "」"),
        ("https://example.com/a、https", "https://example.com/a", "、https"),
        ("https://example.com/a　次", "https://example.com/a", "　次"),
        ("(see https://example.com/a_(b)).", "https://example.com/a_(b)", ")."),
        ("“https://example.com/a”", "https://example.com/a", "”"),
        ("https://example.com/a?b=1,2#c-d!", "https://example.com/a?b=1,2#c-d", "!"),
        ("**https://example.com/a**です", "https://example.com/a", "</strong>です"),
        ("詳細はhttps://example.com/へ", "https://example.com/", "へ"),
        ("http://localhost:8000/x.", "http://localhost:8000/x", "."),
        ("HTTPS://example.com/a", "HTTPS://example.com/a", ""),
    ],
)
def test_addresses_end_where_the_sentence_goes_on(source: str, url: str, rest: str) -> None:
    assert f'rel="noopener">{url}</a>{rest}</p>' in render(source).html


@pytest.mark.parametrize(
    "source",
    [
        "example.com",
        "README.md",
        "ftp://example.com",
        "https://",
        "https:// a",
        "xhttps://a.b",
        "a@b.co",
        "`https://a.b`",
        "https://。",
    ],
)
def test_what_is_not_an_address(source: str) -> None:
    assert "<a " not in render(source).html


def test_an_address_in_a_link_is_its_text() -> None:
    html = render("[https://example.com/a](https://example.com/b)").html
    assert html.count("<a ") == 1
    assert 'href="https://example.com/b"' in html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("日本\n語", "日本語"),
        ("です。\n次", "です。次"),
        ("です。\nAPI", "です。API"),
        ("API\n「次」", "API「次」"),
        ("**太字**\n次", "<strong>太字</strong>次"),
        ("**太字。\n次**", "<strong>太字。次</strong>"),
        ("カタカナー\nひらがな", "カタカナーひらがな"),
        ("API\n連携", "API\n連携"),
        ("連携\nAPI", "連携\nAPI"),
        ("a\nb", "a\nb"),
        ("한국\n말", "한국\n말"),
        ("日本  \n語", "日本<br>\n語"),
        ("日本\\\n語", "日本<br>\n語"),
    ],
)
def test_lines_of_a_paragraph_join_without_a_gap(source: str, html: str) -> None:
    assert inner(source) == html


def test_quotes_and_lists_join_too() -> None:
    assert "日本語" in render("> 日本\n> 語").html
    assert "日本語" in render("- 日本\n  語").html
