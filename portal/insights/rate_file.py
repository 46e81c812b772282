"""The completion rate as CSV, for staff and for other systems: one line a group, the interval in two columns."""

from __future__ import annotations

from starlette.responses import Response

from portal.checklists.report import Report
from portal.kit.csvout import export_csv

COLUMNS = (
    "group",
    "started",
    "matured",
    "completed_in_time",
    "completed_late",
    "missed",
    "left",
    "in_progress",
    "already_completed",
    "rate",
    "interval_low",
    "interval_high",
    "cumulative_rate",
    "median_days",
)


def rate_file(report: Report) -> Response:
    """The rows of `report` as a download."""
    rows = []
    for row in report.rows:
        low, high = row.interval or (None, None)
        values = {**vars(row), "interval_low": low, "interval_high": high}
        rows.append([values[column] for column in COLUMNS])
    name = f"completion-rate-{report.checklist}.csv"
    return Response(
        export_csv(COLUMNS, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )
