"""Coverage-guided fuzzing of the body parser: `python -m tests.security.fuzz_body_parser [options of libFuzzer]`.

Whatever the bytes are, the parser gives an object that can be stored, or refuses in its own words.
"""

from __future__ import annotations

import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import atheris
import falcon
from falcon.testing import create_environ

with atheris.instrument_imports(include=["lib.http.body", "json"]):
    from lib.errors import InvalidData
    from lib.http.body import MAX_DEPTH, read_json_object
    from lib.http.problems import BadBody
    from lib.json_text import dumps

from dev.harness.wizard import STEP_DATA
from tests.support.nasty import SPLINTERS, TEXTS

REFUSALS = {400, 413, 415}


def try_one(body: bytes) -> None:
    """Parse a body. Raises for anything but an object or a refusal."""
    environ = create_environ(method="POST", body="", headers={"Content-Type": "application/json"})
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    try:
        parsed = read_json_object(falcon.Request(environ), required=True)
    except BadBody as refused:
        if refused.status not in REFUSALS:
            raise
    except InvalidData as refused:
        if not all(error.field and error.message for error in refused.errors):
            raise
    else:
        assert depth(parsed) <= MAX_DEPTH
        text = dumps(parsed)
        assert "\\u0000" not in text.replace("\\\\", "")
        text.encode()


def depth(value: object) -> int:
    """How deep objects and lists lie in each other."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


def seeds() -> list[bytes]:
    """Good bodies and what breaks them, for the fuzzer to begin with."""
    good = [json.dumps({"data": data}).encode() for data in STEP_DATA.values()]
    return [*good, *SPLINTERS, *(json.dumps({"data": text}).encode() for text in TEXTS)]


def main() -> None:
    """Fuzz until libFuzzer's `-runs` or `-max_total_time` is reached; it exits with 77 at the first finding."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
