"""The usual way: FastAPI, pydantic models, a SQLAlchemy ORM session a request, PyJWT, on this project's own tables.

Written as the libraries' documentation shows it, with a pool, `pool_pre_ping`, row-level security in force, no debug
mode, and the same work as the project's own endpoints: a verified token, masked keys, an upsert of three rows.
"""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    LargeBinary,
    String,
    Text,
    create_engine,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, defer, mapped_column, sessionmaker

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
url = os.environ.get("DATABASE_URL", "postgresql://localhost/none").replace("postgresql://", "postgresql+psycopg://")
engine = create_engine(url, pool_size=5, max_overflow=0, pool_pre_ping=True, connect_args={"prepare_threshold": None})
sessions = sessionmaker(engine, expire_on_commit=False)

STYLE = (
    "writing_style",
    "content_characteristics",
    "target_audience",
    "content_type",
    "recommended_settings",
    "brand_analysis",
    "content_strategy_insights",
)
STEPS = ("api_keys", "website", "research", "persona", "integrations", "finish")
SHOWN_AT_FIRST = ("research", "persona", "integrations")
DONE = ("completed", "skipped")


class Base(DeclarativeBase):
    """Base of the models."""


class OnboardingSession(Base):
    """A user's session."""

    __tablename__ = "onboarding_sessions"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    furthest_step: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OnboardingStep(Base):
    """One step of it."""

    __tablename__ = "onboarding_steps"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    step_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(20))
    data: Mapped[Any] = mapped_column(JSON)
    validation_errors: Mapped[Any] = mapped_column(JSONB)
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ApiKey(Base):
    """A provider's key."""

    __tablename__ = "api_keys"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    provider: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[int] = mapped_column(BigInteger)
    encrypted_key: Mapped[bytes] = mapped_column(LargeBinary)


class WebsiteAnalysis(Base):
    """An analysed website."""

    __tablename__ = "website_analyses"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    session_id: Mapped[int] = mapped_column(BigInteger)
    website_url: Mapped[str] = mapped_column(Text)
    analysis_date: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    writing_style: Mapped[Any] = mapped_column(JSONB)
    content_characteristics: Mapped[Any] = mapped_column(JSONB)
    target_audience: Mapped[Any] = mapped_column(JSONB)
    content_type: Mapped[Any] = mapped_column(JSONB)
    recommended_settings: Mapped[Any] = mapped_column(JSONB)
    brand_analysis: Mapped[Any] = mapped_column(JSONB)
    content_strategy_insights: Mapped[Any] = mapped_column(JSONB)
    crawl_result: Mapped[Any] = mapped_column(JSONB, deferred=True)
    style_patterns: Mapped[Any] = mapped_column(JSONB)
    style_guidelines: Mapped[Any] = mapped_column(JSONB)


class ResearchPreferences(Base):
    """Step 3's row."""

    __tablename__ = "research_preferences"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    research_depth: Mapped[str] = mapped_column(String(50))
    content_types: Mapped[Any] = mapped_column(JSONB)
    auto_research: Mapped[bool]
    factual_content: Mapped[bool]
    writing_style: Mapped[Any] = mapped_column(JSONB)


class PersonaData(Base):
    """Step 4's row."""

    __tablename__ = "persona_data"
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    core_persona: Mapped[Any] = mapped_column(JSONB)
    platform_personas: Mapped[Any] = mapped_column(JSONB)
    quality_metrics: Mapped[Any] = mapped_column(JSONB)
    selected_platforms: Mapped[Any] = mapped_column(JSONB)


class Website(BaseModel):
    """Step 2's data."""

    model_config = ConfigDict(extra="allow")
    website: str
    analysis: dict[str, Any]


class Submission(BaseModel):
    """The body of a step's completion."""

    data: Website
    validation_errors: list[Any] = []


class KeySubmission(BaseModel):
    """The body of a key to be saved."""

    provider: str
    api_key: str


@cache
def public_key() -> Any:
    """Clerk's key, loaded once."""
    return load_pem_public_key(os.environ["CLERK_JWT_KEY"].encode())


@cache
def cipher() -> AESGCM:
    """What the stored keys are encrypted with."""
    return AESGCM(_encryption_key())


@cache
def fingerprint() -> bytes:
    """Which encryption key made a ciphertext."""
    return sha256(_encryption_key()).digest()[:4]


def _encryption_key() -> bytes:
    return base64.urlsafe_b64decode(os.environ["API_KEY_ENCRYPTION_KEYS"])


def current_user(authorization: Annotated[str, Header()]) -> str:
    """Whom the token speaks for."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), public_key(), algorithms=["RS256"], leeway=5)
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


@contextmanager
def database(user: str) -> Iterator[Session]:
    """A session in one transaction, in the user's scope.

    Not a dependency: FastAPI runs those in a thread of their own, and 40 threads that wait for 5 connections leave none
    to the requests that hold them.
    """
    with sessions.begin() as session:
        scope = "SELECT set_config('role', 'onboarding_app', true), set_config('app.user_id', :user, true)"
        session.execute(text(scope), {"user": user})
        yield session


User = Annotated[str, Depends(current_user)]


@app.get("/api/onboarding/summary")
def summary(user: User) -> dict[str, Any]:
    """Everything that was stored."""
    with database(user) as session:
        return _summary(user, session)


def _summary(user: str, session: Session) -> dict[str, Any]:
    keys = session.scalars(select(ApiKey).where(ApiKey.user_id == user)).all()
    newest = select(WebsiteAnalysis).where(WebsiteAnalysis.user_id == user)
    analysis = session.scalars(newest.order_by(WebsiteAnalysis.analysis_date.desc()).limit(1)).first()
    preferences = session.get(ResearchPreferences, user)
    persona = session.get(PersonaData, user)
    research, integrations = (session.get(OnboardingStep, (user, key)) for key in ("research", "integrations"))
    return {
        "api_keys": {key.provider: _masked(_decrypted(user, key)) for key in keys},
        "website_url": analysis and analysis.website_url,
        "style_analysis": analysis and {name: getattr(analysis, name) for name in STYLE},
        "research_preferences": preferences
        and {**(research.data if research else {}), "research_depth": preferences.research_depth},
        "persona": persona and {"corePersona": persona.core_persona, "platformPersonas": persona.platform_personas},
        "integrations": integrations.data if integrations else {},
    }


@app.post("/api/onboarding/step/2/complete")
def complete(body: Submission, user: User) -> dict[str, Any]:
    """Keep the analysis and mark the step."""
    with database(user) as session:
        return _complete(body, user, session)


@app.get("/api/onboarding/init")
def init(user: User) -> dict[str, Any]:
    """Where the user stands, with what the steps stored but for the analysis and the keys."""
    with database(user) as session:
        return _init(user, session)


def _init(user: str, session: Session) -> dict[str, Any]:
    owner = session.scalars(select(OnboardingSession).where(OnboardingSession.user_id == user)).first()
    light = defer(OnboardingStep.data), defer(OnboardingStep.validation_errors)
    of_user = select(OnboardingStep).where(OnboardingStep.user_id == user).options(*light)
    steps = {step.step_key: step for step in session.scalars(of_user)}
    payloads = select(OnboardingStep.step_key, OnboardingStep.data).where(
        OnboardingStep.user_id == user, OnboardingStep.step_key.in_(SHOWN_AT_FIRST)
    )
    data = {row.step_key: row.data for row in session.execute(payloads)}
    has_key = bool(session.scalar(select(exists().where(ApiKey.user_id == user))))
    has_persona = bool(session.scalar(select(exists().where(PersonaData.user_id == user))))
    return {
        "user": {"id": user},
        "onboarding": {
            "is_completed": bool(owner and owner.completed_at),
            "started_at": owner and owner.started_at,
            "last_updated": owner and owner.updated_at,
            "current_step": owner and owner.furthest_step,
            "completion_percentage": sum(step.status in DONE for step in steps.values()) / 6 * 100,
            "steps": [
                {
                    "step_key": key,
                    "status": steps[key].status if key in steps else "pending",
                    "completed_at": steps[key].completed_at if key in steps else None,
                    "data": data.get(key),
                }
                for key in STEPS
            ],
            "requirements": {"has_key": has_key, "has_persona": has_persona},
        },
    }


@app.post("/api/onboarding/api-keys")
def save_key(body: KeySubmission, user: User) -> dict[str, Any]:
    """Store one key, encrypted, and finish step 1."""
    with database(user) as session:
        owner = _owner(user, session)
        key = session.get(ApiKey, (user, body.provider))
        if key is None:
            key = ApiKey(user_id=user, provider=body.provider, session_id=owner.id)
            session.add(key)
        key.encrypted_key = _encrypted(user, body)
        step = session.get(OnboardingStep, (user, "api_keys"))
        if step is None:
            step = OnboardingStep(user_id=user, step_key="api_keys", session_id=owner.id, validation_errors=[])
            session.add(step)
        if step.status not in DONE:
            step.status, step.completed_at = "completed", datetime.now(UTC)
        owner.furthest_step = owner.furthest_step or "api_keys"
        owner.updated_at = datetime.now(UTC)
    return {"message": f"API key for {body.provider} saved.", "provider": body.provider, "status": "saved"}


def _owner(user: str, session: Session) -> OnboardingSession:
    owner = session.scalars(select(OnboardingSession).where(OnboardingSession.user_id == user)).first()
    if owner is None:
        owner = OnboardingSession(user_id=user)
        session.add(owner)
        session.flush()
    return owner


def _complete(body: Submission, user: str, session: Session) -> dict[str, Any]:
    owner = _owner(user, session)
    data = body.data.model_dump()
    same = select(WebsiteAnalysis).where(
        WebsiteAnalysis.user_id == user, func.md5(WebsiteAnalysis.website_url) == func.md5(body.data.website)
    )
    analysis = session.scalars(same).first()
    if analysis is None:
        analysis = WebsiteAnalysis(user_id=user, session_id=owner.id, website_url=body.data.website)
        session.add(analysis)
    for name in (*STYLE, "crawl_result", "style_patterns", "style_guidelines"):
        setattr(analysis, name, body.data.analysis.get(name))
    analysis.analysis_date = datetime.now(UTC)
    step = session.get(OnboardingStep, (user, "website"))
    if step is None:
        step = OnboardingStep(user_id=user, step_key="website", session_id=owner.id)
        session.add(step)
    step.status, step.data, step.validation_errors = "completed", data, body.validation_errors
    step.completed_at = datetime.now(UTC)
    session.flush()
    done = select(func.count()).where(OnboardingStep.user_id == user, OnboardingStep.status.in_(DONE))
    if owner.furthest_step in (None, "api_keys"):
        owner.furthest_step = "website"
    percentage = (session.scalar(done) or 0) / 6 * 100
    return {"step_number": 2, "data": data, "current_step": 3, "completion_percentage": percentage}


def _encrypted(user: str, body: KeySubmission) -> bytes:
    binding, nonce = _binding(user, body.provider), os.urandom(12)
    return b"\x01" + fingerprint() + nonce + cipher().encrypt(nonce, body.api_key.encode(), binding)


def _decrypted(user: str, key: ApiKey) -> str:
    return cipher().decrypt(key.encrypted_key[5:17], key.encrypted_key[17:], _binding(user, key.provider)).decode()


def _binding(user: str, provider: str) -> bytes:
    return f"onboarding.api_keys\0{user}\0{provider}".encode()


def _masked(key: str) -> str:
    return "…" if len(key) < 12 else f"{key[:4]}…{key[-4:]}"
