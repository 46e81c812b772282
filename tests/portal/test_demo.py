"""The demo's year: believable, rich enough to look at, and the same each time."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import get_args

import pytest

from portal.demo.build import MONTHS_OPEN, SEED
from portal.demo.cast import PLANS, Company, Course, companies
from portal.demo.story import Happening, happenings
from tests.library import TOKYO


def year(today: date) -> tuple[list[Company], dict[date, list[Happening]]]:
    """Who is in it, and what happens on which day."""
    opened, random = today - timedelta(days=MONTHS_OPEN), Random(SEED)
    cast = companies(random, today=today, opened=opened)
    return cast, happenings(cast, random, opened=opened, today=today, zone=TOKYO)


@pytest.mark.parametrize("today", [date(2026, 11, 28), date(2027, 3, 1), date(2028, 2, 29)])
def test_sixty_customers_and_ten_thousand_events_the_same_each_time(today: date) -> None:
    cast, story = year(today)
    assert year(today) == (cast, story)
    assert len({company.external_id for company in cast}) >= 60
    assert {company.plan for company in cast} == set(PLANS)
    assert len(PLANS) == 3
    assert len({(company.started.year, company.started.month) for company in cast}) >= 12
    courses = Counter(company.course for company in cast)
    assert set(courses) == set(get_args(Course))
    assert min(courses.values()) >= 2
    acts = Counter(one.act for day in story.values() for one in day)
    assert acts.total() >= 10_000
    assert max(story) <= today
