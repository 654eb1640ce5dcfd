"""JSON that is already text: what the database returns finished is spliced into an answer, not parsed and rebuilt."""

import json


class JsonText(str):
    """A finished JSON value. `dumps` writes it as it stands."""

    __slots__ = ()


def dumps(value: object) -> str:
    """Serialise plain values, with `JsonText` allowed anywhere inside dicts and lists."""
    if isinstance(value, JsonText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_encode(str(key))}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return _encode(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
