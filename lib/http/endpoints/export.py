"""A person's own data, all of it, in pages."""

from typing import TYPE_CHECKING

from lib.http.app import Call, Route

if TYPE_CHECKING:
    from lib.http.answers import Export


def export(call: Call) -> "Export":
    """The next rows of the user, keys masked; a key that cannot be decrypted is null.

    `next` is the cursor of the page after this one, null on the last. Each row is on one page.
    """
    # Here and not above: SQLAlchemy is half of a cold start, and the function's other requests need none.
    from lib.http.export_page import export_page

    return export_page(call)


ROUTES = [Route("GET", "/api/onboarding/export", export)]
