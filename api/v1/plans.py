"""Plans: what a customer may have bought. One exists once anything names it; what it holds is said here."""

from typing import Annotated, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlmodel import Session

from api.auth import Reads, Writes
from api.problems import described
from api.v1.bodies import body_of, body_schema, read, wrong
from api.v1.shapes import LINE, Key, line
from portal.accounts.fields import Unreadable
from portal.accounts.models import Plan
from portal.accounts.plan_fields import HIGHEST_RANK, MOST, MOST_ENTRIES, READERS, plan_key
from portal.accounts.plans import list_plans, put_plan
from portal.kit.errors import NotFound
from portal.kit.i18n import Message
from portal.kit.web import SiteDep

router = APIRouter(tags=["plans"])

Word = Annotated[str, Field(max_length=200, pattern=LINE)]
Limits = Annotated[
    dict[str, float],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MOST_ENTRIES,
            "propertyNames": {"maxLength": 200, "pattern": LINE},
            "additionalProperties": {"type": "number", "minimum": 0, "maximum": MOST},
        }
    ),
]


class PlanOut(BaseModel):
    """A plan. `limits` are by meter; a higher `rank` is the larger plan."""

    key: str = Field(examples=["pro"])
    title: str | None = Field(examples=["プロ"])
    limits: dict[str, int | float] = Field(examples=[{"seats": 20}])
    features: list[str] = Field(examples=[["api", "sso"]])
    rank: int | None = Field(examples=[2])


class PlansOut(BaseModel):
    """Every plan, from the lowest rank; those without one last."""

    plans: list[PlanOut]


class PlanIn(BaseModel):
    """The whole of a plan: what is left out is empty afterwards."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"title": "プロ", "limits": {"seats": 20}, "features": ["api"], "rank": 2}},
    )

    title: str | None = line(200)
    limits: Limits | None = Field(default={}, description="Numbers from 0, by meter.")
    features: list[Word] | None = Field(default=[], max_length=MOST_ENTRIES)
    rank: int | None = Field(default=None, ge=0, le=HIGHEST_RANK)


@router.get("/plans", responses=described(401))
async def list_all(site: SiteDep, _key: Reads) -> PlansOut:
    """Every plan."""
    return await site.database.read(lambda session: PlansOut(plans=[_plan(row) for row in list_plans(session)]))


@router.get("/plans/{key}", responses=described(401, 404))
async def show(site: SiteDep, _key: Reads, key: Key) -> PlanOut:
    """One plan."""

    def work(session: Session) -> PlanOut:
        for row in list_plans(session):
            if row.key == key:
                return _plan(row)
        raise NotFound

    return await site.database.read(work)


@router.put("/plans/{key}", responses=described(400, 401, 403, 413, 422), openapi_extra=body_schema(PlanIn))
async def put(request: Request, site: SiteDep, _key: Writes, key: Key) -> PlanOut:
    """The plan is from now on exactly this."""
    try:
        named = str(plan_key(key, site.zone))
    except Unreadable as error:
        raise wrong("key", error.code, error.message) from error
    if not named:
        raise wrong("key", "missing", Message("this must be given"))
    told = read(await body_of(request), READERS, told_as=PlanIn, zone=site.zone)

    def work(session: Session) -> PlanOut:
        plan = put_plan(
            session,
            named,
            title=cast("str | None", told.get("title")),
            limits=cast("dict[str, float]", told.get("limits") or {}),
            features=cast("list[str]", told.get("features") or []),
            rank=cast("int | None", told.get("rank")),
        )
        return _plan(plan)

    return await site.database.write(work)


def _plan(row: Plan) -> PlanOut:
    return PlanOut(key=row.key, title=row.title, limits=row.limits, features=row.features, rank=row.rank)
