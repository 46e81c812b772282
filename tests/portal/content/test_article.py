"""A page put together from what was kept is the page its template would have written."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from markupsafe import Markup

from portal.accounts.visits import MemberViewer
from portal.content.article import ArticlePage
from portal.kit.db import Database
from portal.kit.frames import write_framed
from portal.kit.i18n import Locale
from portal.kit.memory import Recent
from portal.kit.web import Shell, Site
from tests.factories import NOW
from tests.library import Clock, portal_with

HANAKO = MemberViewer(
    visit_id=1,
    last_seen_at=NOW,
    member_id=2,
    account_id=3,
    external_id="user-2",
    account_external_id="acct-3",
    name='<i>花子</i> & "co"',
    email_key="hanako@example.com",
    role="admin",
    account_name="株式会社サンプル",
    locale="ja",
    memberships=((2, "株式会社サンプル"), (5, "<別の会社>")),
)
SHELL = Shell(
    locale="ja",
    vendor_name="伴走クラウド",
    viewer=HANAKO,
    csrf="c" * 64,
    path="/manuals/a/a",
    nav="manuals",
    language_urls={"ja": "/manuals/a/a?q=1&lang=ja", "en": "/manuals/a/a?q=1&lang=en"},
    flash=[],
    memberships=HANAKO.memberships,
)
PAGE = ArticlePage(
    title="はじめに",
    about='本文 & "例"',
    article=Markup("<article><p>本文 &amp; 例</p></article>"),
    lang="ja",
    in_ja="http://portal.example/manuals/a/a?lang=ja",
    in_en="http://portal.example/manuals/a/a?lang=en",
    canonical="http://portal.example/manuals/a/a?lang=ja",
    reading_url="/manuals/a/read",
    seconds="12",
    feedback_url="/feedback/a",
    revision="3",
)
PAGES: list[dict[str, Any]] = [
    {},
    {"title": '<script>alert("x")</script> & 100% {{ page }}'},
    {"in_ja": "", "in_en": ""},
    {"about": ""},
    {"reading_url": "", "seconds": ""},
    {"feedback_url": "", "revision": ""},
    {"article": Markup("<p>別の記事</p>"), "lang": "en", "title": "Another"},
]
SHELLS: list[dict[str, Any]] = [
    {},
    {"viewer": None, "memberships": ()},
    {"viewer": replace(HANAKO, name="太郎", role="member", memberships=()), "memberships": (), "csrf": "d" * 64},
    {"locale": "en"},
    {"flash": [("good", "保存しました。<b>")]},
    {"path": "/manuals/b/b", "language_urls": {"ja": "/manuals/b/b?lang=ja", "en": "/manuals/b/b?lang=en"}},
]


@pytest.fixture
def site(db: Database) -> Site:
    found: Site = portal_with(db, Clock()).state.site
    return found


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_every_page_is_what_its_template_would_have_written(site: Site, engine_name: str) -> None:
    for _ in ("written", "from memory"):
        for shell in (replace(SHELL, **changes) for changes in SHELLS):
            for page in (replace(PAGE, **changes) for changes in PAGES):
                locale: Locale = shell.locale
                written = site.templates.render(locale, "content/article.html", {"page": page, "shell": shell})
                assert write_framed(site, "content/article.html", page, shell) == written


def test_only_so_much_is_kept_and_the_longest_unused_goes_first() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    kept: Recent[str, str] = Recent(2)
    for key in "abacab":
        assert kept.get(key, partial(make, key)) == key.upper()
    assert made == ["a", "b", "c", "b"]
    assert len(kept) == 2
