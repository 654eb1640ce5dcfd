"""The doctor outside a deployment: what its URLs answer to a browser, to a program with a token, and to a mistake."""

import base64
import binascii
import json
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from scripts.doctor_findings import Finding, note, ok, wrong
from scripts.doctor_inside import clock

TIMEOUT_S = 15
_INIT = "/api/onboarding/init"
_STATUS = "/api/onboarding/status"
_UNKNOWN = "/api/no-such-url-asked-by-the-doctor"
_PROTECTED = "is behind Deployment Protection: add /api to its OPTIONS Allowlist, or except this domain from it"


def examine_deployment(url: str, origin: str | None, token: str | None) -> Iterator[Finding]:
    """Yield what is found, one thing after the other. Nothing is stored, and the token is sent to that URL alone."""
    with httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_S, follow_redirects=False) as client:
        if client.base_url.scheme != "https" and client.base_url.host not in {"localhost", "127.0.0.1"}:
            yield note("URL", "is not https: tokens can be read on the way")
        try:
            health = client.get("/api/health")
        except httpx.HTTPError as error:
            yield wrong("deployment", _unreachable(error))
            return
        try:
            yield from _examine(client, health, origin, token)
        except httpx.HTTPError as error:
            yield wrong("deployment", f"stopped answering ({type(error).__name__}): see its log")


def _examine(client: httpx.Client, health: httpx.Response, origin: str | None, token: str | None) -> Iterator[Finding]:
    yield from _health(health)
    if date := health.headers.get("Date"):
        yield clock("the deployment's clock", parsedate_to_datetime(date).timestamp() - time.time())
    yield _unknown_url(client.get(_UNKNOWN))
    if origin:
        yield from _cors(client, origin)
    else:
        yield note("CORS", "was not examined: give the page's origin with --origin https://app.example.com")
    if token:
        yield _sign_in(client, token)
    else:
        yield note("sign-in", "was not examined: give a session token with --token")


def _unreachable(error: httpx.HTTPError) -> str:
    said = str(error)
    if "CERTIFICATE" in said.upper():
        return "its certificate cannot be verified: the domain is not set up, or the name in the URL is wrong"
    if "Name or service not known" in said or "nodename" in said or "resolution" in said:
        return "there is no such host: correct the URL"
    if isinstance(error, httpx.TimeoutException):
        return f"does not answer within {TIMEOUT_S} s: see its log"
    return f"cannot be reached ({type(error).__name__}): correct the URL, or start it"


def _health(answer: httpx.Response) -> Iterator[Finding]:
    document = _json(answer)
    if "expected_revision" not in document:
        is_login = answer.status_code in {301, 302, 303, 307, 308, 401, 403}
        yield wrong("health", _PROTECTED if is_login else f"is {answer.status_code} of something else: correct the URL")
        return
    database, found, expected = (document.get(name) for name in ("database", "schema_revision", "expected_revision"))
    if document.get("status") == "ok" and answer.is_success:
        yield ok("health", f"is ok, schema {found}")
    elif database != "ok":
        yield wrong("health", f"the database is {database}: its log names the cause behind “unhealthy”")
    elif found is None or str(found) < str(expected):
        yield wrong("health", f"the schema is at {found}, the code needs {expected}: run python -m migrations")
    else:
        yield wrong("health", f"is {document.get('status')}")
    yield from _config(document.get("config"))


def _config(config: object) -> Iterator[Finding]:
    """What health says of the variables. An unset optional one is a choice."""
    for name, state in sorted(config.items()) if isinstance(config, Mapping) else ():
        if state in {"missing", "malformed"}:
            yield wrong(name, f"is {state} there: set it and deploy again")


def _unknown_url(answer: httpx.Response) -> Finding:
    """Every URL of a deployment answers a mistake with a problem; the host's own page means another project."""
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("application/problem+json") and answer.status_code in {401, 404}:
        return ok("unknown URLs", f"answer {answer.status_code} as problem+json")
    return wrong("unknown URLs", f"answer {answer.status_code} {kind or 'without a type'}: vercel.json is not deployed")


def _cors(client: httpx.Client, origin: str) -> Iterator[Finding]:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = client.options(_INIT, headers={"Origin": origin, **asked})
    plain = client.get("/health", headers={"Origin": origin})
    subject = f"CORS for {origin}"
    if "*" in origin or httpx.URL(origin).path not in {"", "/"} or origin.endswith("/"):
        yield wrong(subject, "is no origin as a browser sends it: scheme and host alone, https://app.example.com")
    elif preflight.status_code in {401, 403} or preflight.is_redirect:
        yield wrong(subject, f"the preflight {_PROTECTED}")
    elif not all(answer.headers.get("Access-Control-Allow-Origin") == origin for answer in (preflight, plain)):
        yield wrong(subject, f"is refused: add {origin} to ALLOWED_ORIGINS there and deploy again")
    elif "authorization" not in preflight.headers.get("Access-Control-Allow-Headers", "").lower():
        yield wrong(subject, "the preflight does not allow the header Authorization: something rewrites the answer")
    else:
        yield ok(subject, "preflight and answers are allowed")


def _sign_in(client: httpx.Client, token: str) -> Finding:
    answer = client.get(_STATUS, headers={"Authorization": f"Bearer {token}"})
    if answer.is_success:
        return ok("sign-in", "the token passes")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return wrong("sign-in", f"the token is refused: {_refusal(_claims(token))}")
    return wrong("sign-in", f"is answered with {answer.status_code}: {_json(answer).get('detail', 'see its log')}")


def _refusal(claims: Mapping[str, Any] | None) -> str:
    """The likeliest reason, from what the token says of itself."""
    if claims is None:
        return "it is no JSON Web Token: in the page's console, await Clerk.session.getToken()"
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires < time.time():
        return f"it expired {time.time() - expires:.0f} s ago (Clerk's live for a minute): take a new one"
    named = ", ".join(f"{name} {claims[name]}" for name in ("iss", "azp") if name in claims)
    return f"compare CLERK_JWT_KEY, CLERK_ISSUER and CLERK_AUTHORIZED_PARTIES with its {named or 'issuer'}"


def _claims(token: str) -> Mapping[str, Any] | None:
    """What the token says, unverified."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
