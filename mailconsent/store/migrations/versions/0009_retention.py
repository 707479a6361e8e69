"""
Legal holds, certificates of deletion, and how many events of each recipient were removed

Revision: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Whoever waited for the lock of a recipient sees by this number that an event was removed meanwhile.
TRIGGERS = {
    "sqlite": [
        """
        create trigger events_gone after delete on events
        begin update recipients set gone = gone + 1 where id = old.recipient_id; end
        """,
    ],
    "postgresql": [
        """
        create function events_gone() returns trigger language plpgsql as $$
        begin
          update recipients set gone = gone + 1 where id = old.recipient_id;
          return null;
        end $$
        """,
        "create trigger events_gone after delete on events for each row execute function events_gone()",
    ],
}


def upgrade():
    op.add_column("recipients", sa.Column("gone", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "update recipients set gone = last_seq - (select count(*) from events e where e.recipient_id = recipients.id)"
        " where id in (select recipient_id from removed)"
    )
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=True),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_by", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_table(
        "certificates",
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("records", sa.String(length=24), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("policy", sa.LargeBinary(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.Date(), nullable=False),
        sa.Column("newest", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("made_on", "records", "reason", "policy", name=op.f("pk_certificates")),
    )
    op.create_index(
        "ix_inbound_messages_stored_at",
        "inbound_messages",
        ["stored_at"],
        sqlite_where=sa.text("raw is not null"),
        postgresql_where=sa.text("raw is not null"),
    )
    for statement in TRIGGERS[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade():
    if op.get_context().dialect.name == "postgresql":
        op.execute("drop trigger events_gone on events")
        op.execute("drop function events_gone")
    else:
        op.execute("drop trigger events_gone")
    op.drop_index("ix_inbound_messages_stored_at", "inbound_messages")
    op.drop_table("certificates")
    op.drop_table("legal_holds")
    op.drop_column("recipients", "gone")
