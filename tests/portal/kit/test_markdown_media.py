"""Pictures, films and files in documents: what is written for each, and that nobody else's address gets in."""

from __future__ import annotations

import pytest

from portal.kit.i18n import Message
from portal.kit.markdown import render
from portal.kit.markdown.media import Attachment, FindMedia, Media, Picture, Video, embed_of
from portal.kit.markdown.wall import cleaner

YOUTUBE = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?autoplay=1"
VIMEO = "https://player.vimeo.com/video/123456789?autoplay=1&dnt=1"
EMBEDS = [
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE),
    ("https://youtube.com/watch?list=x&v=dQw4w9WgXcQ&t=42s", f"{YOUTUBE}&start=42"),
    ("https://youtu.be/dQw4w9WgXcQ?t=7", f"{YOUTUBE}&start=7"),
    ("https://m.youtube.com/shorts/dQw4w9WgXcQ", YOUTUBE),
    ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", YOUTUBE),
    ("https://vimeo.com/123456789", VIMEO),
    ("https://vimeo.com/123456789/0a1b2c3d4e", f"{VIMEO}&h=0a1b2c3d4e"),
    ("https://player.vimeo.com/video/123456789?h=0a1b2c3d4e", f"{VIMEO}&h=0a1b2c3d4e"),
    ("http://www.youtube.com/watch?v=dQw4w9WgXcQ", None),
    ("https://www.youtube.com/watch?v=short", None),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ%22onload", None),
    ("https://www.youtube.com.evil.example/watch?v=dQw4w9WgXcQ", None),
    ("https://evil.example/https://youtu.be/dQw4w9WgXcQ", None),
    ("https://youtube.com@evil.example/watch?v=dQw4w9WgXcQ", None),
    ("https://user@www.youtube.com/watch?v=dQw4w9WgXcQ", None),
    ("https://www.youtube.com/redirect?q=dQw4w9WgXcQ", None),
    ("https://vimeo.com/settings", None),
]


@pytest.mark.parametrize(("url", "player"), EMBEDS)
def test_the_player_of_a_film_on_another_site(url: str, player: str | None) -> None:
    found = embed_of(url)
    assert (found and found.player) == player


SHOWN: dict[str, Media | Message] = {
    "a.png": Picture(
        "/media/a/1", "/media/a/1/900.webp", "/media/a/1/480.webp 480w, /media/a/1/900.webp 900w", 900, 600
    ),
    "small.png": Picture("/media/s/1", "/media/s/1/200.webp", "", 200, 100, alt="小さな印"),
    "b.gif": Picture("/media/b/1", "/media/b/1/300.webp", "", 300, 200, still="/media/b/1/still.webp"),
    "c.mp4": Video("/media/c/1", "/media/c/1/c.mp4", 640, 360),
    "d.pdf": Attachment("/media/d/1", "/media/d/1/d.pdf", "PDF · 24 KB"),
    "media:a-1": Picture("/media/a-1/1", "/media/a-1/1/480.webp"),
    "/media/a-1/old/480.webp": Picture("/media/a-1/1", "/media/a-1/1/480.webp"),
    "e.svg": Message("this picture has no description: write it in the square brackets"),
}
FIND: FindMedia = SHOWN.get
CASES = [
    (
        "![説明](a.png)",
        '<img src="/media/a/1/900.webp" alt="説明" width="900" height="600" '
        'srcset="/media/a/1/480.webp 480w, /media/a/1/900.webp 900w" '
        'sizes="(max-width: 640px) 92vw, 640px" loading="lazy" decoding="async">',
    ),
    ("![](small.png)", 'alt="小さな印" width="200" height="100" loading'),
    ("![動き](b.gif)", '<picture><source media="(prefers-reduced-motion: reduce)" srcset="/media/b/1/still.webp"><img'),
    ("![手順](c.mp4)", '<video src="/media/c/1/c.mp4" preload="metadata" width="640" height="360" aria-label="手順"'),
    (
        "[料金](d.pdf)",
        '<a href="/media/d/1/d.pdf" class="attachment">料金 <span class="attachment-about">(PDF · 24 KB)</span>',
    ),
    ("![料金](d.pdf)", '<a class="attachment" href="/media/d/1/d.pdf">料金 <span'),
    ("[大きく](a.png)", '<a href="/media/a/1/900.webp">大きく</a>'),
    ("![x](media:a-1)", '<img src="/media/a-1/1/480.webp" alt="x"'),
    ("![x](/media/a-1/old/480.webp)", '<img src="/media/a-1/1/480.webp" alt="x"'),
    ("[見る](media:none)", "<p>見る</p>"),
    ("![図](e.svg)", "<p>図</p>"),
    ('![a](a.png "説明文")', '<figure><img src="/media/a/1/900.webp" alt="a" width'),
    (
        '![製品 "紹介"](https://youtu.be/dQw4w9WgXcQ)',
        f'<a class="embed" href="https://www.youtube.com/watch?v=dQw4w9WgXcQ" rel="noopener" data-embed="{YOUTUBE}">',
    ),
]


@pytest.mark.parametrize(("source", "html"), CASES)
def test_what_is_written_for_each(source: str, html: str) -> None:
    rendered = render(source, resolve=lambda _: None, media=FIND)
    assert html in rendered.html
    assert cleaner().clean(rendered.html) == rendered.html


def test_without_a_finder_nothing_is_found() -> None:
    rendered = render("![x](media:a-1) [y](media:a-1)", resolve=lambda _: None)
    assert "media:" not in rendered.html
    assert len(rendered.warnings) == 2


FORGED = [
    '<img src="/media/a" srcset="https://evil.example/x 1w">',
    '<img src="/media/a" srcset="/media/a 1w, //evil.example/x 2w">',
    '<img src="/media/a" sizes="expression(alert(1))" width="1e9">',
    '<source srcset="https://evil.example/x" media="all">',
    '<a class="embed" data-embed="https://evil.example/embed/x">x</a>',
    '<a class="embed" data-embed="https://www.youtube-nocookie.com.evil.example/embed/x">x</a>',
    '<video src="/media/x" autoplay poster="https://evil.example/x"></video>',
]


@pytest.mark.parametrize("html", FORGED)
def test_the_second_wall_knows_what_we_write(html: str) -> None:
    cleaned = cleaner().clean(html)
    assert "evil" not in cleaned
    assert "autoplay" not in cleaned
    assert "expression" not in cleaned
    assert "1e9" not in cleaned
