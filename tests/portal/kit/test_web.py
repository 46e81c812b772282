"""What every page stands on: forms nobody can forge, a word on the next page, languages, and failures told well."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest
import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from portal.kit.db import Database
from portal.kit.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound, TooMany, Unavailable
from portal.kit.headers import CSP
from portal.kit.i18n import Message
from portal.kit.logs import set_up
from portal.kit.secrets import Secrets
from portal.kit.web import (
    LARGEST_FORM,
    check_csrf,
    csrf_token,
    dress,
    etag,
    flash,
    locale_of,
    not_modified,
    page_router,
    redirect,
    shell,
)
from tests.library import Clock, browser, portal_with

pages = page_router()
FAILURES = {
    "forbidden": Forbidden(Message("No llamas.")),
    "missing": NotFound(),
    "conflict": Conflict(Message("A llama was first.")),
    "invalid": Invalid(
        Message("Two llamas."), problems=[FieldProblem("llama", "short", Message("The <llama> is short."))]
    ),
    "many": TooMany(Message("Too many llamas."), retry_after=7),
    "unavailable": Unavailable(Message("The llamas are asleep."), retry_after=9),
    "bug": RuntimeError("the secret name of the llama"),
    "http": HTTPException(405, headers={"Allow": "GET"}),
}
"""By the address at which each is raised."""


@pages.get("/form")
def form(request: Request) -> Response:
    response = PlainTextResponse(csrf_token(request))
    dress(request, response, locale_of(request))
    return response


@pages.post("/form")
async def sent(request: Request) -> Response:
    found = await request.form()
    response = redirect("/words")
    told = Message("%(what)s is “%(name)s”", what=NotFound().message, name=str(found["name"]))
    flash(request, response, told, kind="warn")
    return response


@pages.get("/words")
def words(request: Request) -> Response:
    around = shell(request, None)
    response = PlainTextResponse("\n".join(f"{kind}: {said}" for kind, said in around.flash))
    dress(request, response, around.locale)
    return response


@pages.get("/shell")
def whole_shell(request: Request) -> Response:
    around = shell(request, None)
    return JSONResponse({"locale": around.locale, "urls": dict(around.language_urls)})


@pages.get("/fail/{how}")
def fail(how: str) -> Response:
    raise FAILURES[how]


@pages.get("/number/{number}")
def number(number: int) -> Response:
    return PlainTextResponse(str(number))


@pages.get("/kept")
def kept(request: Request) -> Response:
    tag = etag("revision", 1, "ja")
    return not_modified(request, tag) or PlainTextResponse("text", headers={"ETag": tag})


@pytest.fixture
def engine_name() -> str:
    """One is enough: nothing here asks the database."""
    return "sqlite"


@pytest.fixture
def app(db: Database) -> FastAPI:
    return portal_with(db, Clock(), pages)


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://portal.example",
        headers={"accept-language": "en"},
    ) as client:
        yield client


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_a_form_of_ours_is_taken_once_it_carries_its_token(visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    assert (await visitor.get("/form")).text == token
    answer = await visitor.post("/form", data={"csrf": token, "name": "Dolly"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/words")
    by_header = await visitor.post("/form", data={"name": "Dolly"}, headers={"x-csrf-token": token})
    assert by_header.status_code == 303


@pytest.mark.parametrize("given", [None, "", "0" * 64, "é", "\udce3".encode("utf-8", "surrogateescape")])
async def test_a_forged_form_changes_nothing(visitor: httpx.AsyncClient, given: object) -> None:
    await visitor.get("/form")
    told = {"name": "Dolly"} if given is None else {"name": "Dolly", "csrf": given}
    answer = await visitor.post("/form", data=told)
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert "banso-flash" not in answer.headers.get("set-cookie", "")


async def test_a_token_is_worth_nothing_in_another_browser(app: FastAPI, visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    async with browser(app) as other:
        assert (await other.post("/form", data={"csrf": token, "name": "x"})).status_code == 403
        await other.get("/form")
        assert (await other.post("/form", data={"csrf": token, "name": "x"})).status_code == 403
    # Whoever signs in gets other forms: what was given out before belongs to nobody.
    async with browser(app, "a session") as signed_in:
        signed_in.cookies.update(visitor.cookies)
        assert (await signed_in.post("/form", data={"csrf": token, "name": "x"})).status_code == 403
        fresh = await signed_in.get("/form")
        assert "set-cookie" not in fresh.headers
        assert (await signed_in.post("/form", data={"csrf": fresh.text, "name": "x"})).status_code == 303


async def test_a_form_outlives_a_change_of_the_secret_key(app: FastAPI, visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    app.state.site = replace(
        app.state.site,
        secrets=Secrets("another secret of more than thirty-two", "a secret of more than thirty-two characters"),
    )
    assert (await visitor.post("/form", data={"csrf": token, "name": "x"})).status_code == 303
    assert (await visitor.get("/form")).text != token


async def test_a_form_that_no_page_could_send_is_not_even_read(visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    answer = await visitor.post("/form", data={"csrf": token, "name": "x" * LARGEST_FORM})
    assert (answer.status_code, "too large" in answer.text) == (413, True)

    async def unmeasured() -> AsyncIterator[bytes]:
        yield f"csrf={token}&name=x".encode()

    head = {"content-type": "application/x-www-form-urlencoded"}
    assert (await visitor.post("/form", content=unmeasured(), headers=head)).status_code == 413


async def test_a_broken_form_is_told_so(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/form", content=b"nonsense", headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400
    assert "did not arrive whole" in answer.text


async def test_every_page_router_checks_its_forms() -> None:
    assert [one.dependency for one in page_router().dependencies] == [check_csrf]


# --- a word on the next page ------------------------------------------------------------------------------------------


async def test_a_word_is_shown_once_on_the_next_page_in_its_language(visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    await visitor.post("/form", data={"csrf": token, "name": "<b>%s"})
    shown = await visitor.get("/words?lang=ja")
    assert shown.text == f"warn: {NotFound().message.into('ja')} is “<b>%s”"
    assert (await visitor.get("/words")).text == ""


async def test_nobody_else_can_put_words_there(app: FastAPI, visitor: httpx.AsyncClient) -> None:
    token = (await visitor.get("/form")).text
    await visitor.post("/form", data={"csrf": token, "name": "Dolly"})
    cookie = visitor.cookies["banso-flash"].strip('"')
    packed, _, mac = cookie.partition(".")
    assert app.state.site.secrets.verify("flash", packed, mac)
    other = app.state.site.secrets.mac("csrf", packed)
    for forged in (f"{packed}.", packed, f"A{packed}.{mac}", f"{packed}.{other}", ".", "é.é"):
        async with browser(app) as client:
            shown = await client.get("/words", headers={b"cookie": f"banso-flash={forged}".encode()})
            assert (shown.status_code, shown.text) == (200, "")
            assert 'banso-flash=""' in shown.headers["set-cookie"]


# --- languages --------------------------------------------------------------------------------------------------------


async def test_the_readers_language(app: FastAPI) -> None:
    async with browser(app, language="en-GB,ja;q=0.5") as client:
        assert (await client.get("/shell")).json()["locale"] == "en"
        assert (await client.get("/shell?lang=xx")).json()["locale"] == "en"
        asked = await client.get("/words?lang=ja")
        assert asked.headers["content-language"] == "ja"
        assert (await client.get("/shell")).json()["locale"] == "ja"  # kept from now on
        assert (await client.get("/shell?lang=en")).json()["locale"] == "en"
    async with browser(app, language="de") as client:
        assert (await client.get("/shell")).json()["locale"] == "ja"


async def test_the_same_page_in_the_other_language(visitor: httpx.AsyncClient) -> None:
    found = (await visitor.get("/shell", params={"q": "a&b c", "lang": "en", "page": "2"})).json()
    assert found["urls"] == {
        "ja": "/shell?q=a%26b+c&page=2&lang=ja",
        "en": "/shell?q=a%26b+c&page=2&lang=en",
    }


# --- cookies and caching ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "name"), [("http://portal.example", "banso-form"), ("https://portal.example", "__Host-banso-form")]
)
async def test_cookies_are_for_this_host_and_no_script(app: FastAPI, base_url: str, name: str) -> None:
    app.state.site = replace(app.state.site, base_url=base_url)
    async with browser(app) as client:
        cookie = (await client.get("/form")).headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    fields = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert fields == {"httponly", "path=/", "samesite=lax"} | ({"secure"} if base_url.startswith("https") else set())


@pytest.mark.parametrize(
    ("asked", "status"),
    [(None, 200), ("{tag}", 304), ('"other", {tag}', 304), ("*", 304), ('"other"', 200), ("", 200)],
)
async def test_what_the_browser_has_is_not_sent_again(
    visitor: httpx.AsyncClient, asked: str | None, status: int
) -> None:
    tag = (await visitor.get("/kept")).headers["etag"]
    headers = {} if asked is None else {"if-none-match": asked.format(tag=tag)}
    answer = await visitor.get("/kept", headers=headers)
    assert (answer.status_code, answer.headers["etag"]) == (status, tag)
    assert answer.text == ("" if status == 304 else "text")


def test_a_tag_tells_everything_apart() -> None:
    assert etag("a", 1) == etag("a", 1)
    assert len({etag("a", 1), etag("a", 2), etag("a1"), etag(("a", 1)), etag("a", "1")}) == 5
    assert re.fullmatch(r'W/"[0-9a-f]{24}"', etag("a"))


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/fail/forbidden", 403, "No llamas."),
        ("/fail/missing", 404, NotFound().message.msgid),
        ("/fail/conflict", 409, "A llama was first."),
        ("/fail/invalid", 422, "The &lt;llama&gt; is short."),
        ("/fail/many", 429, "Too many llamas."),
        ("/fail/unavailable", 503, "The llamas are asleep."),
        ("/fail/http", 405, "The address is right"),
        ("/nowhere", 404, NotFound().message.msgid),
        ("/number/seven", 404, NotFound().message.msgid),
    ],
)
async def test_what_went_wrong_is_told_on_a_page(
    visitor: httpx.AsyncClient, address: str, status: int, words: str
) -> None:
    answer = await visitor.get(address)
    assert answer.status_code == status
    assert words in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == CSP
    japanese = await visitor.get(address, headers={"accept-language": "ja"})
    assert '<html lang="ja"' in japanese.text
    assert japanese.text != answer.text


async def test_when_to_try_again_and_what_is_allowed(visitor: httpx.AsyncClient) -> None:
    headers = {how: (await visitor.get(f"/fail/{how}")).headers for how in ("many", "unavailable", "http")}
    assert (headers["many"]["retry-after"], headers["unavailable"]["retry-after"]) == ("7", "9")
    assert headers["http"]["allow"] == "GET"


@pytest.fixture
def logs() -> Iterator[None]:
    structlog.reset_defaults()
    set_up()
    yield
    structlog.reset_defaults()


async def test_a_bug_tells_the_visitor_nothing_but_a_reference(
    capsys: pytest.CaptureFixture[str], visitor: httpx.AsyncClient, logs: None
) -> None:
    answer = await visitor.get("/fail/bug", headers={"cookie": "banso=a-secret-cookie"})
    assert answer.status_code == 500
    assert "secret name" not in answer.text
    assert "Traceback" not in answer.text
    # The one answer that comes from outside of every middleware has the headers all the same.
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["path"]) == ("unexpected failure", "error", "/fail/bug")
    assert told["reference"] in answer.text
    assert "the secret name of the llama" in told["exception"]
    # Where it happened, but not what was at hand there.
    assert "test_web.py" in told["exception"]
    assert "a-secret-cookie" not in line
