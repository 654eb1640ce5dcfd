"""One list of requests for every way to serve the functions: every URL of the contract, good and bad.

`{analysis_id}` in a path stands for the id that the user's own website analysis got, so the order matters.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dev.harness import every_call
from dev.harness.clerk import TokenFactory
from dev.harness.wizard import BUSINESS, STEP_DATA
from dev.settings import SigningKey
from tests.platform.wizard import API

ORIGIN = "http://localhost:3000"
STRANGER = "https://app.example.com.evil.com"
MAX_BODY = 4 * 1024 * 1024  # bytes

type Sign = Callable[[TokenFactory, str], str]


@dataclass(frozen=True)
class Recorded:
    """One request. `sign` makes the value of Authorization; None sends none.

    With `platform=True` no function answers, the host does, and only the status is compared.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sign: Sign | None = lambda token, user: f"Bearer {token(user)}"
    platform: bool = False

    @property
    def name(self) -> str:
        """What a failure shows."""
        sent = "" if self.body is None else f" {self.body[:60].decode(errors='replace')}"
        return f"{self.method} {self.path}{sent} {dict(self.headers) or ''}".strip()


JSON = {"Content-Type": "application/json"}


def get(path: str, **more: Any) -> Recorded:
    """A GET by the user."""
    return Recorded("GET", path, **more)


def post(path: str, json: Any = ..., **more: Any) -> Recorded:
    """A POST by the user, of JSON when given."""
    if json is not ...:
        more = {"body": json_module.dumps(json).encode(), "headers": JSON, **more}
    return Recorded("POST", path, **more)


def complete(number: int | str, data: Any, **more: Any) -> Recorded:
    """Complete a step."""
    return post(f"{API}/step/{number}/complete", {"data": data, "validation_errors": []}, **more)


def raw(body: bytes, content_type: str | None = "application/json") -> Recorded:
    """Send step 5 a body as it is."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Recorded("POST", f"{API}/step/5/complete", body=body, headers=headers)


def public(request: Recorded) -> Recorded:
    """Send the same without a token."""
    return Recorded(request.method, request.path, request.body, request.headers, None, request.platform)


def preflight(path: str, origin: str) -> Recorded:
    """Ask what a browser asks before a POST of another origin."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return Recorded("OPTIONS", path, headers={"Origin": origin, **asked}, sign=None)


def with_token(sign: Sign) -> Recorded:
    """Ask for the status with another Authorization."""
    return get(f"{API}/status", sign=sign)


# An id is another one in another database, so the requests for an analysis stand apart.
READS = [get(f"{API}/{path}") for path in every_call.READS if path != every_call.FIRST_ANALYSIS]

PUBLIC = [
    public(get("/api/health")),
    public(get("/health")),
    public(get("/api/operations/funnel")),
    get("/api/operations/funnel"),  # nothing, as long as there is no token for it
    public(get(f"{API}/config")),
    public(get(f"{API}/catalogue")),
    public(get(f"{API}/providers")),
    public(get(f"{API}/providers/gemini/setup")),
    public(get(f"{API}/providers/nobody/setup")),
    public(get(f"{API}/providers/%E2%9C%93%2F%00/setup")),
]

STEP_RULES = [
    complete(1, {"api_keys": {"exa": "not-a-uuid"}}),
    complete(1, {"api_keys": {"nobody": "x"}}),
    complete(2, {"website": "ftp://example.com", "analysis": {}}),
    complete(2, {}),
    complete(3, {}),
    complete(3, {"research_depth": "Bottomless"}),
    complete(4, {"corePersona": []}),
    complete(5, []),
    complete(6, "text"),
    complete(0, {}),
    complete(len(STEP_DATA) + 1, {}),
    complete("abc", {}),
    get(f"{API}/step/0"),
    get(f"{every_call.NO_SUCH_STEP}/validate"),
    get(f"{API}/step/1.5"),
    get(f"{API}/step/-1"),
    get(f"{API}/step/%31"),
    get(f"{API}/step/abc"),
    post(f"{API}/step/9/skip"),
    post(f"{API}/step/1/skip"),
    post(f"{API}/step/2/skip"),
    post(f"{API}/step/3/skip"),
    post(f"{API}/step/6/skip"),
    post(f"{API}/complete"),
]

BODIES = [
    raw(b"{"),
    raw(b""),
    raw(b"[]"),
    raw(b"null"),
    raw(b'{"data": {"number": NaN}}'),
    raw(b'{"data": {"number": Infinity}}'),
    raw(b'{"data": {"number": 1e999}}'),
    raw(b'{"data": {"text": "\\u0000"}}'),
    raw(b'{"data": {"text": "\\ud800"}}'),
    raw(b'{"data": {"text": "\xff"}}'),
    raw(b'{"data": ' + b"[" * 70 + b"]" * 70 + b"}"),
    raw(b'{"data": {}}', "text/plain"),
    raw(b'{"data": {}}', None),
    raw(b'{"data": {"big": "' + b"x" * MAX_BODY + b'"}}'),
]

WIZARD = [
    post(f"{API}/start"),
    post(f"{API}/start"),
    complete(1, STEP_DATA[1]),
    complete(2, STEP_DATA[2]),
    complete(2, {**STEP_DATA[2], "website": "https://second.example.com"}),
    complete(3, STEP_DATA[3]),
    complete(3, {"research_depth": "expert", "content_types": ["Blog"], "note": "kept as it is: ☀"}),
    post(f"{API}/step4/persona-save", {"core_persona": {"identity": {}}, "platform_personas": {"x": {}}}),
    complete(4, STEP_DATA[4]),
    post(f"{API}/step/4/skip"),
    complete(5, STEP_DATA[5]),
    post(f"{API}/step/5/skip"),
    complete(6, {}),
    post(f"{API}/step/6/complete"),
    post(f"{API}/complete"),
    post(f"{API}/complete"),
]

VALIDATORS = [
    Recorded("PUT", f"{API}/step/5/draft", b'{"data": {"note": "half"}}', JSON),
    Recorded("PUT", f"{API}/step/5/draft", b'{"data": {"note": "more"}}', {**JSON, "If-Match": '"1"'}),
    Recorded("PUT", f"{API}/step/5/draft", b'{"data": {"note": "lost"}}', {**JSON, "If-Match": '"1"'}),
    Recorded("PUT", f"{API}/step/5/draft", b'{"data": []}', JSON),
    Recorded("PUT", f"{API}/step/5/draft", b'{"data": {}}', {**JSON, "If-Match": "1"}),
    Recorded("PUT", f"{API}/step/1/draft", b'{"data": {"api_keys": {}}}', JSON),
    Recorded("PUT", f"{API}/step/0/draft", b'{"data": {}}', JSON),
    get(f"{API}/step/5", headers={"If-None-Match": '"2"'}),
    get(f"{API}/step/5", headers={"If-None-Match": 'W/"2", "1"'}),
    get(f"{API}/step/5", headers={"If-None-Match": '"1"'}),
    *[get(f"{API}/{path}", headers={"If-None-Match": "*"}) for path in ("init", "session", "status", "summary")],
    get(f"{API}/summary", headers={"If-None-Match": "x"}),
    get(f"{API}/resume"),
    get(f"{API}/requirements"),
    Recorded("DELETE", f"{API}/step/5/draft", headers={"If-Match": '"1"'}),
    Recorded("DELETE", f"{API}/step/5/draft", headers={"If-Match": '"2"'}),
    Recorded("DELETE", f"{API}/step/5/draft"),
    Recorded("DELETE", f"{API}/step/0/draft"),
    post(f"{API}/step/5/skip", headers={"If-Match": '"2"'}),
    *[Recorded("PUT", f"{API}/step/{number}/draft", b'{"data": {}}', JSON) for number in STEP_DATA],
    *[Recorded("DELETE", f"{API}/step/{number}/draft") for number in STEP_DATA],
    public(get("/problems", platform=True)),
]

KEYS = [
    post(f"{API}/api-keys", {"provider": "tavily", "api_key": "tvly-0123456789abcdef", "description": "for search"}),
    post(f"{API}/api-keys", {"provider": "tavily", "api_key": "tvly…cdef"}),
    post(f"{API}/api-keys", {"provider": "nobody", "api_key": "x"}),
    post(f"{API}/api-keys", {"provider": "exa", "api_key": "x"}),
    post(f"{API}/api-keys/validate"),
    Recorded("DELETE", f"{API}/api-keys/tavily"),
    Recorded("DELETE", f"{API}/api-keys/tavily"),
    Recorded("DELETE", f"{API}/api-keys/nobody"),
]

BUSINESS_INFO = [
    post("/onboarding/business-info", BUSINESS),
    post(f"{API}/business-info", {**BUSINESS, "industry": "x" * 101}),
    post(f"{API}/business-info", {**BUSINESS, "industry": "Bread"}),
    get("/onboarding/business-info/user/7"),
    get("/onboarding/business-info/7"),
    Recorded("PUT", f"{API}/business-info/7", json_module.dumps(BUSINESS).encode(), JSON),
    Recorded("PUT", "/onboarding/business-info/7", b"{}", JSON),
    get(f"{API}/summary"),
]

RELAYED = [
    *[Recorded(method, "/wp/status?a=%2F&b=1") for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")],
    *[Recorded(method, "/nothing") for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")],
    get("/gsc/status", headers={"Origin": ORIGIN}),
    public(get("/gsc/status", headers={"Origin": ORIGIN})),
    preflight("/gsc/status", ORIGIN),
    get("/api/x%2Fy"),
    get("/api/a..b"),
    post(f"{API}/style-detection/complete", {"url": "not a url"}),
    post(f"{API}/style-detection/complete", {"url": "https://bakery.example.com"}),
    post(f"{API}/step3/discover-competitors", {}),
    post(f"{API}/step3/analyze-sitemap", {}),
    get(f"{API}/step/3"),
    post(f"{API}/step4/generate-personas-async", {}),
    get(f"{API}/step4/persona-task/task-1"),
    get(f"{API}/step4/persona-latest"),
    public(Recorded("POST", "/api/log-error", b"{")),
]

ANALYSES = [
    Recorded("PUT", f"{API}/style-detection/analysis/{{analysis_id}}", b'{"seo_audit": {"score": 7}}', JSON),
    Recorded("PUT", f"{API}/style-detection/analysis/999999999", b"{}", JSON),
    Recorded("DELETE", f"{API}/style-detection/analysis/999999999"),
    get(f"{API}/style-detection/analysis/{{analysis_id}}"),
    get(f"{API}/style-detection/analysis/999999999"),
    get(f"{API}/style-detection/analysis/abc"),
    get(f"{API}/style-detection/check-existing/https%3A%2F%2Fnever.example.com%2Fa%3Fb%3Dc%26d%23e"),
    get(f"{API}/style-detection/check-existing/%25"),
    get(f"{API}/style-detection/nothing"),
    get(f"{API}/step4/nothing"),
]

NO_SUCH_THING = [
    public(get("/api/nothing")),
    public(get("/api")),
    public(get(f"{API}")),
    public(get(f"{API}/step")),
    public(post(f"{API}/nothing/at/all", {})),
    Recorded("PUT", f"{API}/status"),
    Recorded("DELETE", f"{API}/step/1"),
    Recorded("PATCH", f"{API}/api-keys"),
    post(f"{API}/summary"),
    get(f"{API}/start"),
    get(f"{API}/reset"),
    get("/api/webhooks/clerk"),
    public(post("/api/webhooks/clerk", {"type": "user.deleted"})),
    public(Recorded("OPTIONS", f"{API}/status")),
    public(get(f"{API}/status/", platform=True)),
    public(get("/lib/config.py", platform=True)),
    public(get("/requirements.txt", platform=True)),
    public(get("/vercel.json", platform=True)),
    public(get("/.env", platform=True)),
    public(get("/", platform=True)),
]

STRANGER_KEY = SigningKey.generate()

TOKENS = [
    public(get(f"{API}/status")),
    public(complete(5, {})),
    with_token(lambda _token, _user: "Bearer not.a.token"),
    with_token(lambda _token, _user: "Basic dXNlcjpwYXNz"),
    with_token(lambda token, user: token(user)),
    with_token(lambda token, user: f"Bearer {token(user, exp=1)}"),
    with_token(lambda token, user: f"Bearer {token(user, nbf=9_999_999_999)}"),
    with_token(lambda token, user: f"Bearer {token(user, iss='https://evil.example.com')}"),
    with_token(lambda token, user: f"Bearer {token(user, sts='pending')}"),
    with_token(lambda token, user: f"Bearer {token(user, key=STRANGER_KEY)}"),
    with_token(lambda token, user: f"bearer {token(user)}"),
]

CORS = [
    get(f"{API}/status", headers={"Origin": ORIGIN}),
    get(f"{API}/status", headers={"Origin": STRANGER}),
    public(get(f"{API}/status", headers={"Origin": ORIGIN})),
    get(f"{API}/status", headers={"X-Request-Id": "chosen-by-the-caller"}),
    *(preflight(path, ORIGIN) for path in (f"{API}/step/1/complete", f"{API}/summary", "/api/nothing")),
    preflight(f"{API}/step/1/complete", STRANGER),
]

RESETS = [
    post(f"{API}/reset"),
    get(f"{API}/progress"),
    post(f"{API}/reset?hard=false"),
    get(f"{API}/summary"),
    post(f"{API}/reset?hard=true"),
    get(f"{API}/summary"),
    get(f"{API}/progress"),
]

REQUESTS = [
    *PUBLIC,
    *READS,
    *STEP_RULES,
    *BODIES,
    *TOKENS,
    *VALIDATORS,
    *WIZARD,
    *READS,
    *KEYS,
    *BUSINESS_INFO,
    *RELAYED,
    *ANALYSES,
    *NO_SUCH_THING,
    *CORS,
    *RESETS,
]
