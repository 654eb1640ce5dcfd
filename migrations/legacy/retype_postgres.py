"""Turns `onboarding_sessions.user_id` of a Postgres database into VARCHAR(255), in one transaction.

The table is made anew beside the old one, filled, compared and put in its place under the same names. What a new table
cannot take over (a view on it, row-level security, inheritance) makes the change refuse; nothing is then altered.
"""

from datetime import UTC, datetime
from typing import LiteralString

from psycopg.sql import SQL, Composed, Identifier

from lib.db.operators import Connection, PostgresURL, connect
from migrations.legacy.retype_sqlite import TABLE, Phase, RetypeError
from migrations.legacy.sqlite_ddl import quoted

_NEW = "onboarding_sessions_with_string_ids"
_LOCK_WAIT = "5s"
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_LIKE = SQL(
    "CREATE TABLE {new} (LIKE {old} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED INCLUDING COMMENTS"
    " INCLUDING STORAGE INCLUDING COMPRESSION)"
)
_COPY = SQL("INSERT INTO {new} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {old}")
_COMPARISON = SQL(
    "WITH old AS (SELECT {values} FROM {old}), new AS (SELECT {values} FROM {new})"
    " SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM new),"
    " EXISTS (SELECT * FROM old EXCEPT ALL SELECT * FROM new)"
)


def retype_postgres(url: PostgresURL, phase: Phase) -> tuple[int | None, str]:
    """Change the database; give back the number of sessions, None when there is nothing to do, and the backup's name.

    `phase` is told what begins. Raises UnusableURL, RetypeError, or psycopg.Error; nothing is then changed.
    """
    with connect(url, "migrate_user_id_to_string") as connection:
        connection.execute(SQL("SET LOCAL lock_timeout = {}").format(_LOCK_WAIT))
        schema = _schema(connection)
        if _is_text(connection):
            return None, ""
        _check_features(connection)
        connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(schema, TABLE)))
        if _is_text(connection):  # another run was quicker
            return None, ""
        phase("backing up")
        backup = f"{TABLE}_backup_{datetime.now(UTC):%Y%m%d_%H%M%S}"
        old, new = Identifier(schema, TABLE), Identifier(schema, _NEW)
        connection.execute(SQL("CREATE TABLE {} AS TABLE {}").format(Identifier(schema, backup), old))
        count = _make_anew(connection, old, new, phase)
        phase("committing")
    return count, f"table {schema}.{backup}"


def _schema(connection: Connection) -> str:
    row = connection.execute(
        "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass(%s)", (TABLE,)
    ).fetchone()
    if row is None:
        raise RetypeError(f"there is no table {TABLE} in this database")
    return str(row[0])


def _is_text(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = 'user_id' AND NOT attisdropped",
        (TABLE,),
    ).fetchone()
    if row is None:
        raise RetypeError(f"the table {TABLE} has no user_id")
    if row[0] in {"character varying", "text"}:
        return True
    if row[0] not in _INTEGERS:
        raise RetypeError(f"{TABLE}.user_id is of type {row[0]}, neither an integer nor a string")
    return False


def _check_features(connection: Connection) -> None:
    """Raise RetypeError for what cannot be carried over; views and the like stop the DROP TABLE by themselves."""
    row = connection.execute(
        "SELECT relkind <> 'r' OR relhassubclass OR relispartition, relrowsecurity, relhasrules"
        " FROM pg_class WHERE oid = %s::regclass",
        (TABLE,),
    ).fetchone()
    features = ("partitions or inheritance", "row-level security", "rules")
    found = [name for name, has in zip(features, row or (), strict=False) if has]
    if found:
        raise RetypeError(f"{TABLE} has {' and '.join(found)}, which this script cannot carry over")


def _make_anew(connection: Connection, old: Identifier, new: Identifier, phase: Phase) -> int:
    """Make the new table, copy, check, swap; the caller commits."""
    detaching, restoring = _detaching(connection), _restoring(connection)
    phase("copying")
    columns = _columns(connection)
    connection.execute(_LIKE.format(new=new, old=old))
    connection.execute(SQL("ALTER TABLE {} ALTER user_id TYPE varchar(255)").format(new))
    connection.execute(_COPY.format(new=new, old=old, names=_names(columns), values=_values(columns)))
    phase("checking")
    count = _checked(connection, old, new, columns)
    phase("swapping")
    later = _take_over_sequences(connection, new)
    drop = [SQL("DROP TABLE {}").format(old), SQL("ALTER TABLE {} RENAME TO {}").format(new, Identifier(TABLE))]
    statements: tuple[bytes | Composed, ...] = (*detaching, *drop, *later, *restoring)
    for statement in statements:
        connection.execute(statement)
    return count


def _columns(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        (TABLE,),
    )
    return [str(name) for (name,) in rows]


def _names(columns: list[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def _values(columns: list[str]) -> Composed:
    return SQL(", ").join(
        SQL("{}::varchar(255)" if name == "user_id" else "{}").format(Identifier(name)) for name in columns
    )


def _checked(connection: Connection, old: Identifier, new: Identifier, columns: list[str]) -> int:
    """Count the rows, once old and new are found to hold the same. Raises RetypeError.

    Compared as text, so that types without an equality, such as JSON, can be compared too.
    """
    values = SQL(", ").join(SQL("{}::text").format(Identifier(name)) for name in columns)
    row = connection.execute(_COMPARISON.format(values=values, old=old, new=new)).fetchone()
    before, after, differs = row or (0, -1, True)
    if before != after:
        raise RetypeError(f"{before} sessions were there and {after} were copied")
    if differs:
        raise RetypeError("a copied session differs from the original")
    return int(str(after))


def _detaching(connection: Connection) -> list[bytes]:
    """Write the statements that take the children's foreign keys off the old table."""
    return _generated(
        connection,
        "SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname) FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = %(table)s::regclass AND conrelid <> confrelid",
    )


def _restoring(connection: Connection) -> list[bytes]:
    """Write the statements that give the new table, under the old name, all that hangs on the old one."""
    return [statement for query in _RESTORED for statement in _generated(connection, query)]


# In this order: a foreign key needs the key that it points to.
_RESTORED = (
    "SELECT format('ALTER TABLE %%s OWNER TO %%s', oid::regclass, relowner::regrole::text)"
    " FROM pg_class WHERE oid = %(table)s::regclass AND relowner <> current_user::regrole",
    "SELECT format('GRANT %%s ON %%s TO %%s%%s', privilege_type, oid::regclass,"
    " CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,"
    " CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)"
    " FROM pg_class, aclexplode(relacl) WHERE oid = %(table)s::regclass AND grantee <> relowner",
    "SELECT format('COMMENT ON TABLE %%s IS %%L', oid::regclass, obj_description(oid, 'pg_class'))"
    " FROM pg_class WHERE oid = %(table)s::regclass AND obj_description(oid, 'pg_class') IS NOT NULL",
    "SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
    " FROM pg_constraint WHERE conrelid = %(table)s::regclass AND contype IN ('p', 'u', 'x', 'c', 'f')"
    " ORDER BY contype = 'f'",
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %(table)s::regclass"
    " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal",
    "SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
    " FROM pg_constraint WHERE contype = 'f' AND confrelid = %(table)s::regclass AND conrelid <> confrelid",
)

# A sequence of a serial column belongs to the old table and would be dropped with it; that of an identity column is
# made anew by LIKE and has to go on where the old one stands.
_SEQUENCES = """
    SELECT sequence.oid::regclass::text, sequence.relname, attname, deptype = 'i'
    FROM pg_depend
    JOIN pg_class AS sequence ON sequence.oid = objid AND sequence.relkind = 'S'
    JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    WHERE refobjid = %(table)s::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
"""


def _take_over_sequences(connection: Connection, new: Identifier) -> list[bytes]:
    """Hang the old table's sequences on the new one; give back what is to be done once the old one is gone."""
    later = []
    for path, name, column, is_identity in connection.execute(_SEQUENCES, {"table": TABLE}).fetchall():
        if not is_identity:
            connection.execute(f"ALTER SEQUENCE {path} OWNED BY {new.as_string()}.{quoted(str(column))}".encode())
            continue
        made = _scalar(connection, "SELECT pg_get_serial_sequence(%s, %s)", [new.as_string(), column])
        connection.execute(f"SELECT setval(%s, last_value, is_called) FROM {path}".encode(), [made])  # noqa: S608 - a regclass
        later.append(f"ALTER SEQUENCE {made} RENAME TO {quoted(str(name))}".encode())
    return later


def _generated(connection: Connection, query: LiteralString) -> list[bytes]:
    """Run a catalogue query that writes statements, its names quoted by Postgres itself."""
    return [str(statement).encode() for (statement,) in connection.execute(query, {"table": TABLE}).fetchall()]


def _scalar(connection: Connection, query: LiteralString, parameters: list[object]) -> object:
    row = connection.execute(query, parameters).fetchone()
    return None if row is None else row[0]
