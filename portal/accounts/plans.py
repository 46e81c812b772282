"""Plans: what a customer may have bought. One exists as soon as anything names it; what it is may be told later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Plan


def ensure_plans(session: Session, keys: Iterable[str]) -> None:
    """Let every plan named exist; those that do are left as they are."""
    wanted = sorted(set(keys))
    if not wanted:
        return
    there = set(session.execute(select(col(Plan.key)).where(col(Plan.key).in_(wanted))).scalars())
    missing: list[dict[str, object]] = [
        {"key": key, "title": None, "limits": {}, "features": [], "rank": None} for key in wanted if key not in there
    ]
    insert_missing(session, Plan, missing, returning=["key"])


def put_plan(
    session: Session,
    key: str,
    *,
    title: str | None,
    limits: Mapping[str, float],
    features: Sequence[str],
    rank: int | None,
) -> Plan:
    """The plan is now exactly this; doing it twice changes nothing."""
    ensure_plans(session, [key])
    plan: Plan = session.execute(select(Plan).where(col(Plan.key) == key).with_for_update()).scalar_one()
    plan.title, plan.limits, plan.features, plan.rank = title, dict(limits), list(features), rank
    session.add(plan)
    session.flush()
    return plan


def list_plans(session: Session) -> Sequence[Plan]:
    """Every plan, from the lowest rank; those without one last."""
    query = select(Plan).order_by(col(Plan.rank).is_(None), col(Plan.rank), col(Plan.key))
    return session.execute(query).scalars().all()
