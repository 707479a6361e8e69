"""
Sales: what soft opt-in asks of a recipient's events

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "sales",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sales")),
        sqlite_with_rowid=False,
    )
    op.add_column("standings", sa.Column("given_anew", sa.Integer(), nullable=True))


def downgrade():
    op.drop_column("standings", "given_anew")
    op.drop_table("sales")
