"""the desk: two entries of one person become one, a form sent twice counts once, names read alike, figures kept"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

from portal.accounts.likeness import reading_key

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
    op.create_table('live_figures',
    sa.Column('month', sqlmodel.sql.sqltypes.AutoString(length=7), nullable=False),
    sa.Column('counted_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('figures', sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    sa.PrimaryKeyConstraint('month', name=op.f('pk_live_figures'))
    )
    op.add_column('account', sa.Column('reading_key', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False, server_default=''))
    fill_reading_keys()
    op.create_index('ix_account_reading_key', 'account', ['reading_key', 'name_key'], unique=False)


def fill_reading_keys() -> None:
    """The rule may change later, and then whoever changes it fills the column anew; here it is as it is now."""
    text = sa.String
    account = sa.table(
        'account', sa.column('id', sa.Integer), *(sa.column(name, text) for name in ('name', 'name_kana', 'reading_key'))
    )
    connection = op.get_bind()
    rows = connection.execute(sa.select(account.c.id, account.c.name, account.c.name_kana)).all()
    keys = [{'of_id': row.id, 'key': key} for row in rows if (key := reading_key(row.name, row.name_kana))]
    if keys:
        filled = sa.update(account).where(account.c.id == sa.bindparam('of_id')).values(reading_key=sa.bindparam('key'))
        connection.execute(filled, keys)


def downgrade() -> None:
    op.drop_index('ix_account_reading_key', 'account')
    with op.batch_alter_table('account') as batch:
        batch.drop_column('reading_key')
    op.drop_table('live_figures')
    op.drop_index('ix_sent_form_at', table_name='sent_form')
    op.drop_table('sent_form')
    op.drop_index('ix_member_join_member_id', table_name='member_join')
    op.drop_index('ix_member_join_account_id', table_name='member_join')
    op.drop_table('member_join')
