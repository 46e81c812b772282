"""What the same server on the same machine can do at most: the least that could answer such a request.

A bare application under the very server, started by the very function, that the portal is served with. `/bytes/{name}`
answers a file's bytes from memory, so a page is compared with an answer of its own size. `/insert` reads the JSON it is
sent and puts one row (or a list of rows) into a table without any index, by the portal's own `Database.write`: group
commit and the same sync settings, and nothing else. Whatever the portal does beyond that is the difference.

`python -m tests.bench.ceiling --port N` serves it.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from sqlmodel import Session

from portal.kit.db import Database, open_database
from portal.kit.server import serve
from tests.server import Process

DATABASE = "BENCH_DATABASE_URL"
BODIES = "BENCH_BODIES"
TABLE = {
    "sqlite": "CREATE TABLE raw (id INTEGER PRIMARY KEY, message_id TEXT, name TEXT, at TEXT, properties TEXT)",
    "postgresql": "CREATE TABLE raw (id BIGSERIAL PRIMARY KEY, message_id TEXT, name TEXT, at TEXT, properties TEXT)",
}
INSERT = text("INSERT INTO raw (message_id, name, at, properties) VALUES (:message_id, :name, :at, :properties)")
ROOT = Path(__file__).parent.parent.parent


class Ceiling(Process):
    """The bare application in a process of its own. Files put into `bodies` before it starts are what it answers."""

    ready = "/ready"

    def __init__(self, directory: Path, *, database_url: str = "") -> None:
        self.bodies = directory / "bodies"
        self.bodies.mkdir(parents=True)
        super().__init__(
            directory,
            [sys.executable, "-m", "tests.bench.ceiling"],
            {
                DATABASE: database_url or f"sqlite:///{directory / 'raw.db'}",
                BODIES: str(self.bodies),
                "PYTHONPATH": str(ROOT),
            },
        )


def application() -> FastAPI:
    """The bare application; where its database and its bodies are, the environment says."""
    database = open_database(os.environ[DATABASE])
    bodies = {path.name: path.read_bytes() for path in Path(os.environ[BODIES]).iterdir()}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await _make_table(database)
        yield
        await database.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/ready")
    async def ready() -> Response:
        return Response(b"ready")

    @app.get("/bytes/{name}")
    async def answer(name: str) -> Response:
        return Response(bodies[name], media_type="text/html")

    @app.post("/insert")
    async def insert(request: Request) -> Response:
        body = orjson.loads(await request.body())
        rows = [_row(message) for message in body.get("batch", [body])]

        def work(session: Session) -> None:
            session.connection().execute(INSERT, rows)

        await database.write(work)
        return Response(b'{"success":true}', media_type="application/json")

    return app


async def _make_table(database: Database) -> None:
    def work(session: Session) -> None:
        session.connection().execute(text(TABLE[session.get_bind().dialect.name]))

    await database.write(work)


def _row(message: dict[str, object]) -> dict[str, object]:
    return {
        "message_id": message["messageId"],
        "name": message["event"],
        "at": message["timestamp"],
        "properties": orjson.dumps(message["properties"]).decode(),
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    serve("tests.bench.ceiling:application", host="127.0.0.1", port=arguments.parse_args().port, workers=1)
