"""`make token USER=user_2abc`: print a development token, and nothing else."""

from __future__ import annotations

import sys

from dev.settings import SAMPLE_USER, development_key, session_claims

if __name__ == "__main__":
    print(development_key().sign(session_claims(sys.argv[1] if len(sys.argv) > 1 else SAMPLE_USER)))
