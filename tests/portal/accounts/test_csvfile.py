from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.csvfile import CsvTable, read_csv
from portal.kit.csvout import escaped, export_csv, unescaped
from portal.kit.files import FileProblems


def read(data: bytes | str) -> CsvTable:
    raw = data.encode() if isinstance(data, str) else data
    return read_csv(raw, file="f.csv", required=["external_id", "name"], optional=["plan", "seats"])


def refusal(data: bytes | str) -> list[str]:
    with pytest.raises(FileProblems) as raised:
        read(data)
    return [problem.into("en") for problem in raised.value.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_encodings_and_line_ends_of_this_world(encoding: str, newline: str) -> None:
    data = newline.join(["external_id,name", "a1,株式会社①髙島", ""]).encode(encoding)
    assert [dict(row.cells) for row in read(data).rows] == [{"external_id": "a1", "name": "株式会社①髙島"}]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("external_id,name\n", []),
        ("external_id,name\na1,A\n\n , \n\na2,B", [(2, "a1"), (6, "a2")]),
        ('external_id,name\na1,"A\nB\nC"\na2,B\n', [(2, "a1"), (5, "a2")]),
        ("external_id\tname\na1\tA, B\n", [(2, "a1")]),
        ("external_id;name\na1;A\n", [(2, "a1")]),
        (" External_ID ,ＮＡＭＥ\na1,A\n", [(2, "a1")]),
        ("external_id,name,,\na1,A,,\n", [(2, "a1")]),
        ("\n\nexternal_id,name\na1,A\n", [(4, "a1")]),
        ("external_id,name,plan\na1,A,\n", [(2, "a1")]),
    ],
)
def test_rows_and_the_lines_they_begin_on(text: str, rows: list[tuple[int, str]]) -> None:
    table = read(text)
    assert [(row.line, row.cells["external_id"]) for row in table.rows] == rows
    assert table.problems == ()


def test_an_empty_cell_is_no_cell() -> None:
    assert dict(read("external_id,name,plan\na1,,　\n").rows[0].cells) == {"external_id": "a1"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", ["f.csv:1: the file is empty"]),
        ("\n\n", ["f.csv:1: the file is empty"]),
        ("external_id,name\n\0", ["f.csv:2: this line contains a NUL byte; this is no CSV file"]),
        (
            b"external_id,name\na1,\xff\xff\n",
            ["f.csv:2: this line is neither UTF-8 nor CP932 (Shift_JIS)"],
        ),
        (
            "external_id,name\n".encode("utf-16"),
            ["f.csv:1: the file is in UTF-16; save it as “CSV UTF-8” and try again"],
        ),
        ('external_id,name\na1,A\na2,"B\nC', ["f.csv:3: a quotation mark opened in this row is never closed"]),
        (
            'external_id,name\na1,"A" B\n',
            ["f.csv:2: a quotation mark inside a cell must be doubled, and the cell be put in quotation marks"],
        ),
        (
            "external_id,name\na1," + "x" * 200_000,
            ["f.csv:2: a cell in this row is longer than 131072 characters"],
        ),
    ],
)
def test_a_file_that_is_no_table(data: bytes | str, said: list[str]) -> None:
    assert refusal(data) == said


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("external_id,nam", ["column “nam” is unknown; do you mean “name”?", "column “name” is missing"]),
        ("external_id,name,zebra", ["column “zebra” is unknown"]),
        ("external_id,name,Name", ["column “name” is there twice"]),
        ("external_id,,name", ["column number 2 has no name"]),
        ("plan", ["column “external_id” is missing", "column “name” is missing"]),
    ],
)
def test_every_wrong_column_is_named(header: str, said: list[str]) -> None:
    listed = "columns of this file: external_id, name, plan, seats"
    assert refusal(f"{header}\n") == [f"f.csv:1: {problem}" for problem in [*said, listed]]


def test_a_row_of_the_wrong_width_is_named_and_the_others_are_read() -> None:
    table = read("external_id,name\na1\na2,B\na3,C,D\n")
    assert [row.line for row in table.rows] == [3]
    assert [problem.into("en") for problem in table.problems] == [
        "f.csv:2: this row has 1 cells, the header has 2 columns",
        "f.csv:4: this row has 3 cells, the header has 2 columns",
    ]


def test_a_file_beyond_the_limit() -> None:
    assert refusal(b"x" * (50 * 1024 * 1024 + 1)) == ["f.csv:1: the file is larger than 50 MB"]
    assert refusal(b"external_id" + b"," * 500) == ["f.csv:1: more than 500 columns"]
    assert refusal(b"external_id,name\n" + b"1,a\n" * 200_001) == [
        "f.csv:200002: more than 200,000 rows; split the file"
    ]


@given(st.binary(max_size=400))
def test_whatever_the_bytes_there_is_a_table_or_a_named_problem(data: bytes) -> None:
    for given_bytes in (data, b"external_id,name\n" + data):
        with suppress(FileProblems):
            assert len(read(given_bytes).columns) >= 2


# --- writing ----------------------------------------------------------------------------------------------------------

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
def test_what_is_written_can_be_read(rows: list[tuple[str, str]]) -> None:
    read_back = [dict(row.cells) for row in read(export_csv(["external_id", "name"], rows)).rows]
    trimmed = [{"external_id": first.strip(), "name": second.strip()} for first, second in rows]
    written = [{column: cell for column, cell in row.items() if cell} for row in trimmed]
    assert [row for row in read_back if row] == [row for row in written if row]


@given(CELLS)
def test_no_cell_runs_as_a_formula_and_none_is_lost(text: str) -> None:
    written = escaped(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unescaped(written) == text


def test_a_file_for_excel() -> None:
    row = ["=1+1", -5, 1.5, None, True, date(2026, 4, 1), datetime(2026, 4, 1, tzinfo=UTC), 'a "b", c']
    data = export_csv(["a", "b", "c", "d", "e", "f", "g", "h"], [row])
    assert data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert lines[1] == ["'=1+1", "-5", "1.5", "", "true", "2026-04-01", "2026-04-01T00:00:00Z", 'a "b", c']
    assert data.count(b"\r\n") == 2
