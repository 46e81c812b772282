"""A page filled into its kept frame is the page its template would have written, and one reader's own stays theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markupsafe import Markup

from portal.finding.results import SearchPage
from portal.kit.db import Database
from portal.kit.frames import write_framed
from portal.kit.web import Shell
from tests.library import Clock, portal_with
from tests.portal.content.test_article import HANAKO, SHELL

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
TEMPLATE = "finding/search.html"
PAGES = [
    SearchPage("", Markup("<p>新着</p>"), ""),
    SearchPage('"><script>alert("x")</script> 100%', Markup("<ol></ol>"), "token"),
    SearchPage("招待", Markup("<ol><li>A &amp; B</li></ol>"), "another"),
]
STRANGER = replace(SHELL, viewer=None, memberships=(), csrf="1" * 64)
SHELLS = [
    STRANGER,
    replace(STRANGER, csrf="2" * 64),
    SHELL,
    replace(SHELL, csrf="3" * 64),
    replace(SHELL, viewer=replace(HANAKO, name="太郎", role="member"), memberships=((9, "第三社"),)),
    replace(SHELL, locale="en", path="/search", language_urls={"ja": "/search?lang=ja", "en": "/search?lang=en"}),
    replace(SHELL, flash=[("good", "保存しました。<b>")]),
]


@pytest.mark.parametrize("shell", SHELLS)
async def test_it_is_what_the_template_writes(db: Database, shell: Shell) -> None:
    site = portal_with(db, Clock()).state.site
    for page in (*PAGES, *PAGES):
        written = site.templates.render(shell.locale, TEMPLATE, {"page": page, "shell": shell})
        assert write_framed(site, TEMPLATE, page, shell) == written


async def test_strangers_share_a_frame_and_never_a_token(db: Database) -> None:
    site = portal_with(db, Clock()).state.site
    one, other = (write_framed(site, TEMPLATE, PAGES[1], shell) for shell in SHELLS[:2])
    assert one.replace("1" * 64, "2" * 64) == other
    assert "1" * 64 not in other
