"""The page of a list: whatever is wanted, the nearest there is, and always one."""

import pytest

from portal.kit.paging import page_at


@pytest.mark.parametrize(
    ("wanted", "total", "page", "pages", "skip"),
    [
        (1, 0, 1, 1, 0),
        (9, 0, 1, 1, 0),
        (1, 50, 1, 1, 0),
        (2, 50, 1, 1, 0),
        (2, 51, 2, 2, 50),
        (3, 51, 2, 2, 50),
        (0, 101, 1, 3, 0),
        (-4, 101, 1, 3, 0),
    ],
)
def test_the_nearest_page_there_is(wanted: int, total: int, page: int, pages: int, skip: int) -> None:
    place = page_at(wanted, total=total, limit=50)
    assert (place.page, place.pages, place.skip) == (page, pages, skip)
