"""answers kept for requests that come again under one Idempotency-Key"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_answer',
    sa.Column('api_key_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('key_hash', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('asked_hash', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['api_key_id'], ['api_key.id'], name=op.f('fk_api_answer_api_key_id_api_key'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('api_key_id', 'key_hash', name=op.f('pk_api_answer'))
    )
    op.create_index('ix_api_answer_at', 'api_answer', ['at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_api_answer_at', 'api_answer')
    op.drop_table('api_answer')
