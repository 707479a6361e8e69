"""
Notices that were shown

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What a person was shown is a proof: it is stored once, and stays as it is.
TRIGGERS = {
    "sqlite": [
        """
        create trigger notices_no_update before update on notices
        begin select raise(abort, 'notices are immutable'); end
        """,
        """
        create trigger notices_no_delete before delete on notices
        begin select raise(abort, 'notices are immutable'); end
        """,
    ],
    "postgresql": [
        """
        create function notices_guard() returns trigger language plpgsql as $$
        begin
          raise exception 'notices are immutable' using errcode = 'integrity_constraint_violation';
        end $$
        """,
        "create trigger notices_guard before update or delete on notices for each row execute function notices_guard()",
        """
        create trigger notices_no_truncate before truncate on notices
        for each statement execute function notices_guard()
        """,
    ],
}


def upgrade():
    op.create_table(
        "notices",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=3), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_notices")),
    )
    for statement in TRIGGERS[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade():
    op.drop_table("notices")
    if op.get_context().dialect.name == "postgresql":
        op.execute("drop function notices_guard")
