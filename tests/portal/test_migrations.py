"""The schema goes up and comes back on both databases, and the models are what the newest version says."""

from typing import Literal

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlmodel import Session

from portal.kit import db, migrations
from tests.factories import make_account, make_member


def test_up_check_down_up(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url)
    migrations.check(empty_database_url)
    migrations.downgrade(empty_database_url, "base")
    migrations.upgrade(empty_database_url)
    version = db.run(empty_database_url, lambda session: migrations.version_of(session.connection()), write=False)
    assert version == migrations.head()


def test_each_version_comes_back_alone(empty_database_url: str) -> None:
    """One step down and up again from every version: no version leans on what a later one does."""
    before = "base"
    for version in migrations.versions():
        migrations.upgrade(empty_database_url, version)
        migrations.downgrade(empty_database_url, before)
        migrations.upgrade(empty_database_url, version)
        before = version


def test_down_to_base_leaves_nothing_behind(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url)
    migrations.downgrade(empty_database_url, "base")
    tables = db.run(empty_database_url, lambda session: sa.inspect(session.connection()).get_table_names(), write=False)
    assert tables == ["alembic_version"]


def test_child_rows_survive_the_rebuilding_of_their_parent(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url)

    def add(session: Session) -> None:
        account = make_account(session)
        make_member(session, account)

    db.run(empty_database_url, add)

    def rebuild(connection: sa.Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        rebuilding: Literal["always", "auto"] = "always" if connection.dialect.name == "sqlite" else "auto"
        with operations.batch_alter_table("account", recreate=rebuilding) as batch:
            batch.add_column(sa.Column("nickname", sa.String(20), nullable=True))

    migrations.with_schema_connection(empty_database_url, rebuild)
    counted = db.run(
        empty_database_url,
        lambda session: [
            session.connection().execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("account", "member")
        ],
        write=False,
    )
    assert counted == [1, 1]
