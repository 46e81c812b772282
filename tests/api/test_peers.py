"""Two customers side by side: no answer for one carries anything of the other, whatever address is asked."""

from __future__ import annotations

import itertools

import httpx

from portal.kit.db import Database
from tests.vendor import vendor_on

OURS = ("aoba", "あおば", "u-admin", "u-tanaka", "u-suzuki", "田中", "佐藤", "鈴木")
THEIRS = ("midori", "みどり", "u-other", "森 あい")
FILLED = {"key": ["first-30-days"], "step": ["profile", "invite"], "source": ["product"]}


def told(answer: httpx.Response, words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word in answer.text]


async def test_no_answer_for_one_customer_has_anything_of_the_other(db: Database) -> None:
    async with vendor_on(db) as vendor, vendor.caller() as caller:
        await vendor.happen("member.invited", account="aoba", member="u-tanaka", times=2)
        await vendor.happen("member.invited", account="midori", member="u-other")
        paths = (await caller.get("/../openapi.json")).json()["paths"]
        asked = 0
        for path, item in paths.items():
            if "{account}" not in path:
                continue
            for account, members, foreign in (
                ("aoba", ["u-tanaka", "u-other"], THEIRS),
                ("midori", ["u-other", "u-tanaka"], OURS),
            ):
                names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
                choices = [{"account": [account], "member": members, **FILLED}[name] for name in names]
                for values, method in itertools.product(itertools.product(*choices), ("get", "put", "patch")):
                    if method not in item:
                        continue
                    target = path.removeprefix("/v1").format(**dict(zip(names, values, strict=True)))
                    is_theirs = "member" in names and values[names.index("member")] == members[1]
                    bodies = {"put": {"member": members[1]} if "step" in names else None, "patch": {"reason": "x"}}
                    if method == "put" and bodies["put"] is None:
                        continue
                    answer = await caller.request(method, target, json=bodies.get(method))
                    asked += 1
                    assert told(answer, foreign) == [] or (is_theirs and answer.status_code == 404), (method, target)
                    if is_theirs or method == "put":
                        assert answer.status_code == 404, (method, target)
        assert asked >= 12


async def test_no_list_for_one_customer_has_anything_of_the_other(db: Database) -> None:
    async with vendor_on(db) as vendor, vendor.caller() as caller:
        await vendor.happen("member.invited", account="aoba", member="u-tanaka", times=2)
        await vendor.happen("member.invited", account="midori", member="u-other")
        for account, member, stranger, foreign in (
            ("aoba", "u-tanaka", "u-other", THEIRS),
            ("midori", "u-other", "u-tanaka", OURS),
        ):
            for path in ("/events", "/events/export"):
                for person in ({}, {"member": member}):
                    answer = await caller.get(path, params={"account": account, **person})
                    assert answer.status_code == 200
                    assert account in answer.text
                    assert told(answer, foreign) == []
            for path, query in (("/events", {}), ("/events/export", {}), ("/search", {"q": "a"})):
                answer = await caller.get(path, params={"account": account, "member": stranger, **query})
                assert answer.status_code == 404, path
