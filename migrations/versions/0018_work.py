"""the vendor's calendar, contacts with customers, and tasks"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('work_week',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('weekdays', sqlmodel.sql.sqltypes.AutoString(length=7), nullable=False),
    sa.Column('holidays', sa.Boolean(), nullable=False),
    sa.Column('new_year', sa.Boolean(), nullable=False),
    sa.Column('obon', sa.Boolean(), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_work_week_one')),
    sa.CheckConstraint("weekdays <> ''", name=op.f('ck_work_week_weekdays')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_week'))
    )
    op.create_table('own_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('added_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('added_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_own_day'))
    )
    op.create_table('contact',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('with_whom', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('sets_next', sa.Boolean(), nullable=False),
    sa.Column('next_on', sa.Date(), nullable=True),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('recorded_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('removed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('removed_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.CheckConstraint("kind IN ('mail', 'phone', 'meeting', 'chat', 'note')", name=op.f('ck_contact_kind')),
    sa.CheckConstraint('sets_next OR next_on IS NULL', name=op.f('ck_contact_next')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_contact_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_contact_staff_id_staff')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact'))
    )
    op.create_index('ix_contact_account_id', 'contact', ['account_id', 'at'], unique=False)
    op.create_table('touch',
    sa.Column('account_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('last_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('last_kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('next_on', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_touch_account_id_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_touch'))
    )
    has_next = sa.text('next_on IS NOT NULL')
    op.create_index('ix_touch_next_on', 'touch', ['next_on'], unique=False, sqlite_where=has_next, postgresql_where=has_next)
    op.create_table('task',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(length=4000), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('remind_on', sa.Date(), nullable=True),
    sa.Column('reminded_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('done_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('outcome', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.Column('removed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.CheckConstraint("title <> ''", name=op.f('ck_task_title')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_task_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_task_staff_id_staff')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task'))
    )
    op.create_index('ix_task_account_id', 'task', ['account_id'], unique=False)
    is_open = sa.text('done_at IS NULL AND removed_at IS NULL')
    op.create_index('ix_task_open', 'task', ['staff_id', 'due_on'], unique=False, sqlite_where=is_open, postgresql_where=is_open)
    op.create_table('task_act',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(length=2000), nullable=False),
    sa.CheckConstraint("kind IN ('made', 'changed', 'handed', 'done', 'reopened', 'removed', 'restored')", name=op.f('ck_task_act_kind')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_task_act_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_task_act_task_id_task'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_act'))
    )
    op.create_index('ix_task_act_account_id', 'task_act', ['account_id', 'at'], unique=False)
    op.create_index('ix_task_act_task_id', 'task_act', ['task_id'], unique=False)
    op.create_table('stuck_rule',
    sa.Column('checklist_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('quiet_days', sa.Integer(), nullable=False),
    sa.Column('overdue_days', sa.Integer(), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint('quiet_days > 0', name=op.f('ck_stuck_rule_quiet_days')),
    sa.CheckConstraint('overdue_days >= 0', name=op.f('ck_stuck_rule_overdue_days')),
    sa.ForeignKeyConstraint(['checklist_key'], ['checklist.key'], name=op.f('fk_stuck_rule_checklist_key_checklist'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('checklist_key', name=op.f('pk_stuck_rule'))
    )
    is_under_way = sa.text('completed_at IS NULL AND excluded_at IS NULL AND withdrawn_at IS NULL')
    op.create_index('ix_enrollment_open', 'enrollment', ['checklist_key', 'due_at', 'started_at', 'last_progress_at', 'account_id', 'paused_at', 'version'], unique=False, sqlite_where=is_under_way, postgresql_where=is_under_way)


def downgrade() -> None:
    op.drop_index('ix_enrollment_open', 'enrollment')
    op.drop_table('stuck_rule')
    op.drop_index('ix_task_act_task_id', 'task_act')
    op.drop_index('ix_task_act_account_id', 'task_act')
    op.drop_table('task_act')
    op.drop_index('ix_task_open', 'task')
    op.drop_index('ix_task_account_id', 'task')
    op.drop_table('task')
    op.drop_index('ix_touch_next_on', 'touch')
    op.drop_table('touch')
    op.drop_index('ix_contact_account_id', 'contact')
    op.drop_table('contact')
    op.drop_table('own_day')
    op.drop_table('work_week')
