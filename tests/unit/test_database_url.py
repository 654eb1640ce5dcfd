"""TLS to the database: what is written into its URL for libpq."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from lib.db.url import UnusableURL, libpq_url

ELSEWHERE = "postgres://u:p@db.example.com/d"


@pytest.fixture(autouse=True)
def no_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)


def mode(url: str) -> str | None:
    found = conninfo_to_dict(libpq_url(url)).get("sslmode")
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (ELSEWHERE, "require"),
        (f"{ELSEWHERE}?sslmode=disable", "require"),
        (f"{ELSEWHERE}?sslmode=allow", "require"),
        (f"{ELSEWHERE}?sslmode=prefer", "require"),
        (f"{ELSEWHERE}?sslmode=", "require"),
        (f"{ELSEWHERE}?sslmode=require", "require"),
        (f"{ELSEWHERE}?sslmode=verify-ca", "verify-ca"),
        (f"{ELSEWHERE}?sslmode=verify-full&sslrootcert=system", "verify-full"),
        (f"{ELSEWHERE}?sslrootcert=system", "verify-full"),
        (f"{ELSEWHERE}?sslmode=verify-full&sslmode=disable", "require"),
        ("postgres://u@10.0.0.5:6543/d", "require"),
        ("postgres://u@[2001:db8::1]/d", "require"),
        ("postgres://u@localhost,db.example.com/d", "require"),
        ("postgres://u@localhost/d?host=db.example.com", "require"),
        ("postgres://u@localhost/d?hostaddr=10.0.0.5", "require"),
        ("postgres://u@localhost.example.com/d", "require"),
        ("postgres://u@127.0.0.1.example.com/d", "require"),
        ("postgres:///d?service=production", "require"),
        ("postgres://u@localhost:5432/d", None),
        ("postgres://u@127.0.0.1:5432/d", None),
        ("postgres://u@127.8.9.1/d", None),
        ("postgres://u@[::1]:5432/d", None),
        ("postgres://u@db.example.com/d?hostaddr=127.0.0.1", None),
        ("postgres:///d?host=/var/run/postgresql", None),
        ("postgres:///d?host=@abstract", None),
        ("postgres:///d", None),
        ("postgres://u@localhost,127.0.0.1/d", None),
        ("postgres://u@localhost/d?sslmode=verify-full", "verify-full"),
        ("postgres://u@localhost/d?sslmode=disable", "disable"),
    ],
)
def test_another_machine_needs_tls(url: str, expected: str | None) -> None:
    """A weaker mode is raised, a stronger one kept; loopback addresses and UNIX sockets stay as they were asked for."""
    assert mode(url) == expected


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({"PGHOST": "db.example.com"}, "postgres:///d", "require"),
        ({"PGHOSTADDR": "10.0.0.5"}, "postgres://u@localhost/d", "require"),
        ({"PGHOST": "/var/run/postgresql"}, "postgres:///d", None),
        ({"PGHOST": "db.example.com"}, "postgres://u@localhost/d", None),
        ({"PGSSLMODE": "disable"}, ELSEWHERE, "require"),
        ({"PGSSLMODE": "verify-full"}, ELSEWHERE, "verify-full"),
        ({"PGSSLROOTCERT": "system"}, ELSEWHERE, "verify-full"),
    ],
)
def test_what_libpq_takes_from_its_own_variables_counts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: str | None
) -> None:
    """They say where a URL without a host leads; and a mode of theirs is raised and kept in the same way."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert mode(url) == expected


def test_a_service_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """libpq reads its file, and so its host is known."""
    file = f"{tmp_path}/services"
    with open(file, "w") as services:
        services.write("[production]\nhost=db.example.com\n")
    monkeypatch.setenv("PGSERVICEFILE", file)
    monkeypatch.setenv("PGSERVICE", "production")
    assert mode("postgres:///d") == "require"


@pytest.mark.parametrize("url", ["postgres://u:p@[h/d", "postgres://u:%zz@h/d"])
def test_a_url_that_cannot_be_read_is_one_line_without_a_secret(url: str) -> None:
    """libpq's own words would quote it."""
    with pytest.raises(UnusableURL) as raised:
        libpq_url(url)
    assert "p@" not in str(raised.value)
    assert "\n" not in str(raised.value)
