"""Pages from templates: one environment a language, strict about names, escaping by default.

`asset("app.css")` gives the built file's hashed address; dates and numbers are written as the reader's language
writes them, in the vendor's zone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.kit import dates
from portal.kit.i18n import LOCALES, Locale, Message, translations

TEMPLATE_DIR = Path(__file__).parent.parent / "templates"


class Assets:
    """Built front-end files by their logical names. Their names carry a hash of their content, so they never change."""

    def __init__(self, folder: Path, prefix: str = "/static/") -> None:
        self.folder = folder
        self._prefix = prefix
        manifest = folder / "manifest.json"
        self._names: dict[str, str] = json.loads(manifest.read_text()) if manifest.exists() else {}
        self.fingerprint = "".join(sorted(self._names.values()))
        """Changes whenever a built file does: part of a page's ETag."""

    def __call__(self, name: str) -> str:
        """`app.css` → `/static/app-1A2B3C.css`; a `LookupError` names what was never built."""
        try:
            return self._prefix + self._names[name]
        except KeyError as error:
            raise LookupError(f"{name} is not built; run `make setup`") from error


class Templates:
    """Renders a template in a language."""

    def __init__(self, *, assets: Assets, zone: ZoneInfo) -> None:
        self.assets = assets
        self._environments = {locale: _environment(locale, assets, zone) for locale in LOCALES}

    def render(self, locale: Locale, name: str, context: Mapping[str, Any]) -> str:
        """The text of template `name`; a name the context lacks is an error, never an empty string."""
        return self._environments[locale].get_template(name).render(context)


def _environment(locale: Locale, assets: Assets, zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    environment.globals["asset"] = assets
    environment.filters.update(
        {
            "day": partial(dates.day, locale=locale, zone=zone),
            "moment": partial(dates.moment, locale=locale, zone=zone),
            "iso": dates.iso,
            "number": partial(dates.number, locale=locale),
            "percent": partial(dates.percent, locale=locale),
            "say": partial(_say, locale=locale),
            "in_locale": partial(in_locale, locale=locale),
            "tojson_plain": tojson_plain,
        }
    )
    return environment


def _say(message: Message | str, *, locale: Locale) -> str:
    return message.into(locale) if isinstance(message, Message) else message


def tojson_plain(value: object) -> str:
    """`value` as JSON for people to read; the template escapes it like any other text."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def in_locale(texts: Mapping[str, str], *, locale: Locale) -> str:
    """The text for `locale` of a `{ja, en}` mapping, or the one there is."""
    return texts.get(locale) or next(iter(texts.values()), "")
