"""The statements of `lib.db.integrations`."""

from lib.db.statements import Statement, upsert
from lib.db.tables import platform_integrations
from lib.steps.fields import INTEGRATION_FIELDS

SAVE = Statement(upsert(platform_integrations, INTEGRATION_FIELDS, [platform_integrations.c.user_id]))
