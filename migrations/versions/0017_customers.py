"""customers: segments and who is in them"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    op.create_table('segment',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('title', JSON, nullable=False),
    sa.Column('condition', JSON, nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('origin', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('archived_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.CheckConstraint("origin IN ('file', 'browser')", name=op.f('ck_segment_origin')),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_segment'))
    )
    op.create_table('segment_account',
    sa.Column('segment_key', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_segment_account_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['segment_key'], ['segment.key'], name=op.f('fk_segment_account_segment_key_segment'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('segment_key', 'account_id', name=op.f('pk_segment_account'))
    )
    op.create_index('ix_segment_account_account_id', 'segment_account', ['account_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_segment_account_account_id', 'segment_account')
    op.drop_table('segment_account')
    op.drop_table('segment')
