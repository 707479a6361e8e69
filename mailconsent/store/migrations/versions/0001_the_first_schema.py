"""
The first schema

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The ledger is append-only: an event is never changed, and goes only after its removal was written down. The row of a
# recipient knows the highest number that an event of theirs ever had.
TRIGGERS = {
    "sqlite": [
        """
        create trigger events_no_update before update on events
        begin select raise(abort, 'events are append-only'); end
        """,
        """
        create trigger events_no_delete before delete on events
        when not exists (select 1 from removed r where r.recipient_id = old.recipient_id and r.seq = old.seq)
        begin select raise(abort, 'events are append-only'); end
        """,
        """
        create trigger events_count after insert on events
        begin update recipients set last_seq = max(last_seq, new.seq) where id = new.recipient_id; end
        """,
    ],
    "postgresql": [
        """
        create function events_guard() returns trigger language plpgsql as $$
        begin
          if tg_op = 'DELETE' and exists (
            select 1 from removed r where r.recipient_id = old.recipient_id and r.seq = old.seq
          ) then
            return old;
          end if;
          raise exception 'events are append-only' using errcode = 'integrity_constraint_violation';
        end $$
        """,
        "create trigger events_guard before update or delete on events for each row execute function events_guard()",
        """
        create function events_count() returns trigger language plpgsql as $$
        begin
          update recipients set last_seq = greatest(last_seq, new.seq) where id = new.recipient_id;
          return null;
        end $$
        """,
        "create trigger events_count after insert on events for each row execute function events_count()",
        """
        create trigger events_no_truncate before truncate on events
        for each statement execute function events_guard()
        """,
    ],
}


def upgrade():
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("oldest_digest_generation", sa.SmallInteger(), nullable=False),
        sa.Column("digest_generation", sa.SmallInteger(), nullable=False),
        sa.Column("signing_generation", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "keys",
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("check_value", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "number", name=op.f("pk_keys")),
    )
    op.create_table(
        "mailboxes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_holder", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailboxes")),
        sa.UniqueConstraint("name", name=op.f("uq_mailboxes_name")),
    )
    op.create_table(
        "recipients",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column("last_seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tagless_digest", sa.LargeBinary(length=16), nullable=True),
        sa.Column("domain_digest", sa.LargeBinary(length=16), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
        sa.UniqueConstraint("digest", name=op.f("uq_recipients_digest")),
    )
    op.create_index(op.f("ix_recipients_domain_digest"), "recipients", ["domain_digest"], unique=False)
    op.create_index(op.f("ix_recipients_tagless_digest"), "recipients", ["tagless_digest"], unique=False)

    op.create_table(
        "removed",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "seq", name=op.f("pk_removed")),
    )
    op.create_table(
        "standings",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("topic", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Integer(), nullable=True),
        sa.Column("denial", sa.String(length=24), nullable=True),
        sa.Column("denial_event", sa.Integer(), nullable=True),
        sa.Column("consent", sa.Integer(), nullable=True),
        sa.Column("grade", sa.String(length=1), nullable=True),
        sa.PrimaryKeyConstraint("digest", "topic", name=op.f("pk_standings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "topics",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_topics")),
    )
    op.create_table(
        "events",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("topic", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("grade", sa.String(length=1), nullable=True),
        sa.Column("ends", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_events_recipients")),
        sa.PrimaryKeyConstraint("recipient_id", "seq", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("api_key_id", sa.String(length=16), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_idempotency_api_keys")),
        sa.PrimaryKeyConstraint("api_key_id", "key_digest", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_answered_at"), "idempotency", ["answered_at"], unique=False)

    op.create_table(
        "inbound_messages",
        sa.Column("mailbox_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("raw_digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(length=16), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("copy", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("detector", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailboxes.id"], name=op.f("fk_inbound_messages_mailboxes")),
        sa.PrimaryKeyConstraint("mailbox_id", "uidvalidity", "uid", name=op.f("pk_inbound_messages")),
    )
    for columns, which in (
        (["content_digest"], "content_digest is not null"),
        (["raw_digest"], "content_digest is not null"),
        (["state", "stored_at"], "state <> 'done'"),
    ):
        where = sa.text(which)
        name = f"ix_inbound_messages_{columns[0]}"
        op.create_index(name, "inbound_messages", columns, sqlite_where=where, postgresql_where=where)

    op.create_table(
        "evidence",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id", "seq"], ["events.recipient_id", "events.seq"], name="fk_evidence_events"
        ),
        sa.PrimaryKeyConstraint("recipient_id", "seq", name=op.f("pk_evidence")),
        sqlite_with_rowid=False,
    )
    for statement in TRIGGERS[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade():
    op.drop_table("evidence")
    op.drop_table("inbound_messages")
    op.drop_table("idempotency")
    op.drop_table("events")
    op.drop_table("topics")
    op.drop_table("standings")
    op.drop_table("removed")
    op.drop_table("recipients")
    op.drop_table("mailboxes")
    op.drop_table("keys")
    op.drop_table("installation")
    op.drop_table("api_keys")
    if op.get_context().dialect.name == "postgresql":
        op.execute("drop function events_guard")
        op.execute("drop function events_count")
