"""
Imports: batches of rows, and an index of the events that they made

Revision: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NOT_REVERTED = sa.text("revert_started_at is null")
IMPORTED = sa.text("channel = 'import'")


def upgrade():
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("file", sa.LargeBinary(length=32), nullable=False),
        sa.Column("identity", sa.LargeBinary(length=32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revert_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reverted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index(
        "ix_imports_identity",
        "imports",
        ["identity"],
        unique=True,
        sqlite_where=NOT_REVERTED,
        postgresql_where=NOT_REVERTED,
    )
    op.create_index("ix_events_imported", "events", ["source"], sqlite_where=IMPORTED, postgresql_where=IMPORTED)


def downgrade():
    op.drop_index("ix_events_imported", "events")
    op.drop_table("imports")
