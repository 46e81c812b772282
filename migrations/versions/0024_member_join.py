"""the desk: two entries of one person become one, a form sent twice counts once"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('member_join',
    sa.Column('gone_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_member_join_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_member_join_member_id_member'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('gone_id', name=op.f('pk_member_join'))
    )
    op.create_index('ix_member_join_account_id', 'member_join', ['account_id', 'at'], unique=False)
    op.create_index('ix_member_join_member_id', 'member_join', ['member_id'], unique=False)
    op.create_table('sent_form',
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sent_form'))
    )
    op.create_index('ix_sent_form_at', 'sent_form', ['at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_sent_form_at', table_name='sent_form')
    op.drop_table('sent_form')
    op.drop_index('ix_member_join_member_id', table_name='member_join')
    op.drop_index('ix_member_join_account_id', table_name='member_join')
    op.drop_table('member_join')
