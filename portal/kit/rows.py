"""What every table shares: one metadata with named constraints, and the column types both databases agree on.

Names come from a convention so that a migration can drop what an earlier one made, on SQLite too.
"""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Integer, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """The base of every table."""

    metadata = MetaData(naming_convention=NAMING)


# SQLite counts rows up by itself only in a column declared INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")
# JSONB drops key order and duplicate keys, which no reader of ours relies on, and can be indexed.
Json = JSON().with_variant(JSONB(), "postgresql")


def one_of(column: str, *allowed: str) -> CheckConstraint:
    """A CHECK that `column` holds one of `allowed`: native enums do not migrate (stack, traps)."""
    values = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({values})", name=column)
