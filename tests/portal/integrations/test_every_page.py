"""Every page of this room on both databases and in both languages."""

from __future__ import annotations

import re

from portal.kit.i18n import LOCALES
from tests.portal.integrations.conftest import Connected
from tests.portal.integrations.test_pages import PAGES


async def test_every_page_in_both_languages_without_anything_inline(connected: Connected) -> None:
    for language in LOCALES:
        async with connected.owner(language=language) as client:
            for path in ("/staff/sources", "/staff/keys", *(connected.base + page for page in PAGES)):
                answer = await client.get(path)
                assert answer.status_code == 200, path
                assert "style=" not in answer.text
                assert not re.search(r"%\(\w+\)s", answer.text), path
