"""How the background work stands, for staff and for Prometheus."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from portal.jobs import pages, schedule
from portal.kit.addresses import networks
from portal.kit.db import Database
from portal.kit.jobs import Claim, Kind, enqueue
from portal.kit.worker import Worker
from tests.factories import NOW, make_staff, sign_in_as
from tests.library import Clock, browser, csrf_in, portal_with


async def fail(db: Database, *names: str) -> None:
    """Jobs that are dead."""

    async def broken(_job: Claim) -> None:
        raise ValueError("no such <thing>")

    def work(session: object) -> None:
        for name in names:
            enqueue(session, name, {"to": "a", "sealed": "s3cret", "html": "<p>"}, now=NOW)  # type: ignore[arg-type]

    await db.write(work)
    kinds = {name: Kind(broken, pauses=()) for name in names}
    await Worker(database=db, kinds=kinds, clock=Clock()).run_due()


async def test_what_failed_for_good_is_shown_and_tried_again(db: Database) -> None:
    await fail(db, "mail", "mail", "other")
    token = await db.write(lambda session: sign_in_as(session, make_staff(session, role="owner")))
    app = portal_with(db, Clock(), pages.router)
    await schedule.plan(app.state.site)
    async with browser(app, token) as client:
        page = await client.get("/staff/jobs")
        assert page.text.count("ValueError: no such &lt;thing&gt;") == 3
        assert "s3cret" not in page.text
        assert all(timed.kind in page.text for timed in schedule.SCHEDULE)
        only = await client.get("/staff/jobs?kind=other")
        (act,) = re.findall(r'action="(/staff/jobs/\d+/retry)"', only.text)
        for said in ("もう一度実行します", "すでに再実行されたか"):
            assert (await client.post(act, data={"csrf": csrf_in(page)})).status_code == 303
            assert said in (await client.get("/staff/jobs")).text
        await client.post("/staff/jobs/retry", data={"csrf": csrf_in(page), "kind": "mail"})
        assert "2件をもう一度" in (await client.get("/staff/jobs")).text
        assert "失敗したままの仕事はありません" in (await client.get("/staff/jobs")).text


async def test_a_long_list_goes_on(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PER_PAGE", 2)
    await fail(db, "a", "b", "c")
    token = await db.write(lambda session: sign_in_as(session, make_staff(session, role="owner")))
    async with browser(portal_with(db, Clock(), pages.router), token) as client:
        first = (await client.get("/staff/jobs")).text
        older = re.search(r'rel="next" href="([^"]+)"', first)
        assert older
        second = (await client.get(f"/staff/jobs{older[1]}")).text
    found = [re.findall(r"/staff/jobs/(\d+)/retry", text) for text in (first, second)]
    assert [len(one) for one in found] == [2, 1]


@pytest.mark.parametrize(("role", "sees"), [("cs", 200), ("viewer", 200), ("editor", 403)])
async def test_who_sees_customers_looks_and_only_administrators_act(db: Database, role: str, sees: int) -> None:
    await fail(db, "mail")
    token = await db.write(lambda session: sign_in_as(session, make_staff(session, role=role)))
    async with browser(portal_with(db, Clock(), pages.router), token) as client:
        page = await client.get("/staff/jobs")
        assert page.status_code == sees
        assert "/retry" not in page.text
        if sees == 200:
            for path in ("/staff/jobs/retry", "/staff/jobs/1/retry"):
                assert (await client.post(path, data={"csrf": csrf_in(page)})).status_code == 403


# --- /metrics ---------------------------------------------------------------------------------------------------------


async def read_metrics(db: Database, *, allowed: str, peer: str, trusted: str = "", **headers: str) -> httpx.Response:
    app = portal_with(db, Clock())
    app.state.site = replace(app.state.site, metrics_from=networks(allowed), trusted_proxies=trusted)
    app.add_api_route("/metrics", pages.show_metrics)
    transport = httpx.ASGITransport(app, client=(peer, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.example") as client:
        return await client.get("/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_metrics_say_what_waits_and_what_was_done(db: Database) -> None:
    await fail(db, "mail", "mail")
    await db.write(lambda session: enqueue(session, "later", {}, now=NOW))
    answer = await read_metrics(db, allowed="10.0.0.0/8", peer="10.1.2.3")
    assert answer.status_code == 200
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["banso_jobs_dead", "mail"] == 2
    assert found["banso_jobs_late", "later"] == 1
    assert found["banso_jobs_total", "mail", "failed"] >= 2


@pytest.mark.parametrize(
    ("allowed", "peer", "trusted", "headers", "status"),
    [
        ("", "127.0.0.1", "", {}, 404),
        ("127.0.0.1", "127.0.0.1", "", {}, 200),
        ("127.0.0.1", "192.0.2.1", "", {}, 404),
        ("2001:db8::/48", "2001:db8:0:7::1", "", {}, 200),
        # Through a proxy on the same machine it is the client that counts, and an unknown proxy vouches for nobody.
        ("127.0.0.1", "127.0.0.1", "", {"x_forwarded_for": "203.0.113.9"}, 404),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", {"x_forwarded_for": "203.0.113.9"}, 404),
        ("203.0.113.9", "127.0.0.1", "127.0.0.1", {"x_forwarded_for": "203.0.113.9"}, 200),
        ("127.0.0.1", "somewhere", "", {}, 404),
    ],
)
async def test_metrics_are_for_the_networks_that_were_named(
    db: Database, allowed: str, peer: str, trusted: str, headers: dict[str, str], status: int
) -> None:
    answer = await read_metrics(db, allowed=allowed, peer=peer, trusted=trusted, **headers)
    assert answer.status_code == status
