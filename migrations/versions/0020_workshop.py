"""workshop: checklists written in the browser, and exceptions for many accounts at once"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table('checklist') as checklist:
        checklist.add_column(sa.Column('origin', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False, server_default='file'))
        checklist.add_column(sa.Column('forked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        checklist.add_column(sa.Column('file', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=True))
        checklist.create_check_constraint(op.f('ck_checklist_origin'), "origin IN ('file', 'studio')")
    with op.batch_alter_table('checklist') as checklist:
        checklist.alter_column('origin', server_default=None)
    op.add_column('checklist_version', sa.Column('source', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_table('checklist_draft',
    sa.Column('checklist_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('fields', JSON, nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('base_version', sa.Integer(), nullable=False),
    sa.Column('saved_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('saved_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_checklist_draft_staff_id_staff')),
    sa.PrimaryKeyConstraint('checklist_key', name=op.f('pk_checklist_draft'))
    )
    op.create_table('exception_batch',
    sa.Column('id', BIG, nullable=False),
    sa.Column('checklist_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('asked', JSON, nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=1000), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('undone_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('undone_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.CheckConstraint("act IN ('start', 'due', 'extend', 'pause', 'resume', 'exclude', 'include')", name=op.f('ck_exception_batch_act')),
    sa.CheckConstraint("state IN ('running', 'done', 'undoing', 'undone')", name=op.f('ck_exception_batch_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exception_batch'))
    )
    op.create_table('exception_batch_item',
    sa.Column('id', BIG, nullable=False),
    sa.Column('batch_id', BIG, nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('outcome', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column('before', JSON, nullable=False),
    sa.Column('after', JSON, nullable=False),
    sa.CheckConstraint("outcome IN ('waiting', 'done', 'skipped', 'undone', 'kept')", name=op.f('ck_exception_batch_item_outcome')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_exception_batch_item_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['batch_id'], ['exception_batch.id'], name=op.f('fk_exception_batch_item_batch_id_exception_batch'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exception_batch_item'))
    )
    op.create_index('ix_exception_batch_item_batch_id', 'exception_batch_item', ['batch_id', 'outcome', 'account_id'], unique=False)
    op.create_index('ix_exception_batch_item_account_id', 'exception_batch_item', ['account_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_exception_batch_item_account_id', 'exception_batch_item')
    op.drop_index('ix_exception_batch_item_batch_id', 'exception_batch_item')
    op.drop_table('exception_batch_item')
    op.drop_table('exception_batch')
    op.drop_table('checklist_draft')
    op.drop_column('checklist_version', 'source')
    with op.batch_alter_table('checklist') as checklist:
        checklist.drop_constraint(op.f('ck_checklist_origin'), type_='check')
        checklist.drop_column('file')
        checklist.drop_column('forked_at')
        checklist.drop_column('origin')
