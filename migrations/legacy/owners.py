"""Who owns an old row or file: the id that it names, compared with the ids that are known."""

from migrations.legacy.identity import FILE_NAME, GLOBAL_FILE, as_old_number, is_user_id
from migrations.legacy.index import Index, Owner

_LARGEST_BARE_NUMBER = 1_000_000


def owner_of_session(index: Index, user_id: object) -> Owner:
    """Find whose a session is by its `user_id`: a Clerk id, the hash of one, or a number that names nobody."""
    old = str(user_id)
    if user := index.assigned(old):
        return Owner(user, old)
    number = as_old_number(user_id)
    if number is not None:
        return _owner_of_number(index, number, old)
    return Owner(old, old) if is_user_id(user_id) else Owner(None, old, "not a Clerk id")


def owner_of_row(index: Index, session_id: object) -> Owner:
    """Find whose a row is by its `session_id`: a session's, or in its place a user's hash."""
    session = index.session_owner(session_id)
    if session is not None:
        return owner_of_session(index, session[0])
    old, number = f"session_id:{session_id}", as_old_number(session_id)
    names = [old] if number is None or index.has_owner(number) else [old, str(number)]
    if user := index.assigned(*names):
        return Owner(user, old)
    if number is not None:
        return _owner_of_number(index, number, old)
    return Owner(str(session_id), old) if is_user_id(session_id) else Owner(None, old, "belongs to no session")


def owner_of_file(index: Index, file_name: object) -> Owner:
    """Find whose a progress file is by its name, in which `_` may stand for any other character."""
    match = FILE_NAME.fullmatch(str(file_name))
    name = match["user"] if match else GLOBAL_FILE
    if user := index.assigned(name, str(file_name)):
        return Owner(user, name)
    if match is None:
        return Owner(None, name, "the one file from before users were told apart")
    users = index.by_file_name(name)
    if len(users) > 1:
        return Owner(None, name, f"ambiguous: {' or '.join(users)}")
    number = as_old_number(name)
    if not users and number is not None:
        return _owner_of_number(index, number, name)
    return Owner(users[0] if users else name, name)


def _owner_of_number(index: Index, number: int, old: str) -> Owner:
    users = index.by_hash(number)
    if len(users) == 1:
        return Owner(users[0], old)
    if users:
        return Owner(None, old, f"ambiguous: the hash of {' and '.join(users)}")
    is_bare = abs(number) <= _LARGEST_BARE_NUMBER
    return Owner(None, old, "a bare number that names nobody" if is_bare else "a hash that no known id has")
