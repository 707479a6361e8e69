"""
Seals of the ledger, and a nonce of every event

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A seal is made once. What covers an event is written once, too: the root of its day rests on it.
TRIGGERS = {
    "sqlite": [
        f"""
        create trigger {table}_no_{act} before {act} on {table}
        begin select raise(abort, '{table} is append-only'); end
        """
        for table in ("seals", "sealed")
        for act in ("update", "delete")
    ],
    "postgresql": [
        """
        create function seals_guard() returns trigger language plpgsql as $$
        begin raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation'; end $$
        """,
        *(
            f"create trigger {table}_guard before update or delete on {table} "
            "for each row execute function seals_guard()"
            for table in ("seals", "sealed")
        ),
        *(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function seals_guard()"
            for table in ("seals", "sealed")
        ),
    ],
}


def upgrade():
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        # One of its own for each row that is there; no row is updated, so no trigger has a say.
        op.execute("alter table events add column nonce bytea not null default uuid_send(gen_random_uuid())")
    else:
        _add_nonce_on_sqlite()
    op.create_table(
        "seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key", sa.SmallInteger(), nullable=False),
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seals")),
    )
    op.create_table(
        "sealed",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seal", sa.Integer(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "seq", name=op.f("pk_sealed")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sealed_seal", "sealed", ["seal", "leaf_hash"])
    for statement in TRIGGERS[dialect]:
        op.execute(statement)


def _add_nonce_on_sqlite():
    # It adds no column with a default that is not constant. Ours never asks for the default: an append gives a nonce.
    op.execute("alter table events add column nonce blob not null default x''")
    [[guard]] = op.get_bind().execute(sa.text("select sql from sqlite_master where name = 'events_no_update'"))
    op.execute("drop trigger events_no_update")
    op.execute("update events set nonce = randomblob(16)")
    op.execute(guard)


def downgrade():
    op.drop_table("sealed")
    op.drop_table("seals")
    op.drop_column("events", "nonce")
    if op.get_context().dialect.name == "postgresql":
        op.execute("drop function seals_guard")
