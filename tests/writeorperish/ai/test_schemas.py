import pytest

from writeorperish.ai import schemas
from writeorperish.ai.schemas import Unfit

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "items"],
    "properties": {
        "kind": {"enum": ["theme", "plan"]},
        "items": {"type": "array", "items": {"type": "string"}},
    },
}
GOOD = '{"kind": "plan", "items": ["swim"]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here it is:\n\n```JSON\n{GOOD}\n```\nAnything else?",
        f"Of course. {GOOD} I hope that helps.",
        f"  \n{GOOD}\n",
        f"```{GOOD}```",
    ],
)
def test_json_is_found_in_its_wrapping(text):
    assert schemas.read(text, SCHEMA) == {"kind": "plan", "items": ["swim"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", schemas.NOT_JSON),
        ("I'd rather not.", schemas.NOT_JSON),
        ('{"kind": "plan", "items": ["sw', schemas.NOT_JSON),
        ("[" * 100_000, schemas.NOT_JSON),
        ('{"kind": "plan"}', "'items' is a required property"),
        ('{"kind": "wish", "items": []}', "At kind: 'wish' is not one of"),
        ('{"kind": "plan", "items": [1]}', "At items/0: 1 is not of type"),
        ('{"kind": "plan", "items": [], "more": 1}', "'more' was unexpected"),
        ("[]", "At the whole: [] is not of type"),
    ],
)
def test_what_is_wrong_is_told(text, problem):
    with pytest.raises(Unfit) as unfit:
        schemas.read(text, SCHEMA)
    assert problem in unfit.value.problem
    assert str(unfit.value) == "unfit", "the exception's own words quote nobody"


@pytest.mark.parametrize(
    "change",
    [
        {"type": "objekt"},
        {"additionalProperties": True},
        {"required": ["kind"]},
        {"properties": SCHEMA["properties"] | {"items": {"type": "object"}}},
    ],
)
def test_a_schema_that_no_provider_takes_is_refused_before_it_is_used(change):
    schemas.check(SCHEMA)
    with pytest.raises(ValueError, match=r"(?i)schema"):
        schemas.check(SCHEMA | change)
