"""Layouts and components keep what they promise: nothing inline, a token in every form, words for every picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.kit.charts import Cohort, cohort_bars, curve, funnel

TEMPLATES = Path(__file__).parents[2] / "portal" / "templates"
OUR_OWN = sorted(path for folder in ("layouts", "components") for path in (TEMPLATES / folder).glob("*.html"))


@dataclass(frozen=True)
class Viewer:
    kind: str = "member"
    name: str = "田中 <b>美咲</b>"
    account_name: str = "あおば商事"
    is_admin: bool = False


@dataclass(frozen=True)
class Shell:
    locale: str = "ja"
    vendor_name: str = "青海クラウド"
    viewer: Viewer | None = None
    csrf: str = "token-of-this-page"
    path: str = "/"
    nav: str = "home"
    language_urls: tuple[tuple[str, str], ...] = (("ja", "/?lang=ja"), ("en", "/?lang=en"))
    flash: tuple[tuple[str, str], ...] = ()
    memberships: tuple[tuple[int, str], ...] = ()
    rights: frozenset[str] = frozenset()
    looking: object = None


def rendered(source: str, shell: Shell | None = None, **context: object) -> str:
    """`source` as a template of the portal, shown to `shell`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    environment.globals["asset"] = "/static/{}".format
    shown = shell or Shell()
    values = {field: getattr(shown, field) for field in Shell.__dataclass_fields__}
    values["language_urls"] = dict(shown.language_urls)
    return environment.from_string(source).render(shell=values, **context)


EVERY_RIGHT = frozenset({"see_customers", "act_for_customers", "write_content", "connect_systems", "manage_staff"})


def page(layout: str, shell: Shell) -> str:
    return rendered(f'{{% extends "layouts/{layout}.html" %}}{{% block main %}}<h1>x</h1>{{% endblock %}}', shell)


@pytest.mark.parametrize("path", OUR_OWN, ids=lambda path: path.name)
def test_nothing_a_strict_policy_would_block(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=|<style|\son\w+\s*=\s*[\"']|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)


@pytest.mark.parametrize("viewer", [None, Viewer(), Viewer(is_admin=True), Viewer(kind="staff")])
@pytest.mark.parametrize("layout", ["member", "staff", "plain"])
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_page_says_its_language_and_where_its_content_is(layout: str, locale: str, viewer: Viewer | None) -> None:
    html = page(
        layout, Shell(locale=locale, viewer=viewer, flash=(("good", "完了"),), memberships=((1, "A"), (2, "B")))
    )
    assert html.startswith("<!doctype html>")
    assert f'<html lang="{locale}"' in html
    assert html.count("<main ") == 1
    assert 'href="#main"' in html
    assert html.count('id="main"') == 1
    assert "完了" in html
    assert 'href="/?lang=' in html


@pytest.mark.parametrize("layout", ["member", "staff"])
def test_every_form_of_a_layout_carries_the_token(layout: str) -> None:
    html = page(layout, Shell(viewer=Viewer(), memberships=((1, "A"), (2, "B"))))
    posts = re.findall(r'<form method="post".*?</form>', html, re.DOTALL)
    assert posts
    assert all('name="csrf" value="token-of-this-page"' in form for form in posts)


def test_only_an_admin_is_led_to_the_team() -> None:
    assert 'href="/team"' not in page("member", Shell(viewer=Viewer()))
    assert 'href="/team"' in page("member", Shell(viewer=Viewer(is_admin=True)))


def test_the_switcher_appears_with_a_second_customer() -> None:
    assert 'action="/switch"' not in page("member", Shell(viewer=Viewer(), memberships=((1, "A"),)))
    assert 'action="/switch"' in page("member", Shell(viewer=Viewer(), memberships=((1, "A"), (2, "B"))))


@pytest.mark.parametrize("layout", ["member", "staff"])
def test_the_place_one_is_in_is_marked_once(layout: str) -> None:
    assert page(layout, Shell(viewer=Viewer(), rights=EVERY_RIGHT)).count('aria-current="page"') == 1


def test_names_are_written_not_run() -> None:
    html = page("member", Shell(viewer=Viewer()))
    assert "<b>美咲" not in html
    assert "&lt;b&gt;美咲" in html


def test_a_field_is_tied_to_its_hint_and_to_all_its_errors() -> None:
    html = rendered(
        '{% from "components/forms.html" import field %}{{ field("due", "期限", hint="h", errors=("e1", "e2")) }}'
    )
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described
    ids = described[1].split()
    assert len(ids) == 3
    assert all(f'id="{one}"' in html for one in ids)
    assert 'aria-invalid="true"' in html
    assert '<label class="label" for="f-due"' in html


def test_a_field_in_order_says_nothing_of_errors() -> None:
    html = rendered('{% from "components/forms.html" import field %}{{ field("due", "期限") }}')
    assert "aria-invalid" not in html
    assert "aria-describedby" not in html


@pytest.mark.parametrize(("done", "total", "arc"), [(0, 5, None), (2, 5, "40.0"), (5, 5, "100.0"), (0, 0, None)])
def test_a_ring_shows_its_share_and_says_it(done: int, total: int, arc: str | None) -> None:
    html = rendered(
        '{% from "components/parts.html" import ring %}{{ ring(done, total, "5件中2件完了") }}', done=done, total=total
    )
    assert 'role="img" aria-label="5件中2件完了"' in html
    found = re.search(r'stroke-dasharray="([\d.]+) ', html)
    assert (found and found[1]) == arc


def test_a_button_form_sends_its_fields_and_knows_its_region() -> None:
    html = rendered(
        '{% from "components/actions.html" import post_button with context %}'
        '{{ post_button("/x", "完了", fields={"step": "a"}, live="#list", confirm="本当に") }}'
    )
    assert '<form method="post" action="/x" data-live="#list">' in html
    assert 'name="csrf" value="token-of-this-page"' in html
    assert 'name="step" value="a"' in html
    assert 'data-confirm="本当に"' in html


@pytest.mark.parametrize("state", ["done", "next", "late", "waiting", "staff"])
def test_a_step_says_its_state_in_words(state: str) -> None:
    html = rendered(
        '{% from "components/path.html" import path_step %}'
        '{% call path_step(state, 1, "招待する", "状態の言葉") %}中身{% endcall %}',
        state=state,
    )
    assert f"path-{state}" in html
    assert "状態の言葉" in html
    assert "中身" in html


def test_each_chart_has_a_name_a_description_and_a_table() -> None:
    bars = cohort_bars(
        [Cohort("6月", "4社", rate=0.5, value="50%", interval=(0.2, 0.8), href="/a", spoken="6月の顧客")]
    )
    line = curve([(0, 0.0), (10, 0.5)], last_day=30, due_day=20, due_label="期限")
    steps = funnel([("招待", 4, 2, "2社", "/ 4社", "/b")], started=4)
    html = rendered(
        '{% from "components/charts.html" import cohort_bars, curve, funnel %}'
        '{{ cohort_bars("a", bars, "完了率", table, "表で見る", "半分", "期限後", "進行中", means="x") }}'
        '{{ curve("b", line, "曲線", table, "表で見る", "半分") }}'
        '{{ funnel("c", steps, "ステップ", table, "表で見る") }}',
        bars=bars,
        line=line,
        steps=steps,
        table=(("月", "率"), ((("6月", "/a"), "50%"), ("7月", "–"))),
    )
    assert html.count("<table") == html.count("表で見る</summary>") == 3
    assert html.count("<desc") == 2
    for name in re.findall(r'aria-labelledby="([^"]+)"', html):
        assert all(f'id="{one}"' in html for one in name.split())
    assert 'aria-label="6月の顧客"' in html


def test_a_figure_without_data_says_so_instead_of_zero() -> None:
    html = rendered(
        '{% from "components/charts.html" import stat %}{{ stat("率", none, "0社", "%", missing="まだありません") }}'
    )
    assert "まだありません" in html
    assert "<small>%" not in html
    assert "<svg" not in html


def test_every_icon_named_in_a_template_is_drawn() -> None:
    drawn = set(
        re.findall(r'^  "([\w-]+)":', (TEMPLATES / "components" / "icons.html").read_text("utf-8"), re.MULTILINE)
    )
    named = {
        name
        for path in TEMPLATES.rglob("*.html")
        for name in re.findall(r'(?:icon\(|glyph(?:_after)?=)"([\w-]+)"', path.read_text(encoding="utf-8"))
    }
    assert named <= drawn
    assert len(named) > 10
