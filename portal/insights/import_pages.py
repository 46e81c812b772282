"""Bringing customers and people in from a CSV file, in the browser: choose the file, say what its columns are, see what
would happen, and import all of it or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import Request
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response

from portal.accounts import bringing_in
from portal.accounts.csvfile import LARGEST, CsvHead
from portal.accounts.described import CUSTOMER_FIELDS, PERSON_FIELDS
from portal.accounts.imports import COLUMNS
from portal.accounts.own_fields import PREFIX, label_of, own_fields
from portal.accounts.records import CustomerImport
from portal.accounts.visits import ActsForCustomers, StaffViewer, upload_door
from portal.checklists.definition import in_words
from portal.kit.csvout import export_csv
from portal.kit.errors import BansoError, Conflict, Invalid
from portal.kit.files import FileProblems
from portal.kit.i18n import Locale, Message
from portal.kit.web import SiteDep, flash, locale_of, page_router, redirect, render, takes_files

SHOWN = 200
AGAIN = "2"
"""Seconds after which a page of an import under way is loaded again."""
LABELS: Mapping[str, Message] = {
    **{one.name: one.label for one in (*CUSTOMER_FIELDS, *PERSON_FIELDS)},
    "external_id": Message("Id in your systems"),
    "account": Message("Id of the customer"),
    "created_at": Message("Customer since"),
    "left_at": Message("Left on"),
}
STATE_WORDS: Mapping[str, tuple[Message, str]] = {
    "mapping": (Message("Columns to be chosen"), ""),
    "checking": (Message("Being looked at"), "accent"),
    "checked": (Message("Ready to import"), "accent"),
    "refused": (Message("Has mistakes"), "bad"),
    "running": (Message("Being imported"), "accent"),
    "done": (Message("Imported"), "good"),
    "failed": (Message("Went wrong"), "bad"),
}
KIND_WORDS = {"accounts": Message("Customers"), "members": Message("People")}


router = page_router(prefix="/staff/import", door=upload_door("act_for_customers"))


@dataclass(frozen=True)
class ImportStartPage:
    """For `insights/import_start.html`. `problems` are of a file just sent that is no table."""

    recent: Sequence[CustomerImport]
    words: Mapping[str, tuple[Message, str]]
    kinds: Mapping[str, Message]
    kind: str
    problems: Sequence[Message]
    most: int


@dataclass(frozen=True)
class Column:
    """A column of the file: its heading, first cells, and the field chosen for it."""

    heading: str
    cells: Sequence[str]
    field: str


@dataclass(frozen=True)
class Forecast:
    """What the new customers mean for one checklist."""

    title: str
    first_day: date
    enrolled: int
    overdue: int
    before: int


@dataclass(frozen=True)
class ImportPage:
    """For `insights/import.html`. `fields` are what a column may be; `problems` (line, what), of `wrong` in all.

    `strangers` are owners in the file whom no colleague is called, and of how many rows."""

    one: CustomerImport
    word: Message
    tone: str
    kind: Message
    columns: Sequence[Column]
    fields: Sequence[tuple[str, str]]
    problems: Sequence[tuple[int, Message]]
    wrong: int
    forecasts: Sequence[Forecast]
    strangers: Sequence[tuple[str, int]] = ()
    error: Message | None = None

    @property
    def result(self) -> Mapping[str, Any]:
        """New, changed and unchanged."""
        return self.one.result


@router.get("")
async def start(request: Request, site: SiteDep, viewer: ActsForCustomers, kind: str = "accounts") -> Response:
    """Choose a file."""
    recent = await site.database.read(bringing_in.recent)
    return _start(request, viewer, recent, kind, ())


@router.post("")
@takes_files
async def upload(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """Take the file, and go on to its columns."""
    form = await request.form()
    sent, kind = form.get("file"), bringing_in.as_kind(str(form.get("kind") or "accounts"))
    problems: Sequence[Message] = [Message("No file was chosen.")]
    if isinstance(sent, UploadFile) and sent.filename:
        data, name, now = await sent.read(LARGEST + 1), sent.filename, site.clock()

        def work(session: Session) -> int:
            return bringing_in.store(session, kind=kind, file=name, data=data, by=viewer.name, now=now).id or 0

        try:
            return redirect(f"/staff/import/{await site.database.write(work)}")
        except FileProblems as wrong:
            problems = bringing_in.no_table(wrong)
    recent = await site.database.read(bringing_in.recent)
    return _start(request, viewer, recent, kind, problems, status=422)


@router.get("/sample-{kind}.csv")
async def sample(_viewer: ActsForCustomers, kind: str) -> Response:
    """An empty file with every column there is."""
    required, optional = COLUMNS[bringing_in.as_kind(kind)]
    return Response(
        export_csv((*required, *optional), ()),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kind}.csv"'},
    )


@router.get("/{import_id}")
async def one(request: Request, site: SiteDep, viewer: ActsForCustomers, import_id: int) -> Response:
    """Where an import stands. While it is under way the page loads itself again, without scripts."""
    return await _show(request, site, viewer, import_id)


@router.post("/{import_id}/columns")
async def choose(request: Request, site: SiteDep, viewer: ActsForCustomers, import_id: int) -> Response:
    """Say what each column is; then the file is looked at."""
    form, now = await request.form(), site.clock()

    def work(session: Session) -> None:
        row = bringing_in.import_of(session, import_id)
        chosen = [str(form.get(f"column-{place}") or "") for place in range(len(row.columns))]
        bringing_in.choose_columns(session, row, chosen, now=now)

    try:
        await site.database.write(work)
    except (Invalid, Conflict) as refused:
        return await _show(request, site, viewer, import_id, refused)
    return redirect(f"/staff/import/{import_id}")


@router.post("/{import_id}/run")
async def run(site: SiteDep, _viewer: ActsForCustomers, import_id: int) -> Response:
    """Import it: all of it, or nothing."""
    now = site.clock()
    await site.database.write(
        lambda session: bringing_in.begin(session, bringing_in.import_of(session, import_id), now=now)
    )
    return redirect(f"/staff/import/{import_id}")


@router.post("/{import_id}/discard")
async def discard(request: Request, site: SiteDep, _viewer: ActsForCustomers, import_id: int) -> Response:
    """Forget the file."""
    await site.database.write(lambda session: bringing_in.discard(session, bringing_in.import_of(session, import_id)))
    response = redirect("/staff/import")
    flash(request, response, Message("The file is forgotten. Nothing was imported."))
    return response


async def _show(
    request: Request, site: SiteDep, viewer: StaffViewer, import_id: int, refused: BansoError | None = None
) -> Response:
    locale = locale_of(request, viewer)
    page = await site.database.report(
        lambda session: _page(session, import_id, locale, refused.message if refused else None)
    )
    headers = {"Refresh": AGAIN} if page.one.state in bringing_in.BUSY else None
    status = refused.status if refused else 200
    return render(request, "insights/import.html", page, viewer=viewer, nav="accounts", status=status, headers=headers)


def _page(session: Session, import_id: int, locale: Locale, error: Message | None) -> ImportPage:
    row = bringing_in.import_of(session, import_id)
    word, tone = STATE_WORDS[row.state]
    labels = {f"{PREFIX}{one.key}": label_of(one, locale) for one in own_fields(session)}
    fields = [
        (name, labels.get(name) or LABELS[name].into(locale))
        for name in bringing_in.choosable(session, bringing_in.as_kind(row.kind))
    ]
    found = [bringing_in.unpacked(one) for one in row.result.get("problems", ())]
    return ImportPage(
        one=row,
        word=word,
        tone=tone,
        kind=KIND_WORDS[row.kind],
        columns=_columns(row) if row.state not in bringing_in.BUSY and row.data else (),
        fields=fields,
        problems=found[:SHOWN],
        wrong=row.result.get("count", 0),
        forecasts=[
            Forecast(
                in_words(one["title"], locale),
                date.fromisoformat(one["from"]),
                one["enrolled"],
                one["overdue"],
                one["before"],
            )
            for one in row.result.get("checklists", ())
        ],
        strangers=[(owner, count) for owner, count in row.result.get("strangers", ())],
        error=error,
    )


def _columns(row: CustomerImport) -> list[Column]:
    head: CsvHead = bringing_in.head_of(row)
    return [
        Column(heading, [cells[place] if place < len(cells) else "" for cells in head.rows], chosen)
        for place, (heading, chosen) in enumerate(zip(head.headings, row.columns, strict=True))
    ]


def _start(
    request: Request,
    viewer: StaffViewer,
    recent: Sequence[CustomerImport],
    kind: str,
    problems: Sequence[Message],
    *,
    status: int = 200,
) -> Response:
    page = ImportStartPage(recent, STATE_WORDS, KIND_WORDS, kind, problems, LARGEST // (1024 * 1024))
    return render(request, "insights/import_start.html", page, viewer=viewer, nav="accounts", status=status)
