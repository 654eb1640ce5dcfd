"""What a statement checks when it is declared, so that a forgotten column stops the import and loses no value."""

import pytest
from sqlalchemy import select

from lib.db.statements import Query, Statement, upsert
from lib.db.tables import platform_integrations
from lib.steps.fields import INTEGRATION_FIELDS, IntegrationFields

_KEY = [platform_integrations.c.user_id]


def test_an_upsert_that_leaves_out_a_column_is_refused() -> None:
    """A column that is declared and never written would lose its value with a 200; bookkeeping columns are exempt."""
    upsert(platform_integrations, INTEGRATION_FIELDS, _KEY)
    with pytest.raises(TypeError, match=r"platform_integrations leaves out \['email'\]"):
        upsert(platform_integrations, [name for name in INTEGRATION_FIELDS if name != "email"], _KEY)


def test_a_column_may_be_left_alone_on_purpose() -> None:
    """Named as untouched, it keeps what an earlier statement stored."""
    names = [name for name in INTEGRATION_FIELDS if name != "email"]
    statement = upsert(platform_integrations, names, _KEY, untouched=["email"])
    assert "email" not in Statement(statement).sql


def test_a_field_without_a_column_is_refused() -> None:
    """A name that no column has stops the import."""
    with pytest.raises(KeyError, match="budget"):
        upsert(platform_integrations, [*INTEGRATION_FIELDS, "budget"], _KEY)


def test_a_statement_takes_a_value_for_each_parameter_and_no_other() -> None:
    """A value left out or misspelt is an error before anything is sent."""
    save = Statement(upsert(platform_integrations, INTEGRATION_FIELDS, _KEY))
    given = dict.fromkeys(INTEGRATION_FIELDS)
    save(**given)
    for wrong in ({**given, "budget": 1}, {"email": None}):
        with pytest.raises(TypeError):
            save(**wrong)


def test_a_row_names_the_columns_of_its_query() -> None:
    """A column that is selected and not declared in the row's type, or the other way round, stops the import."""
    with pytest.raises(TypeError, match=r"IntegrationFields and its statement differ in .*'email'"):
        Query(
            select(platform_integrations.c.connected_platforms, platform_integrations.c.primary_website),
            IntegrationFields,
        )
