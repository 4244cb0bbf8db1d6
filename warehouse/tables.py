"""The tables of the operational store, as SQLAlchemy Core sees them.

The migrations make them (a test holds both against each other). Every DDL runs on SQLite and PostgreSQL.
Money never lives here; times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as UTC without zone: SQLite has no zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn an aware moment into UTC without zone."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("pull", sa.Integer, nullable=False),  # the landing's pull that it was made from
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
)

run_pointer = sa.Table(
    "run_pointer",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # "current"
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
)

flag_episodes = sa.Table(
    "flag_episodes",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("flag", sa.Text, primary_key=True),
    sa.Column("episode", sa.Text, primary_key=True),  # the day on which it opened
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("last_seen_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("severity", sa.Text),
)

health_overrides = sa.Table(
    "health_overrides",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("created_at", UtcDateTime, primary_key=True),
    sa.Column("band", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

band_alerts = sa.Table(
    "band_alerts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("band", sa.Text, nullable=False),
    sa.Column("score", sa.Integer),
    sa.Column("since", UtcDateTime, nullable=False),
)

push_ledger = sa.Table(
    "push_ledger",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("object_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("property", sa.Text, nullable=False),
    sa.Column("old_value", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("apply_id", sa.Text, nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("object_type", "object_id", "property", "apply_id", name="uq_push_ledger"),
)

push_intents = sa.Table(  # values about to be written; a row stays when no answer was put down
    "push_intents",
    metadata,
    sa.Column("apply_id", sa.Text, primary_key=True),
    sa.Column("object_type", sa.Text, primary_key=True),
    sa.Column("object_id", sa.Text, primary_key=True),
    sa.Column("property", sa.Text, primary_key=True),
    sa.Column("old_value", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("intended_at", UtcDateTime, nullable=False),
)

push_failures = sa.Table(
    "push_failures",
    metadata,
    sa.Column("object_type", sa.Text, primary_key=True),
    sa.Column("object_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
)

task_ledger = sa.Table(
    "task_ledger",
    metadata,
    sa.Column("task_key", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False, index=True),
    sa.Column("company_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("linked_at", UtcDateTime),
    sa.Column("severity", sa.Text),  # of the flag, as far as the task's priority tells it
    sa.Column("status", sa.Text),  # as last written or found: NOT_STARTED, COMPLETED, ..., DELETED
    sa.Column("priority", sa.Text),
    sa.Column("owner_id", sa.Text),
    sa.Column("over", sa.Text),  # the end of the episode that the task was told of
    sa.Column("completed_at", UtcDateTime),
    sa.Column("completed_by", sa.Text),  # saaskpi, person
    sa.Column("modified_at", UtcDateTime),  # in HubSpot, before our last write
)

task_intents = sa.Table(  # tasks about to be created, whose id is not known yet
    "task_intents",
    metadata,
    sa.Column("task_key", sa.Text, primary_key=True),
    sa.Column("company_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("intended_at", UtcDateTime, nullable=False),
)

set_up = sa.Table(
    "crm_properties",
    metadata,
    sa.Column("object_type", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("stripe_customer_id", sa.Text, primary_key=True),
    sa.Column("company_id", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

# The live side

applies = sa.Table(  # every time a plan was written to the CRM; undo works on one of them
    "applies",
    metadata,
    sa.Column("apply_id", sa.Text, primary_key=True),
    sa.Column("plan_hash", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # apply, undo
    sa.Column("undoes", sa.Text),  # the apply that an undo puts back
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
)

drift = sa.Table(  # a value of ours that somebody else changed in the CRM
    "drift",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("apply_id", sa.Text, nullable=False, index=True),
    sa.Column("object_type", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("property", sa.Text, nullable=False),
    sa.Column("ours", sa.Text, nullable=False),  # what we had written
    sa.Column("theirs", sa.Text, nullable=False),  # what was found
    sa.Column("action", sa.Text, nullable=False),  # overwritten, kept
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("apply_id", "object_type", "object_id", "property", name="uq_drift"),
)

inbox = sa.Table(  # events as they came in; processed ones keep only their id after some days
    "inbox",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),  # stripe, hubspot, usage
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary),  # null once it is forgotten
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # new, done, dead
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("processed_at", UtcDateTime),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("source", "event_id", name="uq_inbox"),
    sa.Index("ix_inbox_waiting", "status", "due_at"),
)

job_runs = sa.Table(  # one row per job and slot: whoever inserts it has claimed it
    "job_runs",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("scheduled_for", UtcDateTime, primary_key=True),
    sa.Column("claimed_by", sa.Text, nullable=False),
    sa.Column("claimed_at", UtcDateTime, nullable=False),
    sa.Column("fence", sa.BigInteger),  # of the lease that it ran under
    sa.Column("finished_at", UtcDateTime),
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed, skipped, needs_person
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False),  # rises with each new holder
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

stage_runs = sa.Table(  # the history that people read: each stage of each run, with its counts
    "stage_runs",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("stage", sa.Text, nullable=False),  # pull, enrich, plan, apply, undo, refresh
    sa.Column("caused_by", sa.Text, nullable=False),  # command, webhook, or the job's name
    sa.Column("run_id", sa.Text),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("status", sa.Text, nullable=False),  # running, done, failed, needs_person
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("error", sa.Text),
)

alerts = sa.Table(  # what somebody was told; the same trouble is told once until it is over
    "alerts",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("raised_at", UtcDateTime, nullable=False, index=True),
    sa.Column("over_at", UtcDateTime),
    sa.Column("due_at", UtcDateTime),  # when it is to be told next; null when there is nothing left to tell
    sa.Column("told", sa.JSON, nullable=False),  # which channel was told what, for instance "webhook:over"
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("error", sa.Text),
)
# One open trouble of a kind about one thing, however many processes meet it.
sa.Index(
    "uq_alerts_open",
    alerts.c.kind,
    alerts.c.about,
    unique=True,
    sqlite_where=alerts.c.over_at.is_(None),
    postgresql_where=alerts.c.over_at.is_(None),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
)

audit_log = sa.Table(  # who changed what, here or in the CRM
    "audit_log",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("actor", sa.Text, nullable=False),  # a token's name, a job, or the command line
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)
