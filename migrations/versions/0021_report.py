"""looking as a member, the audit log, and the monthly close"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table('visit', schema=None) as batch_op:
        batch_op.add_column(sa.Column('as_member_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('as_until', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_visit_as_member_id_member'), 'member', ['as_member_id'], ['id'], ondelete='SET NULL')
    op.create_table('trail_entry',
    sa.Column('id', BIG, nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('member_id', sa.Integer(), nullable=True),
    sa.Column('about', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('detail', JSON, nullable=False),
    sa.Column('once', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=True),
    sa.CheckConstraint("kind IN ('changed', 'seen', 'exported', 'access')", name=op.f('ck_trail_entry_kind')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_trail_entry_staff_id_staff'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_trail_entry_account_id_account'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trail_entry')),
    sa.UniqueConstraint('once', name=op.f('uq_trail_entry_once'))
    )
    op.create_index('ix_trail_entry_at', 'trail_entry', ['at', 'id'], unique=False)
    op.create_index('ix_trail_entry_account_id', 'trail_entry', ['account_id', 'at'], unique=False)
    op.create_index('ix_trail_entry_staff_id', 'trail_entry', ['staff_id', 'at'], unique=False)
    op.create_table('monthly_close',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('month', sqlmodel.sql.sqltypes.AutoString(length=7), nullable=False),
    sa.Column('as_of', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('taken_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('taken_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('figures', JSON, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_monthly_close')),
    sa.UniqueConstraint('month', name=op.f('uq_monthly_close_month'))
    )
    op.create_table('report_choice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=12), nullable=False),
    sa.Column('checklist', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('month', sqlmodel.sql.sqltypes.AutoString(length=7), nullable=False),
    sa.Column('number', sa.Float(), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('target', 'fiscal_start')", name=op.f('ck_report_choice_kind')),
    sa.CheckConstraint("kind <> 'fiscal_start' OR (number >= 1 AND number <= 12)", name=op.f('ck_report_choice_month_of_year')),
    sa.CheckConstraint("kind <> 'target' OR (number >= 0 AND number <= 1)", name=op.f('ck_report_choice_share')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_choice'))
    )


def downgrade() -> None:
    op.drop_table('report_choice')
    op.drop_table('monthly_close')
    op.drop_index('ix_trail_entry_staff_id', 'trail_entry')
    op.drop_index('ix_trail_entry_account_id', 'trail_entry')
    op.drop_index('ix_trail_entry_at', 'trail_entry')
    op.drop_table('trail_entry')
    with op.batch_alter_table('visit', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_visit_as_member_id_member'), type_='foreignkey')
        batch_op.drop_column('as_until')
        batch_op.drop_column('as_member_id')
