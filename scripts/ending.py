"""How an operators' command ends: its exit code, and one line on standard error where something stopped it."""

import sys
from collections.abc import Callable

import psycopg

from lib.db.operators import UnusableURL, reason_of, why_it_stopped
from lib.errors import Unavailable


def run_to_end(run: Callable[[], int], purpose: str) -> int:
    """What `run` gives; 2 where it "cannot <purpose>" at all, 1 where the database stopped it, 130 after Ctrl-C."""
    try:
        return run()
    except (UnusableURL, Unavailable) as error:
        print(f"cannot {purpose}: {reason_of(error)}", file=sys.stderr)
        return 2
    except psycopg.Error as error:
        print(why_it_stopped(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        return 130
