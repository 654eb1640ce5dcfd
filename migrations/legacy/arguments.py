"""The import's arguments, examined before anything is read or written."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lib.db.operators import UnusableURL
from migrations.legacy.identity import is_user_id


def assignment(text: str) -> tuple[str, str]:
    """Read `OLD=CLERK_ID`. Raises UnusableURL."""
    old, _, user = text.rpartition("=")
    if not old or not is_user_id(user):
        raise UnusableURL(f"--assign {text}: expected OLD=CLERK_ID, such as 3=user_2KF")
    return old, user


def check_user_ids(path: Path | None) -> int:
    """Count the lines of the file that are no Clerk ids. Raises UnusableURL for a file that holds no id."""
    if path is None:
        return 0
    try:
        lines = ids = 0
        for line in _lines(path):
            lines += 1
            ids += is_user_id(line)
    except UnicodeDecodeError:
        raise UnusableURL(f"--user-ids {path} is no text file in UTF-8") from None
    except OSError as error:
        raise UnusableURL(f"--user-ids {file_problem(error)}") from None
    if not ids:
        raise UnusableURL(f"--user-ids {path} holds no Clerk id: one a line is expected, such as user_2KF")
    return lines - ids


def user_ids(path: Path | None) -> Iterator[str]:
    """Yield the ids of the file, one at a time: there may be millions."""
    if path is not None:
        yield from filter(is_user_id, _lines(path))


def check_report_path(path: Path | None) -> None:
    """Raise UnusableURL where no report could be written at the end."""
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UnusableURL(f"--report {path} cannot be written: {file_problem(error)}") from None


def file_problem(error: OSError) -> str:
    """What is wrong with a file, and what its owner can do about it."""
    advice = " to this user: change its permissions, or run as its owner" if isinstance(error, PermissionError) else ""
    return f"{error.filename or 'a file'}: {error.strerror or error}{advice}"


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from filter(None, map(str.strip, file))
