"""Clerk's webhook: only what Clerk signed is acted upon, and a deleted user stays deleted."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest

from dev.harness.every_call import WRITES, save_everything, url
from dev.harness.in_process import InProcess
from dev.harness.waiting import wait_until
from dev.harness.wizard import complete_step, walk
from dev.settings import ROOT, new_webhook_secret
from lib import bootstrap
from tests.support.inspection import USER_TABLES, Superuser, contents, places_of
from tests.support.turns import arrived
from tests.support.webhook import PATH, deletion, send, signed

USER, OTHER = "user_2deleted", "user_2other"
DELETED = deletion(USER)


@pytest.fixture
def secret() -> str:
    """Clerk's signing secret."""
    return new_webhook_secret()


@pytest.fixture
def clerk(secret: str, calls: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """`calls` where the webhook is set up."""
    return _with_webhook(calls, secret, monkeypatch)


@pytest.fixture
def unreachable(secret: str, bare: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """`bare` where the webhook is set up."""
    return _with_webhook(bare, secret, monkeypatch)


def _with_webhook(client: InProcess, secret: str, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", secret)
    bootstrap.reset()
    return client


def stored_rows(database: Superuser) -> dict[str, list[str]]:
    return {table: rows for table, rows in contents(database).items() if table != "alembic_version"}


def test_a_deleted_user_leaves_nothing_but_a_hash(clerk: InProcess, secret: str, database: Superuser) -> None:
    """Every row of that user goes at once, and no row of anybody else."""
    save_everything(clerk, USER)
    walk(clerk, OTHER, 1, 2)
    others = places_of(database, OTHER)
    assert sorted(places_of(database, USER)) == [f"{table}.user_id" for table in USER_TABLES]
    response = send(clerk, secret, DELETED)
    assert (response.status, response.json()) == (200, {"received": True})
    assert places_of(database, USER) == []
    found = places_of(database, sha256(USER.encode()).hexdigest())
    assert sorted(found) == ["erased_users.user_hash", "webhook_deliveries.user_hash"]
    assert places_of(database, OTHER) == others


def test_the_same_event_again_is_fine(clerk: InProcess, secret: str, database: Superuser) -> None:
    """Svix repeats an event until it is answered, and may repeat it afterwards."""
    walk(clerk, USER, 1)
    assert [send(clerk, secret, DELETED).status for _ in range(3)] == [200, 200, 200]
    assert len(stored_rows(database)["erased_users"]) == 1


def test_a_replayed_delivery_does_nothing(clerk: InProcess, secret: str, database: Superuser) -> None:
    """Within the five minutes that its signature is good for, even where the person has come back meanwhile."""
    assert send(clerk, secret, DELETED, "msg_1").status == 200
    database.execute("DELETE FROM erased_users")
    walk(clerk, USER, 1)
    before = contents(database)
    response = send(clerk, secret, DELETED, "msg_1")
    assert (response.status, response.json()) == (200, {"received": True})
    assert contents(database) == before
    assert send(clerk, secret, DELETED, "msg_2").status == 200
    assert places_of(database, USER) == []


def test_a_delivery_is_remembered_once_it_was_acted_upon(clerk: InProcess, secret: str, database: Superuser) -> None:
    """One that failed comes again under the same id, and must not be taken for a replay."""
    walk(clerk, USER, 1)
    database.execute("ALTER TABLE erased_users RENAME TO gone")
    assert send(clerk, secret, DELETED).status == 503
    database.execute("ALTER TABLE gone RENAME TO erased_users")
    assert send(clerk, secret, DELETED).status == 200
    assert places_of(database, USER) == []


def test_old_deliveries_are_forgotten(clerk: InProcess, secret: str, database: Superuser) -> None:
    """Whoever they were about, with the next one; and one that is still believed stays."""
    for user, delivery in ((USER, "msg_old"), (OTHER, "msg_new")):
        send(clerk, secret, deletion(user), delivery)
    aged = "UPDATE webhook_deliveries SET received_at = now() - interval '16 minutes' WHERE delivery_id = 'msg_old'"
    database.execute(aged)
    send(clerk, secret, deletion("user_2third"), "msg_third")
    left = database.execute("SELECT delivery_id FROM webhook_deliveries ORDER BY 1").fetchall()
    assert left == [("msg_new",), ("msg_third",)]


def test_a_token_that_is_still_valid_brings_nothing_back(clerk: InProcess, secret: str, database: Superuser) -> None:
    """Every write of a deleted user is a 401, and nothing is stored."""
    send(clerk, secret, DELETED)
    before = contents(database)
    for method, path, body in WRITES:
        response = clerk.request(method, url(path, USER), user=USER, json=body)
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer"), path
    assert contents(database) == before


def test_a_deletion_waits_for_a_write_that_is_under_way(clerk: InProcess, secret: str, database: Superuser) -> None:
    """A write is either before the deletion, and erased, or after it, and refused. Never in between."""
    with ThreadPoolExecutor() as threads:
        with database.transaction():
            database.execute("LOCK TABLE onboarding_steps IN EXCLUSIVE MODE")
            write = threads.submit(complete_step, clerk, USER, 5)
            wait_until(lambda: waiting(database) == 1)
            deletion = threads.submit(send, clerk, secret, DELETED)
            wait_until(lambda: arrived(USER) == 2 or waiting(database) == 2 or deletion.done())
        assert (write.result().status, deletion.result().status) == (200, 200)
    assert places_of(database, USER) == []


def waiting(database: Superuser) -> int:
    row = database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return 0 if row is None else int(str(row[0]))


NOTHING_TO_DO: list[object] = [
    *({**DELETED, "type": kind} for kind in ("user.created", "user.updated", "User.Deleted", "", None, 7, ["x"])),
    *({**DELETED, "data": {"id": user_id}} for user_id in (None, "", 7, "\0", "\ud800", [USER], {"id": USER})),
    {**DELETED, "data": None},
    {**DELETED, "data": {}},
    {**DELETED, "data": USER},
    {},
]


def test_other_events_do_nothing(clerk: InProcess, secret: str, database: Superuser) -> None:
    """A 200, so that Svix does not repeat them, and not one row changes; Clerk declares `data.id` optional."""
    walk(clerk, USER, 2)
    before = contents(database)
    for event in NOTHING_TO_DO:
        assert send(clerk, secret, event).status == 200, event
    assert contents(database) == before


type Forge = Callable[[str, bytes], tuple[bytes, Mapping[str, str]]]


def _without(name: str) -> Forge:
    return lambda secret, body: (body, {key: value for key, value in signed(secret, body).items() if key != name})


def _with(name: str, value: str) -> Forge:
    return lambda secret, body: (body, {**signed(secret, body), name: value})


def _aged(seconds: int) -> Forge:
    return lambda secret, body: (body, signed(secret, body, timedelta(seconds=seconds)))


def _timestamp_moved(secret: str, body: bytes) -> tuple[bytes, Mapping[str, str]]:
    old = signed(secret, body, timedelta(hours=1))
    return body, {**old, "svix-timestamp": signed(secret, body)["svix-timestamp"]}


FORGERIES: dict[str, Forge] = {
    "no id": _without("svix-id"),
    "no timestamp": _without("svix-timestamp"),
    "no signature": _without("svix-signature"),
    "no headers": lambda _secret, body: (body, {}),
    "another secret": lambda _secret, body: (body, signed(new_webhook_secret(), body)),
    "an empty secret's": lambda _secret, body: (body, signed(f"whsec_{base64.b64encode(b'0').decode()}", body)),
    "another body": lambda secret, body: (body.replace(USER.encode(), OTHER.encode()), signed(secret, body)),
    "a body parsed and written anew": lambda secret, body: (body.replace(b" ", b""), signed(secret, body)),
    "another id": _with("svix-id", "msg_2"),
    "a timestamp moved into the window": _timestamp_moved,
    "over five minutes old": _aged(301),
    "over five minutes ahead": _aged(-302),
    "a timestamp that is no number": _with("svix-timestamp", "yesterday"),
    "a timestamp of NaN": _with("svix-timestamp", "nan"),
    "a timestamp of infinity": _with("svix-timestamp", "1e999"),
    "an empty signature": _with("svix-signature", ""),
    "a signature without a version": _with("svix-signature", "AAAA"),
    "a signature of another version": _with("svix-signature", "v1a,AAAA"),
    "a signature that is no base64": _with("svix-signature", "v1,\xff"),
    "commas": _with("svix-signature", ",,, ,,"),
    "not UTF-8": lambda secret, body: (b"\xff" + body, signed(secret, body)),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_what_clerk_did_not_sign_is_refused(unreachable: InProcess, secret: str, forge: Forge) -> None:
    """400 as problem+json, before the database is asked for anything: it is not there."""
    body, headers = forge(secret, json.dumps(DELETED).encode())
    response = unreachable.post(PATH, body=body, headers=headers)
    assert (response.status, response.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("seconds", [295, 0, -295])
def test_five_minutes_of_tolerance(unreachable: InProcess, secret: str, seconds: int) -> None:
    """Clocks differ and deliveries are late: these get as far as the database."""
    body = json.dumps(DELETED).encode()
    assert unreachable.post(PATH, body=body, headers=signed(secret, body, timedelta(seconds=seconds))).status == 503


def test_a_secret_can_be_rotated(unreachable: InProcess, secret: str) -> None:
    """Svix signs with the old and the new secret for a day: one of the signatures is enough, wherever it stands."""
    body = json.dumps(DELETED).encode()
    ours, theirs = signed(secret, body), signed(new_webhook_secret(), body)
    for first, second in ((ours, theirs), (theirs, ours)):
        both = f"v1a,{secrets.token_urlsafe(8)} {first['svix-signature']} {second['svix-signature']}"
        assert unreachable.post(PATH, body=body, headers={**ours, "svix-signature": both}).status == 503


def test_without_a_secret_nothing_is_believed(clerk: InProcess, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or malformed secret is a 503: Svix keeps the event and sends it again."""
    body = json.dumps(DELETED).encode()
    headers = signed(secret, body)
    for value in ("", "whsec_", "whsec_é", "whsec_="):
        monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", value)
        bootstrap.reset()
        assert clerk.post(PATH, body=body, headers=headers).status == 503, value


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"[" * 100_000])
def test_a_signed_body_that_is_no_event_is_refused(unreachable: InProcess, secret: str, body: bytes) -> None:
    """Still an answer, and not a crash."""
    assert unreachable.post(PATH, body=body, headers=signed(secret, body)).status == 400


def test_a_session_token_does_not_open_the_webhook(unreachable: InProcess) -> None:
    """Nobody deletes an account by being signed in, be it their own."""
    assert unreachable.post(PATH, user=USER, json=DELETED).status == 400


def test_only_the_webhook_pays_for_svix() -> None:
    """Importing it takes as long as all the rest of a function, so the import waits for a request."""
    program = "import lib.http.endpoints.clerk_webhook, sys; sys.exit('svix' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
