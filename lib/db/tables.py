"""The tables, declared once. Alembic compares the database with these; the statements in this package use them.

Every primary and unique key starts with `user_id`, so that each table can be sharded or hash-partitioned by it.
Every child carries (user_id, session_id) as a composite foreign key: no row can hang on another user's session.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from lib.steps.definitions import PENDING, STATUSES
from lib.steps.fields import (
    BUSINESS_FIELDS,
    DEFAULT_DEPTH,
    DEPTHS,
    RESEARCH_STYLE_FIELDS,
    SAVED_ANALYSIS_FIELDS,
    SAVED_PERSONA_FIELDS,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _user_id() -> Column[str]:
    return Column("user_id", String(255), nullable=False)


def _time(name: str) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _session() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["user_id", "session_id"], ["onboarding_sessions.user_id", "onboarding_sessions.id"], ondelete="CASCADE"
    )


def _session_id() -> Column[int]:
    return Column("session_id", BigInteger, nullable=False)


def _id() -> Column[int]:
    # Not from a sequence, whose numbers tell how much all users do. They are exact in JavaScript.
    return Column("id", BigInteger, nullable=False, server_default=text("onboarding_new_id()"))


def _version() -> Column[int]:
    """How often the row was changed. What was never touched has no row, and version 0."""
    return Column("version", BigInteger, nullable=False, server_default=text("1"))


def _jsonb(names: Iterable[str]) -> list[Column[Any]]:
    return [Column(name, JSONB) for name in names]


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _step_key(name: str, *, nullable: bool) -> Column[str]:
    """The key of a step. No constraint lists the keys: adding a step changes no schema."""
    return Column(name, String(64), nullable=nullable)


onboarding_sessions = Table(
    "onboarding_sessions",
    metadata,
    _id(),
    _user_id(),
    # The furthest step finished since the beginning or the last reset.
    _step_key("furthest_step", nullable=True),
    _time("started_at"),
    _time("updated_at"),
    Column("completed_at", DateTime(timezone=True)),
    _version(),
    PrimaryKeyConstraint("user_id", "id"),
    UniqueConstraint("user_id"),
    CheckConstraint("user_id <> ''", name="user_id"),
)

# `data` is JSON, not JSONB: the payload comes back as it was sent, numbers included. JSONB rewrites 1e300 as 301
# digits, which a reader no longer compares equal and which makes a small body large.
onboarding_steps = Table(
    "onboarding_steps",
    metadata,
    _user_id(),
    _session_id(),
    _step_key("step_key", nullable=False),
    Column("status", String(20), nullable=False, server_default=text(f"'{PENDING}'")),
    Column("data", JSON),
    Column("validation_errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("completed_at", DateTime(timezone=True)),
    Column("draft", JSON),
    Column("draft_saved_at", DateTime(timezone=True)),
    # The seed of the list of statements that made the version: a list that is run again recognises its own work.
    Column("written_by", BigInteger),
    _time("updated_at"),
    _version(),
    PrimaryKeyConstraint("user_id", "step_key"),
    _session(),
    CheckConstraint("step_key <> ''", name="step_key"),
    _one_of("status", STATUSES),
    # Counting the users of each step reads this alone. It begins with the session, so that no request of one user
    # takes it for a way to that user's rows.
    Index(None, "session_id", "step_key", "status"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _user_id(),
    _session_id(),
    Column("provider", String(64), nullable=False),
    Column("encrypted_key", LargeBinary, nullable=False),
    Column("details", JSON),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "provider"),
    _session(),
)

website_analyses = Table(
    "website_analyses",
    metadata,
    _id(),
    _user_id(),
    _session_id(),
    Column("website_url", Text, nullable=False),
    _time("analysis_date"),
    *_jsonb(SAVED_ANALYSIS_FIELDS),
    Column("status", String(50), nullable=False, server_default=text("'completed'")),
    Column("error_message", Text),
    Column("warning_message", Text),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id", "id"),
    _session(),
    # A URL may be longer than a B-tree entry, so the digest is what is unique.
    Index("uq_website_analyses_user_id_website_url", "user_id", text("md5(website_url)"), unique=True),
)

research_preferences = Table(
    "research_preferences",
    metadata,
    _id(),
    _user_id(),
    _session_id(),
    Column("research_depth", String(50), nullable=False, server_default=text(f"'{DEFAULT_DEPTH}'")),
    Column("content_types", JSONB, nullable=False, server_default=text("'[]'")),
    Column("auto_research", Boolean, nullable=False, server_default=text("true")),
    Column("factual_content", Boolean, nullable=False, server_default=text("true")),
    *_jsonb(RESEARCH_STYLE_FIELDS),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id"),
    _session(),
    _one_of("research_depth", DEPTHS),
)

persona_data = Table(
    "persona_data",
    metadata,
    _id(),
    _user_id(),
    _session_id(),
    *_jsonb(SAVED_PERSONA_FIELDS),
    # The AI backend's task that wrote it: its answer is read many times and must not be stored over a later edit.
    Column("generated_by", Text),
    # All of its tasks whose personas were stored, as MD5, the newest first.
    Column("stored_tasks", ARRAY(Text)),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id"),
    _session(),
)

platform_integrations = Table(
    "platform_integrations",
    metadata,
    _user_id(),
    _session_id(),
    Column("connected_platforms", JSONB),
    Column("primary_website", Text),
    Column("email", Text),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id"),
    _session(),
)

business_info = Table(
    "business_info",
    metadata,
    _user_id(),
    _session_id(),
    *(Column(name, Text) for name in BUSINESS_FIELDS),
    Column("additional_fields", JSONB),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("user_id"),
    _session(),
)

# The newest of a user stay (a trigger removes the others); the steps have keys, as everywhere.
onboarding_events = Table(
    "onboarding_events",
    metadata,
    _user_id(),
    _session_id(),
    _id(),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("kind", String(64), nullable=False),
    _step_key("step_key", nullable=True),
    Column("request_id", String(128)),
    Column("detail", JSONB),
    PrimaryKeyConstraint("user_id", "id"),
    _session(),
    Index(None, "user_id", "at", "id"),
)

# Who was erased, as SHA-256 of the user id in hex: a token that outlives its user must not bring the rows back.
erased_users = Table(
    "erased_users",
    metadata,
    Column("user_hash", String(64), nullable=False),
    _time("erased_at"),
    PrimaryKeyConstraint("user_hash"),
)

# Clerk's deliveries that were acted upon, by the user whom they are about, for as long as a replay would be believed.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("user_hash", String(64), nullable=False),
    Column("delivery_id", Text, nullable=False),
    _time("received_at"),
    PrimaryKeyConstraint("user_hash", "delivery_id"),
)
