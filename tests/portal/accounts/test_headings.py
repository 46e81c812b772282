"""What the columns of a file probably are."""

from __future__ import annotations

import pytest

from portal.accounts.headings import folded_heading, guessed
from portal.accounts.imports import COLUMNS, Kind

FIELDS = {kind: dict.fromkeys((*required, *optional), ()) for kind, (required, optional) in COLUMNS.items()}


@pytest.mark.parametrize(
    ("kind", "headings", "found"),
    [
        ("accounts", ["external_id", "name", "plan"], ["external_id", "name", "plan"]),
        (
            "accounts",
            ["顧客コード", "会社名", "会社名（カナ）", "契約プラン"],
            ["external_id", "name", "name_kana", "plan"],
        ),
        ("accounts", ["会社ＩＤ", "会社名カナ", "社名", "月額"], ["external_id", "name_kana", "name", "mrr"]),
        ("accounts", ["Customer ID", "Company Name", "MRR (JPY)", "Notes"], ["external_id", "name", "mrr", ""]),
        ("accounts", ["会社名", "顧客名"], ["name", ""]),
        ("accounts", ["業種", "id"], ["traits.industry", "external_id"]),
        ("members", ["会社ID", "氏名", "メールアドレス", "部署名"], ["account", "name", "email", "department"]),
        ("members", ["account", "id", "E-mail", "役割*"], ["account", "external_id", "email", "role"]),
    ],
)
def test_guesses(kind: Kind, headings: list[str], found: list[str]) -> None:
    fields = {**FIELDS[kind], **({"traits.industry": ("業種", "Industry")} if kind == "accounts" else {})}
    assert guessed(kind, headings, remembered={}, fields=fields) == found


def test_what_was_chosen_last_time_goes_first_also_that_it_was_nothing() -> None:
    remembered = {folded_heading("得意先（正式）"): "name", folded_heading("名称"): ""}
    found = guessed("accounts", ["名称", "得意先 (正式)", "id"], remembered=remembered, fields=FIELDS["accounts"])
    assert found == ["", "name", "external_id"]
