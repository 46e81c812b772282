"""care: translations said to be up to date, and documents looked at again"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0016'
down_revision = '0014'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table('translation_mark',
    sa.Column('id', BIG, nullable=False),
    sa.Column('document_id', sa.String(length=64), nullable=False),
    sa.Column('locale', sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
    sa.Column('revision_id', BIG, nullable=False),
    sa.Column('original_id', BIG, nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("locale IN ('ja', 'en')", name=op.f('ck_translation_mark_locale')),
    sa.ForeignKeyConstraint(['document_id'], ['document.id'], name=op.f('fk_translation_mark_document_id_document'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['revision_id'], ['document_revision.id'], name=op.f('fk_translation_mark_revision_id_document_revision')),
    sa.ForeignKeyConstraint(['original_id'], ['document_revision.id'], name=op.f('fk_translation_mark_original_id_document_revision')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_translation_mark_staff_id_staff')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_translation_mark'))
    )
    op.create_index('ix_translation_mark_document_id', 'translation_mark', ['document_id', 'locale'], unique=False)
    op.create_table('review_mark',
    sa.Column('id', BIG, nullable=False),
    sa.Column('document_id', sa.String(length=64), nullable=False),
    sa.Column('locale', sqlmodel.sql.sqltypes.AutoString(length=2), nullable=False),
    sa.Column('due', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('by', sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("locale IN ('ja', 'en')", name=op.f('ck_review_mark_locale')),
    sa.ForeignKeyConstraint(['document_id'], ['document.id'], name=op.f('fk_review_mark_document_id_document'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_review_mark_staff_id_staff')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_review_mark'))
    )
    op.create_index('ix_review_mark_document_id', 'review_mark', ['document_id', 'locale'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_review_mark_document_id', 'review_mark')
    op.drop_table('review_mark')
    op.drop_index('ix_translation_mark_document_id', 'translation_mark')
    op.drop_table('translation_mark')
