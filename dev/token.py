"""`make token USER=user_2abc`: print a development token, and nothing else."""

from __future__ import annotations

import sys

from dev.settings import SAMPLE_USER, KeyFolderError, development_key, session_claims


def main() -> int:
    """Print the token, and return the exit code."""
    try:
        print(development_key().sign(session_claims(sys.argv[1] if len(sys.argv) > 1 else SAMPLE_USER)))
    except KeyFolderError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
