"""mails to customers, by hand and by rule; alerts to staff"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table('alert_channel',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('hint', sqlmodel.sql.sqltypes.AutoString(length=300), nullable=False),
    sa.Column('wants', JSON, nullable=False),
    sa.Column('silent_days', sa.Integer(), nullable=False),
    sa.Column('locale', sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('created_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('off_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('worked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('failed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('failure', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.CheckConstraint("kind IN ('mail', 'slack', 'teams', 'chatwork')", name=op.f('ck_alert_channel_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_channel'))
    )
    op.create_table('mail_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('template_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('texts', JSON, nullable=False),
    sa.Column('whom', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('checklist_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('at_once', sa.Boolean(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_batch')),
    sa.UniqueConstraint('key', name=op.f('uq_mail_batch_key'))
    )
    op.create_table('mail_rule',
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('template_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('whom', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('days', sa.Integer(), nullable=False),
    sa.Column('checklist_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=True),
    sa.Column('switched_on_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('switched_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint("kind IN ('welcome', 'next_step', 'deadline_near', 'overdue', 'completed', 'weekly')", name=op.f('ck_mail_rule_kind')),
    sa.CheckConstraint("whom IN ('admins', 'members', 'lacking')", name=op.f('ck_mail_rule_whom')),
    sa.CheckConstraint('days BETWEEN 0 AND 365', name=op.f('ck_mail_rule_days')),
    sa.PrimaryKeyConstraint('kind', name=op.f('pk_mail_rule'))
    )
    op.create_table('mail_settings',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('opens', sa.Integer(), nullable=False),
    sa.Column('closes', sa.Integer(), nullable=False),
    sa.Column('per_person', sa.Integer(), nullable=False),
    sa.Column('per_account', sa.Integer(), nullable=False),
    sa.Column('footer', sqlmodel.sql.sqltypes.AutoString(length=1000), nullable=False),
    sa.Column('reply_to', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_mail_settings_single')),
    sa.CheckConstraint('opens < closes AND opens >= 0 AND closes <= 24', name=op.f('ck_mail_settings_hours')),
    sa.CheckConstraint('per_person > 0 AND per_account > 0', name=op.f('ck_mail_settings_caps')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_settings'))
    )
    op.create_table('mail_stopped_address',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email_key', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('detail', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('cleared_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('cleared_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.CheckConstraint("why IN ('unsubscribed', 'bounced')", name=op.f('ck_mail_stopped_address_why')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_stopped_address'))
    )
    op.create_index('ix_mail_stopped_address_at', 'mail_stopped_address', ['at'], unique=False)
    op.create_index('ux_mail_stopped_address', 'mail_stopped_address', ['email_key', 'why'], unique=True, sqlite_where=sa.text('cleared_at IS NULL'), postgresql_where=sa.text('cleared_at IS NULL'))
    op.create_table('mail_template',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('texts', JSON, nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_mail_template'))
    )
    op.create_table('alert_line',
    sa.Column('id', BIG, nullable=False),
    sa.Column('channel_id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=120), nullable=False),
    sa.Column('about', JSON, nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('sent_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.CheckConstraint("kind IN ('overdue', 'completed', 'silent', 'bounced')", name=op.f('ck_alert_line_kind')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_alert_line_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['channel_id'], ['alert_channel.id'], name=op.f('fk_alert_line_channel_id_alert_channel'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_line')),
    sa.UniqueConstraint('channel_id', 'key', name=op.f('uq_alert_line_channel_id_key'))
    )
    op.create_index('ix_alert_line_account_id', 'alert_line', ['account_id'], unique=False)
    op.create_index('ix_alert_line_unsent', 'alert_line', ['channel_id', 'id'], unique=False, sqlite_where=sa.text('sent_at IS NULL'), postgresql_where=sa.text('sent_at IS NULL'))
    op.create_table('summary_reader',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('email', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('email_key', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('locale', sqlmodel.sql.sqltypes.AutoString(length=35), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('seen_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('revoked_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_summary_reader_account_id_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_summary_reader')),
    sa.UniqueConstraint('account_id', 'email_key', name=op.f('uq_summary_reader_account_id_email_key'))
    )
    op.create_table('mail_letter',
    sa.Column('id', BIG, nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=True),
    sa.Column('to', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('to_key', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('cause', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=True),
    sa.Column('template_key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=True),
    sa.Column('enrollment_id', sa.Integer(), nullable=True),
    sa.Column('occasion', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('dedupe_key', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('because', JSON, nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=9), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=True),
    sa.Column('detail', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.Column('subject', sqlmodel.sql.sqltypes.AutoString(length=500), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=254), nullable=False),
    sa.Column('by_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('begun_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("cause IN ('rule', 'hand')", name=op.f('ck_mail_letter_cause')),
    sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'held', 'failed', 'uncertain')", name=op.f('ck_mail_letter_state')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_mail_letter_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['batch_id'], ['mail_batch.id'], name=op.f('fk_mail_letter_batch_id_mail_batch'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['enrollment_id'], ['enrollment.id'], name=op.f('fk_mail_letter_enrollment_id_enrollment'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_letter')),
    sa.UniqueConstraint('dedupe_key', name=op.f('uq_mail_letter_dedupe_key'))
    )
    op.create_index('ix_mail_letter_account_id', 'mail_letter', ['account_id', 'at', 'id'], unique=False)
    op.create_index('ix_mail_letter_at', 'mail_letter', ['at', 'id'], unique=False)
    op.create_index('ix_mail_letter_batch_id', 'mail_letter', ['batch_id', 'state'], unique=False)
    op.create_index('ix_mail_letter_enrollment_id', 'mail_letter', ['enrollment_id', 'rule'], unique=False)
    op.create_index('ix_mail_letter_member_id', 'mail_letter', ['member_id'], unique=False)
    op.create_index('ix_mail_letter_to_key', 'mail_letter', ['to_key', 'begun_at'], unique=False)



def downgrade() -> None:
    op.drop_index('ix_mail_letter_to_key', 'mail_letter')
    op.drop_index('ix_mail_letter_member_id', 'mail_letter')
    op.drop_index('ix_mail_letter_enrollment_id', 'mail_letter')
    op.drop_index('ix_mail_letter_batch_id', 'mail_letter')
    op.drop_index('ix_mail_letter_at', 'mail_letter')
    op.drop_index('ix_mail_letter_account_id', 'mail_letter')
    op.drop_table('mail_letter')
    op.drop_table('summary_reader')
    op.drop_index('ix_alert_line_unsent', 'alert_line')
    op.drop_index('ix_alert_line_account_id', 'alert_line')
    op.drop_table('alert_line')
    op.drop_table('mail_template')
    op.drop_index('ux_mail_stopped_address', 'mail_stopped_address')
    op.drop_index('ix_mail_stopped_address_at', 'mail_stopped_address')
    op.drop_table('mail_stopped_address')
    op.drop_table('mail_settings')
    op.drop_table('mail_rule')
    op.drop_table('mail_batch')
    op.drop_table('alert_channel')
