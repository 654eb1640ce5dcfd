"""The statements that are sent are those that are declared."""

import importlib
import pkgutil

import pytest

from dev.statements import compiled, statements
from lib import db
from lib.db.compiled import FILE, Named, query
from lib.db.sql import integrations
from lib.steps.fields import INTEGRATION_FIELDS, IntegrationFields


def test_the_file_is_what_the_statements_give() -> None:
    """No function sends a statement of yesterday: `make statements` writes the file anew."""
    assert FILE.read_text() == compiled()


def test_every_name_is_that_of_a_statement_with_the_same_rows() -> None:
    """A misspelt name would be found by the first request that needs it, and a wrong type of rows by none."""
    modules = [importlib.import_module(module.name) for module in pkgutil.iter_modules(db.__path__, "lib.db.")]
    named = [value for module in modules for value in vars(module).values() if isinstance(value, Named)]
    declared = dict(statements())
    assert {one.name for one in named} == declared.keys()
    for one in named:
        assert getattr(declared[one.name], "row", None) is one.row, one.name


def test_a_statement_from_the_file_is_bound_like_the_declared_one() -> None:
    """Text, constants and encoded values are the same, and a wrong value is refused alike."""
    written, declared = query("integrations.SAVE", IntegrationFields), integrations.SAVE
    given = {**dict.fromkeys(INTEGRATION_FIELDS), "connected_platforms": ["wix"]}
    assert written(**given) == declared(**given)
    for bind in (written, declared):
        with pytest.raises(TypeError, match="budget"):
            bind(**given, budget=1)
