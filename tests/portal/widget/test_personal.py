"""What somebody put aside for everyone stays aside when they are erased, and no longer names them."""

from __future__ import annotations

from sqlmodel import Session, select

from portal.accounts.people import member_of
from portal.accounts.personal import person_of
from portal.widget import personal
from portal.widget.models import WidgetDismissal
from tests.vendor import account_of
from tests.widget_vendor import Product


async def test_who_put_it_aside_is_forgotten(product: Product) -> None:
    def look(session: Session) -> dict[str, object]:
        member = member_of(session, account_of(session, "aoba"), "u-admin")
        assert member is not None
        return personal.held(session, person_of(session, member))

    def forget(session: Session) -> list[str]:
        member = member_of(session, account_of(session, "aoba"), "u-admin")
        assert member is not None
        personal.erase(session, person_of(session, member), product.vendor.clock())
        return [text for row in session.exec(select(WidgetDismissal)) for text in (row.by, row.by_name) if text]

    async with product.page("u-admin") as admin:
        await admin.post("/dismissals", json={"checklist": "first-30-days", "for": "everyone"})
    held = await product.vendor.db.read(look)
    assert [(one["checklist"], one["for"]) for one in held["put_aside"]] == [("first-30-days", "everyone")]  # type: ignore[attr-defined]
    assert await product.vendor.db.write(forget) == []
    async with product.page() as page:
        assert (await page.get("/state")).json()["checklists"][0]["dismissed"]["for"] == "everyone"
