"""replacements: what was replaced throughout the library, so that it can be taken back"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table('replacement',
    sa.Column('id', BIG, nullable=False),
    sa.Column('words', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('becomes', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('changes', JSON, nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('undone_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('undone_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replacement'))
    )


def downgrade() -> None:
    op.drop_table('replacement')
