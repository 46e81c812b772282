"""The completion rate of a checklist, as JSON or CSV, by any of the groups and as of any moment."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api.auth import Reads
from api.problems import described
from api.v1.shapes import Instant, Key, MomentIn
from portal.checklists.report import Report, completion_report
from portal.insights.asked import moment_of
from portal.insights.rate_file import COLUMNS, rate_file
from portal.kit.web import SiteDep

router = APIRouter(tags=["checklists"])
UTC_ZONE = ZoneInfo("UTC")
WRITTEN = f"\ufeff{','.join(COLUMNS)}\r\n2026-06,60,48,30,6,8,4,12,5,0.625,0.4836,0.7478,0.6833,21\r\n"


EXAMPLE: dict[str, Any] = {
    "checklist": "first-30-days",
    "unit": "account",
    "due_days": 30,
    "as_of": "2026-11-30T15:00:00Z",
    "rows": [
        {
            **{
                "group": "2026-06",
                "started": 60,
                "matured": 48,
                "completed_in_time": 30,
                "completed_late": 6,
                "missed": 8,
            },
            **{"left": 4, "in_progress": 12, "already_completed": 5, "rate": 0.625, "interval": [0.4836, 0.7478]},
            **{"cumulative_rate": 0.6833, "median_days": 21},
        }
    ],
    "curve": [{"day": 0, "completed": 0.0, "at_risk": 60}, {"day": 7, "completed": 0.15, "at_risk": 49}],
    "steps": [{"key": "invite", "reached": 52, "completed": 44, "median_days": 4}],
}


class RateRowOut(BaseModel):
    """One group. started = matured + in_progress; matured = completed_in_time + completed_late + missed + left."""

    group: str | None
    started: int
    matured: int = Field(description="Their deadline has passed.")
    completed_in_time: int
    completed_late: int
    missed: int
    left: int = Field(description="Left before completing.")
    in_progress: int
    already_completed: int = Field(description="The part of in_progress that has finished.")
    rate: float | None = Field(description="completed_in_time ÷ matured; null where nobody matured.")
    interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        description="Wilson 95 % of rate."
    )
    cumulative_rate: float | None = Field(description="All completed ÷ started.")
    median_days: int | None


class CurvePointOut(BaseModel):
    """By the end of `day`, the share completed (Aalen–Johansen)."""

    day: int
    completed: float
    at_risk: int


class StepOut(BaseModel):
    """One line of the funnel."""

    key: str
    reached: int
    completed: int
    median_days: int | None


class CompletionRateOut(BaseModel):
    """The completion rate of one checklist."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    checklist: str
    unit: Literal["account", "member"]
    due_days: int | None
    as_of: Instant
    overlaps: bool = Field(
        default=False,
        description="There, and true, where one account may be in several rows, so that they do not add up.",
    )
    rows: list[RateRowOut]
    curve: list[CurvePointOut]
    steps: list[StepOut]


def _written_right(as_of: str | None) -> str | None:
    """Judged here, so that it is named together with every other field that is wrong; read once the zone is known."""
    if as_of is not None and moment_of(as_of, UTC_ZONE) is None:
        raise ValueError("write a day like 2026-06-03 or an instant like 2026-06-03T05:00:00Z, from 1970 to 2199")
    return as_of


@router.get(
    "/checklists/{key}/completion-rate",
    response_model=CompletionRateOut,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": WRITTEN}}},
        **described(401, 403, 404, 422),
    },
)
async def completion_rate(
    site: SiteDep,
    _key: Reads,
    key: Key,
    by: Annotated[
        Literal["none", "month", "plan", "tier", "owner", "segment"],
        Query(description="By `segment` an account is in a row for each of its segments: see `overlaps`."),
    ] = "none",
    unit: Annotated[Literal["account", "member"], Query()] = "account",
    as_of: Annotated[
        MomentIn | None,
        Query(
            description="RFC 3339, or a day in the vendor's zone (its end), from 1970 to 2199; now if left out. It may "
            "lie ahead."
        ),
        AfterValidator(_written_right),
    ] = None,
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - the contract's name
) -> Response:
    """Both rates with their counts, the curve and the funnel."""
    now = site.clock()
    moment = (moment_of(as_of, site.zone) if as_of is not None else None) or now
    report = await site.database.report(
        lambda session: completion_report(session, key, by=by, unit=unit, as_of=moment, zone=site.zone)
    )
    if format == "csv":
        return rate_file(report)
    leaving_out = None if report.overlaps else {"overlaps"}
    return JSONResponse(_shown(report).model_dump(mode="json", exclude=leaving_out))


def _shown(report: Report) -> CompletionRateOut:
    return CompletionRateOut(
        checklist=report.checklist,
        unit=report.unit,
        due_days=report.due_days,
        as_of=report.as_of,
        overlaps=report.overlaps,
        rows=[RateRowOut(**{**vars(row), "interval": row.interval and list(row.interval)}) for row in report.rows],
        curve=[CurvePointOut(**vars(point)) for point in report.curve],
        steps=[StepOut(**vars(step)) for step in report.steps],
    )
