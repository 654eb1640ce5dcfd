"""Bad tokens: each is a 401, and none makes a network call. Good ones of both versions pass."""

from __future__ import annotations

import base64
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dev.harness.client import Response
from dev.harness.every_call import NO_SUCH_STEP
from dev.harness.in_process import InProcess
from dev.harness.routes import all_routes
from dev.settings import ISSUER, ORIGIN, ROOT, SigningKey, session_claims
from lib import bootstrap
from tests.support.jwks import jwk

SIGNED_IN = NO_SUCH_STEP  # a 404 for whoever has a good token, without a database
PASSED = 404
USER = "user_2token"

_watched: list[str] | None = None


def _audit(event: str, _arguments: object) -> None:
    if _watched is not None and event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        _watched.append(event)


sys.addaudithook(_audit)


@contextmanager
def network_watched() -> Iterator[list[str]]:
    """Every network call that this process makes meanwhile; also those that fail or are caught."""
    global _watched  # noqa: PLW0603 - an audit hook cannot be removed again
    calls: list[str] = []
    _watched = calls
    try:
        yield calls
    finally:
        _watched = None


@pytest.fixture
def strict(bare: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Functions that expect an issuer and one of two parties."""
    monkeypatch.setenv("CLERK_ISSUER", ISSUER)
    monkeypatch.setenv("CLERK_AUTHORIZED_PARTIES", f"{ORIGIN}, https://alwrity-git-*.vercel.app")
    bootstrap.reset()
    return bare


def ask(client: InProcess, authorization: str | None) -> Response:
    return client.get(SIGNED_IN, headers={} if authorization is None else {"Authorization": authorization})


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_parts(key: SigningKey, header: str, payload: str) -> str:
    """A right signature over any two texts."""
    private = serialization.load_pem_private_key(key.private_pem.encode(), password=None)
    algorithm = jwt.get_algorithm_by_name("RS256")
    return f"{header}.{payload}.{encoded(algorithm.sign(f'{header}.{payload}'.encode(), private))}"


type Make = Callable[[SigningKey], str | None]


def claims(**changes: Any) -> Make:
    """A token that Clerk signed, with other claims; None leaves one out."""

    def make(key: SigningKey) -> str:
        # Made when it is used: a token made at collection has expired before a slow machine comes to its test.
        merged = {**session_claims(USER, lifetime=60), **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        return f"Bearer {signed_parts(key, encoded({'alg': 'RS256', 'typ': 'JWT'}), encoded(kept))}"

    return make


def header(**changes: Any) -> Make:
    """A token that Clerk's key signed, with another header."""
    fields = {"alg": "RS256", "typ": "JWT", "kid": "ins_dev", **changes}
    return lambda key: f"Bearer {signed_parts(key, encoded(fields), encoded(session_claims(USER, lifetime=60)))}"


def payload(raw: bytes) -> Make:
    """A right signature over something that is no claims."""
    return lambda key: f"Bearer {signed_parts(key, encoded({'alg': 'RS256', 'kid': 'ins_dev'}), encoded(raw))}"


def plain(value: str | None) -> Make:
    return lambda _key: value


def altered(change: Callable[[str, str, str], str]) -> Make:
    """A good token, decoded and put together differently."""
    return lambda key: f"Bearer {change(*key.sign(session_claims(USER, lifetime=60)).split('.'))}"


def _hmac_with_public_pem(key: SigningKey) -> str:
    signing_input = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(session_claims(USER, lifetime=60))}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    return f"Bearer {signing_input}.{encoded(algorithm.sign(signing_input.encode(), key.public_pem.encode()))}"


def _es256(_key: SigningKey) -> str:
    private = ec.generate_private_key(ec.SECP256R1())
    return f"Bearer {jwt.encode(session_claims(USER, lifetime=60), private, algorithm='ES256')}"


def _other_rsa_key(_key: SigningKey) -> str:
    return f"Bearer {SigningKey.generate().sign(session_claims(USER, lifetime=60))}"


def _own_key_in_header(_key: SigningKey) -> str:
    mine = SigningKey.generate()
    headers = {"kid": "ins_dev", "jwk": jwk(mine, "ins_dev")}
    return f"Bearer {mine.sign(session_claims(USER, lifetime=60), headers=headers)}"


def _elsewhere(name: str, value: object) -> Make:
    return lambda _key: (
        "Bearer "
        + SigningKey.generate().sign(session_claims(USER, lifetime=60), headers={"kid": "ins_dev", name: value})
    )


def good(key: SigningKey) -> str:
    return key.sign(session_claims(USER, lifetime=60))


NOW = int(time.time())
LATER = NOW + 86_400  # tokens are made when tests are collected, and used whenever a worker comes to them

BAD: dict[str, Make] = {
    # What is no bearer token at all.
    "no header": plain(None),
    "empty header": plain(""),
    "scheme alone": plain("Bearer"),
    "scheme and spaces": plain("Bearer    "),
    "another scheme": lambda key: f"Basic {good(key)}",
    "no scheme": good,
    "scheme glued on": lambda key: f"Bearer{good(key)}",
    "another separator": lambda key: f"Bearer:{good(key)}",
    "two tokens": lambda key: f"Bearer {good(key)} {good(key)}",
    "two headers joined": lambda key: f"Bearer {good(key)}, Bearer {good(key)}",
    "three dots": plain("Bearer ..."),
    "two dots": plain("Bearer .."),
    "one part": plain("Bearer abc"),
    "not base64": plain("Bearer \xe4.\xf6.\xfc"),
    "JSON": plain('Bearer {"sub": "user_2token"}'),
    "null": plain("Bearer null"),
    "undefined": plain("Bearer undefined"),
    "a user id": plain(f"Bearer {USER}"),
    "signed, but longer than a header may be": claims(padding="x" * 20_000),
    "a megabyte": lambda key: f"Bearer {good(key)}{'A' * 1024 * 1024}",
    "a megabyte of dots": plain("Bearer " + "." * 1024 * 1024),
    # Tokens with changed parts.
    "no signature": altered(lambda head, body, _: f"{head}.{body}."),
    "two parts": altered(lambda head, body, _: f"{head}.{body}"),
    "four parts": altered(lambda head, body, tail: f"{head}.{body}.{tail}.{tail}"),
    "encrypted form": altered(lambda head, body, tail: f"{head}.{body}.{tail}.{body}.{tail}"),
    "signature cut": altered(lambda head, body, tail: f"{head}.{body}.{tail[:-8]}"),
    "signature of another": altered(lambda head, body, tail: f"{head}.{body}.{tail[::-1]}"),
    "claims exchanged": altered(
        lambda head, _, tail: f"{head}.{encoded(session_claims('user_2victim', lifetime=60))}.{tail}"
    ),
    "claims are a list": payload(b"[]"),
    "claims are a text": payload(b'"user_2token"'),
    "claims are no JSON": payload(b"{"),
    "claims are no UTF-8": payload(b'{"sub": "\xff"}'),
    "claims are very deep": payload(b'{"sub":' + b"[" * 5_000),
    # Algorithms and keys.
    "alg none": lambda _key: f"Bearer {encoded({'alg': 'none'})}.{encoded(session_claims(USER, lifetime=60))}.",
    "alg None, right signature": header(alg="None"),
    "alg missing": header(alg=None),
    "alg RS512 over an RS256 signature": header(alg="RS512"),
    "alg in lower case": header(alg="rs256"),
    "alg is a list": header(alg=["RS256"]),
    "HS256 with the public PEM": _hmac_with_public_pem,
    "another RSA key": _other_rsa_key,
    "ES256": _es256,
    "its own key in the header": _own_key_in_header,
    "jku elsewhere": _elsewhere("jku", "http://127.0.0.1:9/jwks"),
    "x5u elsewhere": _elsewhere("x5u", "http://127.0.0.1:9/cert"),
    "kid is a URL": _elsewhere("kid", "http://127.0.0.1:9/jwks"),
    "kid is a path": _elsewhere("kid", "../../../../dev/null"),
    "kid is SQL": _elsewhere("kid", "x' UNION SELECT 'key"),
    "kid is a number": header(kid=7),
    "a critical extension": header(crit=["exp"], exp=LATER),
    "an unencoded payload": header(b64=False, crit=["b64"]),
    # Time.
    "expired": claims(exp=NOW - 60),
    "expired beyond the leeway": claims(exp=NOW - 6),
    "exp missing": claims(exp=None),
    "exp is a text": claims(exp=str(LATER)),
    "exp is no number": claims(exp="tomorrow"),
    "exp is a list": claims(exp=[LATER]),
    "exp is true": claims(exp=True),
    "exp is infinite": claims(exp=float("inf")),
    "exp is NaN": claims(exp=float("nan")),
    "exp is negative": claims(exp=-1),
    "not yet valid": claims(nbf=LATER),
    "nbf is a text": claims(nbf="now"),
    "issued in the future": claims(iat=LATER),
    # Who.
    "sub missing": claims(sub=None),
    "sub empty": claims(sub=""),
    "sub is a number": claims(sub=7),
    "sub is true": claims(sub=True),
    "sub is a list": claims(sub=[USER]),
    "sub is an object": claims(sub={"id": USER}),
    "sub of 256 characters": claims(sub="u" * 256),
    "sub with a NUL": claims(sub="user_\0"),
    "sub with a newline": claims(sub="user_2token\nadmin"),
    "sub with half a surrogate pair": claims(sub="user_\ud800"),
    # From where.
    "wrong iss": claims(iss="https://clerk.example.org"),
    "iss with a slash": claims(iss=f"{ISSUER}/"),
    "iss missing": claims(iss=None),
    "iss is a list": claims(iss=[ISSUER]),
    "wrong azp": claims(azp="https://evil.example.com"),
    "azp missing": claims(azp=None),
    "azp empty": claims(azp=""),
    "azp is a list": claims(azp=[ORIGIN]),
    "azp with something behind": claims(azp=f"{ORIGIN}.evil.example"),
    "azp with a label more": claims(azp="https://alwrity-git-a.evil.vercel.app"),
    "azp with a newline": claims(azp=f"{ORIGIN}\n"),
    # For whom.
    "another service's aud": claims(aud="https://other.example.com"),
    "another service's aud in a list": claims(aud=["https://other.example.com"]),
    "aud for nobody": claims(aud=[]),
    "aud is empty": claims(aud=""),
    "aud is a number": claims(aud=7),
    "aud is an object": claims(aud={"alwrity": True}),
    # What is no session.
    "sid missing": claims(sid=None),
    "sid empty": claims(sid=""),
    "sid is a number": claims(sid=7),
    "a pending session": claims(sts="pending"),
    "an API key": plain("Bearer ak_2d8f0b1c9e7a4f6d5b3c2a1e0f9d8c7b"),
    "an opaque OAuth token": plain("Bearer oat_2d8f0b1c9e7a4f6d5b3c2a1e0f9d8c7b"),
    "an opaque M2M token": plain("Bearer mt_2d8f0b1c9e7a4f6d5b3c2a1e0f9d8c7b"),
    "a JWT OAuth token": header(typ="at+jwt"),
    "a JWT OAuth token, long form": header(typ="application/at+jwt"),
    "a JWT M2M token": claims(sub="mch_2d8f0b1c9e7a"),
    "typ of something else": header(typ="logout+jwt"),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_bad_token_is_a_401_without_a_network_call(strict: InProcess, signing_key: SigningKey, make: Make) -> None:
    """A problem that asks for a bearer token and says nothing of what was wrong inside."""
    authorization = make(signing_key)
    with network_watched() as calls:
        response = ask(strict, authorization)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert not [
        word for word in ("Traceback", "Error", "sub", "exp", "iss", "azp") if word in response.json()["detail"]
    ]
    assert calls == []


V1 = {"azp": ORIGIN, "exp": LATER, "iat": NOW, "iss": ISSUER, "nbf": NOW, "sid": "sess_1", "sub": USER}
V2 = {**V1, "v": 2, "fva": [0, -1], "sts": "active", "jti": "1", "o": {"id": "org_1", "rol": "admin", "slg": "acme"}}

GOOD: dict[str, Make] = {
    "version 1": lambda key: f"Bearer {key.sign({**V1, 'exp': int(time.time()) + 60})}",
    "version 2": lambda key: f"Bearer {key.sign({**V2, 'exp': int(time.time()) + 60})}",
    "scheme in lower case": lambda key: f"bearer {good(key)}",
    "two spaces": lambda key: f"Bearer  {good(key)}",
    "no typ": lambda key: f"Bearer {signed_parts(key, encoded({'alg': 'RS256'}), encoded(session_claims(USER)))}",
    "expired within the leeway": lambda key: f"Bearer {key.sign({**V1, 'exp': int(time.time()) - 1})}",
    "a sub of 255 characters": claims(sub="u" * 255),
    "a preview's azp": claims(azp="https://alwrity-git-fix-1.vercel.app"),
    "a claim more": claims(metadata={"plan": "pro"}),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_good_token_passes_without_a_network_call(strict: InProcess, signing_key: SigningKey, make: Make) -> None:
    """Both versions of Clerk's session tokens."""
    with network_watched() as calls:
        assert ask(strict, make(signing_key)).status == PASSED
    assert calls == []


@pytest.mark.parametrize("audience", ["alwrity", ["https://other.example.com", "alwrity"]], ids=str)
def test_a_jwt_template_of_our_own_passes_once_it_is_listed(
    strict: InProcess, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch, audience: object
) -> None:
    """Such tokens have an `aud` and no `sid`. Session tokens go on to pass, and other services' tokens do not."""
    ours, theirs = (claims(aud=named, sid=None)(signing_key) for named in (audience, "alwrity2"))
    assert ask(strict, ours).status == 401
    monkeypatch.setenv("CLERK_AUDIENCE", "https://api.example.com, alwrity")
    bootstrap.reset()
    assert ask(strict, ours).status == PASSED
    assert ask(strict, claims()(signing_key)).status == PASSED
    assert (ask(strict, theirs).status, ask(strict, claims(sid=None)(signing_key)).status) == (401, 401)


PEM_FORMS: Mapping[str, Callable[[str], str]] = {
    "real newlines": lambda pem: pem,
    r"\n as two characters": lambda pem: pem.replace("\n", "\\n"),
    "no newlines": lambda pem: pem.replace("\n", ""),
    "spaces": lambda pem: pem.replace("\n", " "),
    "CRLF and quotes": lambda pem: '"' + pem.replace("\n", "\r\n") + '"',
}


@pytest.mark.parametrize("form", PEM_FORMS.values(), ids=PEM_FORMS)
def test_the_pem_in_any_form(
    bare: InProcess, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch, form: Callable[[str], str]
) -> None:
    """However it was pasted into the dashboard; and it still tells keys apart."""
    monkeypatch.setenv("CLERK_JWT_KEY", form(signing_key.public_pem))
    bootstrap.reset()
    assert ask(bare, f"Bearer {good(signing_key)}").status == PASSED
    assert ask(bare, _other_rsa_key(signing_key)).status == 401


@pytest.mark.parametrize("value", [None, "", " ", "none", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_without_a_key_nobody_gets_in(
    bare: InProcess, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """A 503 for a token that may be good, and still a 401 for none."""
    monkeypatch.delenv("CLERK_JWT_KEY")
    if value is not None:
        monkeypatch.setenv("CLERK_JWT_KEY", value)
    bootstrap.reset()
    assert ask(bare, f"Bearer {good(signing_key)}").status == 503
    assert ask(bare, None).status == 401


VARIABLES = {
    *("DATABASE_URL", "DATABASE_URL_POOLED", "DATABASE_URL_UNPOOLED", "POSTGRES_URL", "POSTGRES_URL_NON_POOLING"),
    *("CLERK_JWT_KEY", "CLERK_JWKS_URL", "CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES", "CLERK_AUDIENCE"),
    "CLERK_WEBHOOK_SIGNING_SECRET",
    *("ALLOWED_ORIGINS", "API_KEY_ENCRYPTION_KEYS", "AI_BACKEND_URL", "ONBOARDING_FLOW"),
    # Whose log it is, and whether a refusal is explained in it; and the token of operators' own requests.
    *("VERCEL_ENV", "ONBOARDING_DEVELOPMENT", "OPERATIONS_TOKEN"),
}


def test_no_switch_turns_authentication_off() -> None:
    """One module reads the environment, and these variables alone: none of them lets anybody in."""
    sources = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "lib").rglob("*.py")}
    assert [path for path, source in sources.items() if re.search(r"environ\b|getenv", source)] == ["lib/config.py"]
    assert set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', sources["lib/config.py"])) == VARIABLES


PUBLIC = {
    "/health",
    "/api/health",
    "/api/log-error",
    "/api/onboarding/config",
    "/api/onboarding/catalogue",
    "/api/onboarding/providers",
    "/api/onboarding/providers/{provider}/setup",
    "/api/webhooks/clerk",
    "/api/operations/funnel",  # a token of operators' own: tests/security/test_operations_token.py
    "/{path:path}",  # the relay: a 404 without an AI backend, and with one a token is asked for
}


def test_every_other_address_asks_for_a_token(bare: InProcess) -> None:
    """Whatever its method and parameters; and it does so before it looks at anything else."""
    routes = all_routes()
    assert {route.path for route in routes if route.public} == PUBLIC
    for route in routes:
        path = re.sub(r"\{[^}]*\}", "7", route.path)
        if not route.public:
            assert bare.request(route.method, path, json={"user_id": USER}).status == 401, path
            assert bare.request(route.method, f"{path}?token={USER}&user_id={USER}", body=b"{").status == 401, path
