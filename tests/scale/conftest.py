"""A cluster of Citus takes the place of the embedded server: every fixture of tests/conftest.py works on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.support.cluster import NO_CITUS, Cluster, citus_binaries, citus_cluster
from tests.support.given_server import GivenServer


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A coordinator and two workers."""
    if citus_binaries() is None:
        pytest.skip(NO_CITUS)
    with citus_cluster() as started:
        yield started


@pytest.fixture(scope="session")
def postgres(cluster: Cluster) -> GivenServer:
    """The cluster, as the other fixtures know a server."""
    return GivenServer.of(cluster.coordinator.url())


@pytest.fixture(scope="session")
def template_database(postgres: GivenServer) -> Iterator[str]:
    """As that of tests/conftest.py, which is kept for the other server where both are used in one session."""
    with postgres.template() as name:
        yield name


@pytest.fixture
def undistributed(postgres: GivenServer) -> Iterator[str]:
    """The owner's URL of a migrated database that is on every node, and not distributed yet."""
    name = f"undistributed_{uuid.uuid4().hex}"
    yield postgres.create_cluster_database(name)
    postgres.drop_database(name)
