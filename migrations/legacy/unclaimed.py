"""What nobody could be found for, by old id: what hints at its owner, and how `--assign` is to name it."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from migrations.legacy.index import Pointer
from migrations.legacy.records import ANALYSIS
from migrations.legacy.sources import WHOLE_FILE, Rows, Sources
from migrations.legacy.values import EPOCH, BrokenValue, as_text, as_time

_IDS_AT_ONCE = 50
_SITES = 3
_TIMES = ("updated_at", "started_at", "created_at")


def unclaimed(sources: Sources, by_old_id: Iterable[Sequence[Pointer]]) -> Iterator[dict[str, Any]]:
    """Describe each old id: `old`, `reason`, `things` (how many of which kind), up to three `websites`, `last`."""
    for groups in batched(by_old_id, _IDS_AT_ONCE):
        rows = sources.rows(pointer for group in groups for pointer in group)
        yield from (_described(sources, group, rows) for group in groups)


def lines(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield one described id for a terminal."""
    hints = [entry["reason"], *entry["websites"], f"last changed {entry['last'][:10]}" if entry["last"] else "undated"]
    yield f"  {entry['old']}: {'; '.join(hints)}"
    things = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in entry["things"].items())
    yield f"    {things}:  --assign {shlex.quote(f'{entry["old"]}=CLERK_ID')}"


def _described(sources: Sources, pointers: Sequence[Pointer], rows: Rows) -> dict[str, Any]:
    hints = [hint for pointer in pointers for hint in _hints(sources, pointer, rows)]
    sites = dict.fromkeys(site for _, site in hints if site)
    last = max((time for time, _ in hints), default=EPOCH)
    return {
        "old": pointers[0].old,
        "reason": pointers[0].reason,
        "things": dict(Counter(pointer.kind for pointer in pointers)),
        "websites": list(sites)[:_SITES],
        "last": None if last == EPOCH else last.isoformat(),
    }


def _hints(sources: Sources, pointer: Pointer, rows: Rows) -> Iterator[tuple[datetime, str | None]]:
    """Yield when something was changed, and the website that it is about."""
    if pointer.kind == WHOLE_FILE:
        try:
            records = sources.read_file(pointer.ref).records
        except BrokenValue:
            return  # listed as such
        yield from ((record.time, record.key if record.kind == ANALYSIS else None) for record in records)
        return
    row = rows.get((pointer.kind, str(pointer.ref)), {})
    times = [time for name in _TIMES if (time := as_time(row.get(name)))]
    yield max(times, default=EPOCH), as_text(row.get("website_url"))
