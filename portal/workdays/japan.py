"""The national holidays of Japan, as the law has them: substitute days and those between two holidays included.

The `holidays` package knows the law from 1949 on. The equinoxes of years to come are worked out by astronomy; what is
official the Cabinet Office says each February for the year after, and a new version of the package follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from holidays import country_holidays

from portal.kit.i18n import Locale

LANGUAGES: Mapping[Locale, str] = {"ja": "ja", "en": "en_US"}


@lru_cache(maxsize=64)
def holidays_of(year: int, locale: Locale = "ja") -> Mapping[date, str]:
    """The holidays of one year with their names, by day; none where the law does not reach."""
    return dict(sorted(country_holidays("JP", years=year, language=LANGUAGES[locale]).items()))
