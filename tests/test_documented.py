"""Nothing works in secret: every setting, command and endpoint is in the manual, in both languages."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from api.app import build_api
from portal.cli import app as cli
from portal.kit.paths import CHECKOUT
from portal.main import build, site_from
from portal.settings import Settings

MANUALS = CHECKOUT / "content" / "manuals"


def manual(locale: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(MANUALS.glob(f"*.{locale}.md")))


def commands() -> list[str]:
    found = []

    def walk(command: object, words: tuple[str, ...]) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            found.append(" ".join(words))
            return
        for name, child in children.items():
            walk(child, (*words, name))

    walk(get_command(cli), ("banso",))
    return found


def endpoints(tmp_path: Path) -> set[str]:
    site = site_from(Settings(database_url=f"sqlite:///{tmp_path / 'x.db'}", secret_key="x" * 32))
    assert build(Settings(database_url=f"sqlite:///{tmp_path / 'y.db'}"), site=site).routes
    return {path for path in build_api(site).openapi()["paths"] if path.startswith("/v1")}


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_manual(name: str, locale: str) -> None:
    assert f"`BANSO_{name.upper()}`" in manual(locale)


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_manual(command: str, locale: str) -> None:
    assert command in manual(locale)


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_every_endpoint_is_in_the_manual(locale: str, tmp_path: Path) -> None:
    text = re.sub(r"\{[^}]*\}", "{}", manual(locale))
    missing = [path for path in sorted(endpoints(tmp_path)) if re.sub(r"\{[^}]*\}", "{}", path) not in text]
    short = [path for path in missing if re.fullmatch(r"/v1/[a-z]", path) is None]
    assert short == []


def test_both_languages_have_the_same_documents() -> None:
    names = {locale: {path.name.split(".")[0] for path in MANUALS.glob(f"*.{locale}.md")} for locale in ("ja", "en")}
    assert names["ja"] == names["en"]
    assert len(names["ja"]) >= 10
