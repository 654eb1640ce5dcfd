"""Step 5: any object; what operators ask for of it is taken out where it has the expected type."""

from collections.abc import Mapping
from typing import Any

from lib.steps.fields import IntegrationFields, camel_case


def integration_fields(data: Mapping[str, Any]) -> IntegrationFields:
    """The typed fields of step 5's payload."""

    def sent[Value](name: str, kind: type[Value]) -> Value | None:
        value = data.get(camel_case(name))
        return value if isinstance(value, kind) else None

    return {
        "connected_platforms": sent("connected_platforms", list),
        "primary_website": sent("primary_website", str),
        "email": sent("email", str),
    }
