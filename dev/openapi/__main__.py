"""`make openapi`: write public/openapi.json."""

from __future__ import annotations

from dev.openapi.document import FILE, text


def main() -> None:
    """Write the file."""
    FILE.write_text(text())


if __name__ == "__main__":
    main()
