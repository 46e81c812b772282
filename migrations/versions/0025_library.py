"""library: what was published last as a folder, so that an unchanged one is skipped"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = '0023'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table('publication',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('folder', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('standing', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('said', JSON, nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_publication_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_publication'))
    )


def downgrade() -> None:
    op.drop_table('publication')
