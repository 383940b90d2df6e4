"""JSON that a model answers with: asked for in words where it must be, taken out of its wrapping, and checked."""

import json
from collections.abc import Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

FENCE: Final = "```"
PROBLEM_CHARS: Final = 300
NOT_JSON: Final = "It is not JSON."


class Unfit(ValueError):
    """An answer that is not of its shape. `problem` is for the model alone: it may quote its words."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__("unfit")


def check(schema: Mapping[str, Any]) -> None:
    """ValueError for what is no JSON Schema of an object that allows nothing else: no provider would take it."""
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise ValueError("not a JSON Schema") from error
    for each in objects_in(schema):
        if each.get("additionalProperties") is not False:
            raise ValueError("an object of its schema is open to anything")
        if set(each.get("required", ())) != set(each.get("properties", {})):
            raise ValueError("an object of its schema leaves something out")


def objects_in(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema and all within it that describe objects."""
    found = [schema] if schema.get("type") == "object" else []
    inner = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    return [*found, *(each for one in inner for each in objects_in(one))]


def in_words(schema: Mapping[str, Any]) -> str:
    """What a model is told that cannot be held to a schema otherwise."""
    return (
        "Answer with one JSON object and nothing else: no words before or after it. "
        f"It follows this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )


def again(problem: str, schema: Mapping[str, Any]) -> str:
    """What a model is told whose answer was of no use. Not every server holds its model to a schema it was sent."""
    return f"That answer can't be used. {problem} Give the whole answer once more.\n\n{in_words(schema)}"


def read(text: str, schema: Mapping[str, Any]) -> object:
    """The data of an answer, as the schema wants it. Unfit."""
    data = parse(text)
    errors = sorted(
        Draft202012Validator(dict(schema)).iter_errors(data),
        key=lambda each: list(map(str, each.path)),
    )
    if errors:
        place = "/".join(map(str, errors[0].path)) or "the whole"
        raise Unfit(f"At {place}: {errors[0].message[:PROBLEM_CHARS]}.")
    return data


def parse(text: str) -> object:
    """The JSON in an answer, which may stand in a fence or among words. Unfit."""
    for candidate in (text, fenced(text), braced(text)):
        try:
            found: object = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return found
    raise Unfit(NOT_JSON)


def fenced(text: str) -> str:
    """What stands in the first fence, without its label."""
    inside = text.partition(FENCE)[2].partition(FENCE)[0]
    label, _, rest = inside.partition("\n")
    return rest if label.strip().isalnum() or not label.strip() else inside


def braced(text: str) -> str:
    return text[text.find("{") : text.rfind("}") + 1]
