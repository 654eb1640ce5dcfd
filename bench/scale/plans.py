"""Whether Postgres does the same for a request among few users and among many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from bench.scale.backends import Crowd, connected
from bench.scale.statements import record, sample
from bench.stage import Stage
from dev.harness.population import user_name


def measure(stage: Stage, crowds: Sequence[Crowd]) -> dict[str, list[str]]:
    """By request, what differs between the plans among most users and among fewer: nothing, where they are the same."""
    requests = record(stage, crowds[0])
    shapes: dict[int, dict[str, list[list[str]]]] = {}
    for crowd in crowds:
        with connected(crowd.url) as backend:
            user = user_name(sample(crowd.users)[0])
            shapes[crowd.users] = {
                name: [shape(plan["Plan"]) for plan in backend.explained(sent.of(user))]
                for name, sent in requests.items()
            }
    most = shapes[crowds[-1].users]
    return {
        name: [
            f"among {users:,}: {_first_difference(one, other)}"
            for users, by_name in shapes.items()
            for one, other in zip(by_name[name], most[name], strict=True)
            if one != other
        ]
        for name in requests
    }


def shape(node: Mapping[str, Any]) -> list[str]:
    """What a plan does, without its costs."""
    read = node.get("Index Name") or node.get("Relation Name")
    own = f"{node['Node Type']} of {read}" if read else node["Node Type"]
    return [own, *(part for child in node.get("Plans", []) for part in shape(child))]


def _first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    return next(f"{mine} where it is {its}" for mine, its in zip_longest(one, other) if mine != its)
