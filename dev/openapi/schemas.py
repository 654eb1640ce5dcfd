"""JSON Schema of Python types: `TypedDict`s of answers, and pydantic models of requests."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import (
    Any,
    Literal,
    NotRequired,
    Required,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel

from dev.openapi.descriptions import alias_description, class_description, field_descriptions, one_line
from lib.http import answers
from lib.http.answers import Open

type Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
_SIMPLE: dict[object, Schema] = {
    Any: {},
    type(None): {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
}


class Schemas:
    """Makes schemas, and collects those that have a name of their own."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        self._sources: dict[str, object] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type. Raises ValueError for one that has no JSON."""
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if isinstance(kind, TypeAliasType):
            return self._alias(kind)
        origin, parts = get_origin(kind), get_args(kind)
        if origin is not None:
            return self._generic(kind, origin, parts)
        if is_typeddict(kind):
            return self._reference(kind.__name__, kind, lambda: self._typed_dict(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._model(kind)
        raise ValueError(f"{kind} has no JSON Schema here")

    def _generic(self, kind: Any, origin: Any, parts: tuple[Any, ...]) -> Schema:
        if origin in (Union, types.UnionType):
            return self._union(parts)
        if origin is Literal:
            return _literal(parts)
        if origin is list:
            return {"type": "array", "items": self.of(parts[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(parts[1]) or True}
        raise ValueError(f"{kind} has no JSON Schema here")

    def _alias(self, alias: TypeAliasType) -> Schema:
        if alias is answers.Time:
            return {"type": "string", "format": "date-time"}
        if get_origin(alias.__value__) is not Literal:
            return self.of(alias.__value__)
        name = alias.__name__
        return self._reference(name, alias, lambda: self.of(alias.__value__) | _described(alias_description(alias)))

    def _union(self, parts: tuple[Any, ...]) -> Schema:
        schemas = [self.of(part) for part in parts]
        if all("type" in schema and not schema.keys() - {"type", "format"} for schema in schemas):
            return {**schemas[0], "type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def _reference(self, name: str, source: object, make: Any) -> Schema:
        if name not in self.named:
            self._sources[name] = source
            self.named[name] = {}  # a type may name itself
            self.named[name] = make()
        if self._sources[name] is not source:
            raise ValueError(f"two types are named {name}")
        return {"$ref": f"{REFERENCE}{name}"}

    def _typed_dict(self, kind: Any) -> Schema:
        texts, hints = field_descriptions(kind), get_type_hints(kind, include_extras=True)
        fields = {name: self.of(_plain(hint)) | _described(texts.get(name)) for name, hint in hints.items()}
        return {
            "type": "object",
            "description": class_description(kind),
            "properties": fields,
            "required": [name for name in fields if name in kind.__required_keys__],
            "additionalProperties": is_open(kind),
        }

    def _model(self, model: type[BaseModel]) -> Schema:
        for part in {model, *_models_in(model)}:
            self._reference(part.__name__, part, lambda part=part: _model_schema(part))
        return {"$ref": f"{REFERENCE}{model.__name__}"}


def is_open(kind: Any) -> bool:
    """Whether objects of a `TypedDict` may have other fields besides."""
    return kind is Open or any(is_open(base) for base in types.get_original_bases(kind) if is_typeddict(base))


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint


def _described(text: str | None) -> Schema:
    return {"description": text} if text else {}


def _literal(values: tuple[object, ...]) -> Schema:
    if values == (True,):
        return {"type": "boolean", "const": True}
    return {"type": "string", "enum": list(values)}


def _models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that a model's fields hold."""
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield part
                yield from _models_in(part)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _model_schema(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema(ref_template=f"{REFERENCE}{{model}}")
    schema.pop("$defs", None)
    texts = field_descriptions(model)
    properties = {
        name: _without_noise(part) | _described(texts.get(name)) for name, part in schema.get("properties", {}).items()
    }
    description = one_line(model.__doc__ or "")
    return {**_without_noise(schema), "description": description, "properties": properties}


def _without_noise(schema: Schema) -> Schema:
    """The schema without the titles that pydantic makes of names, and without a default that stands for absence."""
    return {
        name: _without_noise(value) if isinstance(value, dict) and name != "properties" else value
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and value is None)
    }
