"""library: what was published last as a folder, so that an unchanged one is skipped; imports, to be taken back; drafts put away"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
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
    op.create_table('folder_import',
    sa.Column('id', BIG, nullable=False),
    sa.Column('source', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('drafts', JSON, nullable=False),
    sa.Column('collections', JSON, nullable=False),
    sa.Column('media', JSON, nullable=False),
    sa.Column('notes', JSON, nullable=False),
    sa.Column('noted', sa.Integer(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('undone_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('undone_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('left', JSON, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_folder_import'))
    )
    _may_act("'put_away', ")


def downgrade() -> None:
    op.execute("UPDATE manuscript_act SET act = 'unpublish' WHERE act = 'put_away'")
    _may_act("")
    op.drop_table('folder_import')
    op.drop_table('publication')


def _may_act(also: str) -> None:
    acts = f"'submit', 'withdraw', 'approve', 'give_back', 'schedule', 'publish', 'unpublish', 'reopen', {also}'fork', 'unfork', 'restore'"
    with op.batch_alter_table('manuscript_act') as table:
        table.drop_constraint(op.f('ck_manuscript_act_act'), type_='check')
        table.create_check_constraint(op.f('ck_manuscript_act_act'), f"act IN ({acts})")
