"""The statements of `lib.db.business_info`."""

from sqlalchemy import case, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSON, JSONB

from lib.db.business_info import BusinessInfo
from lib.db.sql import steps
from lib.db.sql.events import recorded
from lib.db.statements import USER, Query, Statement, parameter, upsert, with_members
from lib.db.tables import business_info, onboarding_steps
from lib.steps.definitions import WEBSITE
from lib.steps.fields import BUSINESS_FIELDS, SAVED_BUSINESS_FIELDS, names_of

_business, _step = business_info.c, onboarding_steps.c
_NOTHING = literal_column("'{}'::jsonb", JSONB)

SAVE = Statement(upsert(business_info, SAVED_BUSINESS_FIELDS, [_business.user_id]))
# What else a step's payload has is kept with the step.
SAVE_OF_STEP = Statement(upsert(business_info, BUSINESS_FIELDS, [_business.user_id], untouched=["additional_fields"]))

_is_own = _business.user_id == USER
READ = Query(select(*(_business[name] for name in names_of(BusinessInfo))).where(_is_own), BusinessInfo)
REPLACE = Statement(
    update(business_info)
    .where(_is_own)
    .values({name: parameter(business_info, name) for name in SAVED_BUSINESS_FIELDS} | {"updated_at": func.now()})
)

# What a page sent beside the four fields stays, whether with the step or with the information.
_sent = _step.data.op("->")(literal_column("'businessData'"))
_sent_object = case((func.json_typeof(_sent) == "object", _sent.cast(JSONB)), else_=_NOTHING)
_others = func.coalesce(_business.additional_fields, _NOTHING)
_fields = func.jsonb_build_object(*(part for name in BUSINESS_FIELDS for part in (name, _business[name])))
_members = _sent_object.op("||")(_others).op("||")(func.jsonb_strip_nulls(_fields))
_business_data = func.json_build_object(literal_column("'businessData'"), _members, type_=JSON)
SHOW_IN_STEP = Statement(
    update(onboarding_steps)
    .where(_step.user_id == USER, _step.step_key == WEBSITE.key, _business.user_id == _step.user_id)
    .values(data=with_members(_step.data, _business_data))
)

SHOW_REPLACED = steps.touched(WEBSITE, provided=exists().where(_is_own))
EVENT_REPLACED = recorded(exists().where(_is_own))
