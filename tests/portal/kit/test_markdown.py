from __future__ import annotations

import threading

import pytest

from portal.kit.errors import TooLarge
from portal.kit.markdown import MAX_SOURCE, Heading, Rendered, render


def lines_of(rendered: Rendered) -> list[int]:
    return [line for line, _ in rendered.warnings]


def body(source: str) -> str:
    return render(source).html.strip()


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a **b** *c* ~~d~~ `e`", "<p>a <strong>b</strong> <em>c</em> <s>d</s> <code>e</code></p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("term\n: definition", "<dl>\n<dt>term</dt>\n<dd>definition</dd>\n</dl>"),
        ("***", "<hr>"),
        ("a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>"),
        ("&amp; &copy; \\*", "<p>&amp; © *</p>"),
    ],
)
def test_plain_markdown(source: str, html: str) -> None:
    assert body(source) == html


@pytest.mark.parametrize("kind", ["note", "tip", "warning"])
def test_callouts(kind: str) -> None:
    assert body(f":::{kind}\n**a**\n:::") == (
        f'<aside class="callout callout-{kind}" role="note">\n<p><strong>a</strong></p>\n</aside>'
    )
    titled = render(f"::: {kind}  お願い <b>\na\n:::\nafter")
    assert '<p class="callout-title">お願い &lt;b&gt;</p>' in titled.html
    assert titled.html.rstrip().endswith("</aside>\n<p>after</p>")
    assert titled.text == "お願い <b>\na\nafter"


def test_steps() -> None:
    html = body(":::steps 手順\n1. a\n\n   b\n2. c\n:::")
    assert html.startswith('<div class="steps">\n<p class="steps-title">手順</p>\n<ol>')
    assert html.endswith("</ol>\n</div>")


def test_nested_blocks() -> None:
    html = body("::::note\n:::tip\na\n:::\n::::")
    assert html.count("<aside") == html.count("</aside>") == 2


def test_unknown_block_is_named() -> None:
    rendered = render("a\n\n:::danger\nb\n:::")
    assert lines_of(rendered) == [3]
    assert "danger" in str(rendered.warnings[0][1])


def test_headings_begin_below_the_title() -> None:
    assert [heading.level for heading in render("# a\n## b\n###### c").toc] == [2, 3, 6]
    assert [heading.level for heading in render("## b\n### c").toc] == [2, 3]
    assert "<h1" not in body("a\n=\n\n# b")


def test_heading_ids_keep_their_language_and_are_unique() -> None:
    rendered = render("## 招待する（ＡＢＣ）\n## Invite *people*\n## 招待する ABC\n## 招待するABC\n## 🎉\n## ！")
    assert rendered.toc == (
        Heading(2, "s-招待するabc", "招待する（ＡＢＣ）"),
        Heading(2, "s-invite-people", "Invite people"),
        Heading(2, "s-招待する-abc", "招待する ABC"),
        Heading(2, "s-招待するabc-2", "招待するABC"),
        Heading(2, "s-section", "🎉"),
        Heading(2, "s-section-2", "！"),
    )
    for heading in rendered.toc:
        assert f'<h2 id="{heading.id}">' in rendered.html
        assert f'href="#{heading.id}"' in rendered.html


def test_ids_cannot_collide() -> None:
    rendered = render("## a\n## a-2\n## a\n## fn-1\nb[^1]\n\n[^1]: c")
    ids = [part.split('"')[0] for part in rendered.html.split(' id="')[1:]]
    assert len(ids) == len(set(ids)) == 6
    assert all(name.startswith("s-") for name in ids)
    prefixed = render("## a\nb[^1]\n\n[^1]: c", heading_prefix="step2-")
    assert prefixed.toc[0].id == "s-step2-a"
    assert 'id="s-step2--fn-1"' in prefixed.html
    assert 'href="#s-step2--fn-1"' in prefixed.html


def test_headings_inside_blocks_are_not_in_the_contents() -> None:
    rendered = render("## a\n> ## b\n\n- ## c")
    assert [heading.text for heading in rendered.toc] == ["a"]
    assert 'id="s-b"' in rendered.html


def test_pictures() -> None:
    assert body("a ![図](x.png) b") == '<p>a <img src="x.png" alt="図" loading="lazy" decoding="async"> b</p>'
    assert body('![図 *1*](x.png "説明 <1>")') == (
        '<figure><img src="x.png" alt="図 1" loading="lazy" decoding="async">'
        "<figcaption>説明 &lt;1&gt;</figcaption></figure>"
    )
    assert "figure" not in body('a ![図](x.png "説明")')
    assert 'title="説明"' in body('a ![図](x.png "説明")')
    assert "<figure>" in body('- ![図](x.png "説明")')
    assert lines_of(render("a\n![](x.png)")) == [2]


def test_tables() -> None:
    html = body(
        "| 項目 | `値` |\n|:-:|--:|\n| a | b\\|c |\n\n| 項目 | 値 |\n|---|---|\n\n"
        "## 料金\n\n| | |\n|---|---|\n| a | b |"
    )
    assert '<div class="table-scroll" tabindex="0" role="region" aria-label="項目 / 値"><table>' in html
    assert 'aria-label="項目 / 値 (2)"' in html
    assert 'aria-label="料金"' in html
    assert '<th class="align-center" scope="col">項目</th>' in html
    assert '<td class="align-right">b|c</td>' in html
    assert "style" not in html


def test_a_table_nobody_named_is_not_a_landmark() -> None:
    assert '<div class="table-scroll" tabindex="0"><table>' in body("| | |\n|---|---|\n| a | b |")


def test_tables_are_cut_with_a_warning() -> None:
    tall = render("a\n\n|h|\n|-|\n" + "|x|\n" * 1_500 + "\n\n|h|\n|-|\n|y|")
    assert tall.html.count("<td>x</td>") == 1_000
    assert "<td>y</td>" in tall.html
    assert tall.html.count("</table></div>") == 2
    wide = render("|" + "h|" * 60 + "\n|" + "-|" * 60 + "\n|" + "x|" * 60 + "\n|" + "x|" * 60)
    assert wide.html.count("<th ") == 50
    assert wide.html.count("<td>x</td>") == 100
    assert len(tall.warnings) == len(wide.warnings) == 1


def test_task_lists_are_for_reading() -> None:
    html = body("- [ ] a **b**\n- [x] c\n- d\n  1. [X] e")
    assert html.count("disabled") == html.count('type="checkbox"') == html.count("<label>") == 3
    assert html.count('checked="checked"') == 2
    assert html.count("contains-task-list") == 2
    assert "<li>d" in html
    assert "checkbox" not in body("- [y] a\n\n[x] b")


def test_code() -> None:
    html = body('```python title\nx = "<a>"  # あ\n```')
    assert html.startswith('<div class="code" data-language="python"><pre tabindex="0"><code>')
    assert '<span class="hl-s2">"&lt;a&gt;"</span>' in html
    assert "style=" not in html
    assert body("```nonsense\na < b\n```") == (
        '<div class="code" data-language="nonsense"><pre tabindex="0"><code>a &lt; b\n</code></pre></div>'
    )
    assert 'data-language=""' in body('```"><script>\na\n```')
    assert 'data-language=""><pre tabindex="0"><code>a\n</code>' in body("    a")
    assert "hl-" not in body("```python\n" + "x = 1\n" * 2_000 + "```")
    assert "hl-" not in body("```python\n" + "x" * 301 + " = 1\n```")


def test_code_keeps_its_blank_lines() -> None:
    assert "<code>\n\n" in body("```python\n\n\nx\n```")


def test_footnotes() -> None:
    html = body("a[^n] b[^n]\n\n[^n]: 注 **太字**")
    assert html.count('href="#s--fn-n"') == 0
    assert html.count('<a href="#s--fn-1" id="s--fnref-1') == 2
    assert '<li id="s--fn-1" class="footnote-item"><p>注 <strong>太字</strong>' in html
    assert html.count('class="footnote-backref"') == 2


def test_text_for_search() -> None:
    rendered = render(
        "# A *b*\n\n本文\n続き `code`\nand [link](/x) ![絵](y.png)\n\n- 1\n\n|a|b|\n|-|-|\n|c|d|\n\n```\ncode\n```"
    )
    assert rendered.text == "A b\n本文続き code and link 絵\n1\na\nb\nc\nd\ncode"


def test_nesting_that_people_use_is_whole() -> None:
    rendered = render("\n".join("  " * depth + f"- a{depth}" for depth in range(9)) + "\n\n" + "> " * 18 + "b")
    assert rendered.warnings == ()
    assert rendered.text.splitlines() == [f"a{depth}" for depth in range(9)] + ["b"]


def test_nesting_is_limited_and_said() -> None:
    quotes = render("\n".join("> " * 60 + str(number) for number in range(3)))
    assert quotes.html.count("<blockquote>") == 20
    assert lines_of(quotes) == [1]
    lists = render("\n".join("  " * depth + "- a" for depth in range(100)))
    assert lists.html.count("<li>") == 10
    assert len(lists.warnings) == 1


@pytest.mark.parametrize("mark", ["[", "*", "`", "<", "![", "_", "~~", "&", "[a](", "**あ。**い ", "https://a.b "])
def test_dense_paragraphs_are_shown_and_not_parsed(mark: str) -> None:
    source = "a " + mark * (40_000 // len(mark))
    rendered = render(f"ok\n\n{source}\n\n**ok**")
    assert lines_of(rendered) == [3]
    assert rendered.html.startswith("<p>ok</p>")
    assert rendered.html.endswith("<p><strong>ok</strong></p>\n")
    assert source.strip() in rendered.text
    assert rendered.html.count("<") == 3 * 2 + 2


def test_size_limit() -> None:
    assert render("a" * MAX_SOURCE).text == "a" * MAX_SOURCE
    with pytest.raises(TooLarge):
        render("a" * (MAX_SOURCE + 1))


def test_unwritable_characters_are_replaced() -> None:
    assert render("a\ud800\x00\x1bb").text == "a\ufffd\ufffd\ufffdb"


def test_renders_the_same_in_any_thread() -> None:
    source = "## a\n\n**b** [c](https://example.com)\n\n```python\nx = 1\n```"
    expected = render(source)
    found: list[Rendered] = []
    threads = [threading.Thread(target=lambda: found.append(render(source))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
