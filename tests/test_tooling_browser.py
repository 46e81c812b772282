"""The browser that other tests drive: started for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import chromium
from tests.conftest import OpenPage

PAGE = """data:text/html;charset=utf-8,<!doctype html><title>はじめの一歩</title>
<p id=theme></p><script>theme.textContent = `${matchMedia('(prefers-color-scheme: dark)').matches}
 ${navigator.language} ${innerWidth}`</script>"""


async def test_a_page_is_as_it_was_asked_for(open_page: OpenPage) -> None:
    page = await open_page(locale="en-GB", viewport=(390, 844), dark=True)
    await page.goto(PAGE)
    assert await page.title() == "はじめの一歩"
    assert (await page.inner_text("#theme")).split() == ["true", "en-GB", "390"]


async def test_a_page_can_do_without_javascript(open_page: OpenPage) -> None:
    page = await open_page(js=False)
    await page.goto(PAGE)
    assert await page.inner_text("#theme") == ""


def test_a_named_chromium_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANSO_TEST_CHROMIUM", "/opt/our/chromium")
    assert chromium().executable == Path("/opt/our/chromium")
