"""customers: segments and who is in them, files brought in, fields of the vendor's own, customers merged"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

from portal.accounts.likeness import name_key

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
LISTED = ('tier', 'owner', 'renews_at', 'seats', 'mrr', 'left_at', 'notice_at', 'is_stub', 'search_key')


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
    op.create_table('customer_import',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('file', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.Column('columns', JSON, nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('result', JSON, nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('created_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('accounts', 'members')", name=op.f('ck_customer_import_kind')),
    sa.CheckConstraint("state IN ('mapping', 'checking', 'checked', 'refused', 'running', 'done', 'failed')", name=op.f('ck_customer_import_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_import'))
    )
    op.create_index('ix_customer_import_created_at', 'customer_import', ['created_at'], unique=False)
    op.create_table('import_heading',
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('heading', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('field', sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'heading', name=op.f('pk_import_heading'))
    )
    op.create_table('account_field',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('label', JSON, nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('choices', JSON, nullable=False),
    sa.Column('is_filter', sa.Boolean(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.CheckConstraint("kind IN ('text', 'number', 'day', 'yes_no', 'choice')", name=op.f('ck_account_field_kind')),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_account_field'))
    )
    op.create_table('account_field_value',
    sa.Column('field_key', sa.String(length=64), nullable=False),
    sa.Column('value', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('account_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_field_value_account_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['field_key'], ['account_field.key'], name=op.f('fk_account_field_value_field_key_account_field'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('field_key', 'value', 'account_id', name=op.f('pk_account_field_value'))
    )
    op.create_index('ix_account_field_value_account_id', 'account_field_value', ['account_id'], unique=False)
    op.create_table('account_merge',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('merged_ref', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('merged_name', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=1000), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('undone_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('undone_by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=True),
    sa.Column('undo', JSON, nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_account_merge_account_id_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_merge'))
    )
    op.create_index('ix_account_merge_account_id', 'account_merge', ['account_id'], unique=False)
    op.create_index('ix_account_merge_merged_ref', 'account_merge', ['merged_ref'], unique=False)
    op.create_table('account_apart',
    sa.Column('low_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('high_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['high_id'], ['account.id'], name=op.f('fk_account_apart_high_id_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['low_id'], ['account.id'], name=op.f('fk_account_apart_low_id_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('low_id', 'high_id', name=op.f('pk_account_apart'))
    )
    op.add_column('account', sa.Column('name_key', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False, server_default=''))
    fill_name_keys()
    op.create_index('ix_account_name_key', 'account', ['name_key'], unique=False)
    for column in LISTED:
        op.create_index(f'ix_account_{column}', 'account', [column], unique=False)
    op.drop_index('ix_member_email_key', 'member')
    op.create_index('ix_member_email_key', 'member', ['email_key', 'account_id'], unique=False)


def fill_name_keys() -> None:
    """The rule may change later, and then whoever changes it fills the column anew; here it is as it is now."""
    account = sa.table('account', sa.column('id', sa.Integer), sa.column('name', sa.String), sa.column('name_key', sa.String))
    connection = op.get_bind()
    rows = connection.execute(sa.select(account.c.id, account.c.name)).all()
    if rows:
        filled = sa.update(account).where(account.c.id == sa.bindparam('of_id')).values(name_key=sa.bindparam('key'))
        connection.execute(filled, [{'of_id': row.id, 'key': name_key(row.name)} for row in rows])


def downgrade() -> None:
    op.drop_index('ix_member_email_key', 'member')
    op.create_index('ix_member_email_key', 'member', ['email_key'], unique=False)
    for column in LISTED:
        op.drop_index(f'ix_account_{column}', 'account')
    op.drop_index('ix_account_name_key', 'account')
    with op.batch_alter_table('account') as batch:
        batch.drop_column('name_key')
    op.drop_table('account_apart')
    op.drop_index('ix_account_merge_merged_ref', 'account_merge')
    op.drop_index('ix_account_merge_account_id', 'account_merge')
    op.drop_table('account_merge')
    op.drop_index('ix_account_field_value_account_id', 'account_field_value')
    op.drop_table('account_field_value')
    op.drop_table('account_field')
    op.drop_table('import_heading')
    op.drop_index('ix_customer_import_created_at', 'customer_import')
    op.drop_table('customer_import')
    op.drop_index('ix_segment_account_account_id', 'segment_account')
    op.drop_table('segment_account')
    op.drop_table('segment')
