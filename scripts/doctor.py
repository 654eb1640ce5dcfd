"""Examines an environment from inside, or a deployment from outside, and says what is wrong and how it is put right.

Without a URL: the variables of this environment, TLS, login, schema and clock of its database, the stored API keys and
the AI backend. With a URL: health, clock, unknown URLs, CORS for the page's origin, and sign-in with a session token.
Nothing is changed. Exit code: 0 when nothing is wrong, 1 when something is, 2 when an argument cannot be used.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.doctor_findings import Finding, lines

EXAMPLES = """examples:
  python scripts/doctor.py
  python scripts/doctor.py https://your-onboarding-backend.vercel.app --origin https://app.example.com
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine and print; the exit code is this module's docstring's."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "url", nargs="?", type=_url, metavar="URL", help="of a deployment; without it, this environment"
    )
    parser.add_argument("--origin", help="the page's origin, for CORS; with a URL")
    parser.add_argument("--token", help="a session token of Clerk, for sign-in; with a URL")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    options = parser.parse_args(arguments)
    if options.url is None and (options.origin or options.token):
        parser.error("--origin and --token examine a deployment: give its URL")
    findings = []
    for finding in _examination(options):
        findings.append(finding)
        if not options.json:
            print("\n".join(lines([finding])), flush=True)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
    else:
        print(f"\n{wrong} of {len(findings)} things are wrong." if wrong else "\nNothing is wrong.")
    return 1 if wrong else 0


def _examination(options: argparse.Namespace) -> Iterator[Finding]:
    if options.url:
        from scripts.doctor_outside import examine_deployment

        return examine_deployment(options.url, options.origin, options.token)
    from lib.config import Settings
    from scripts.doctor_inside import examine_environment

    return examine_environment(Settings(os.environ))


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("not the URL of a deployment, such as https://backend.example.com")
    return text


if __name__ == "__main__":
    sys.exit(main())
