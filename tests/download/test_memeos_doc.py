"""The page about our JSON says what is so: its schema holds for what we write, and its example comes in."""

import copy
import json
import re
from functools import cache

import pytest
from jsonschema import Draft202012Validator

from download.actions.items import change_item
from download.models.items import Highlight, Item
from download.models.reviews import Card
from tests.download.test_exports import a_library, exported
from tests.download.test_imports import imported
from tests.house.code import ROOT

pytestmark = pytest.mark.django_db

BLOCK = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def blocks():
    page = (ROOT / "docs" / "memeos.md").read_text(encoding="utf-8")
    return [json.loads(block) for block in BLOCK.findall(page)]


def test_the_schema_holds_for_an_export_and_for_the_example(alice):
    example, schema, *_more = blocks()
    Draft202012Validator.check_schema(schema)
    valid = Draft202012Validator(schema)
    first, *_rest = a_library(alice)
    change_item(alice, first, reading="archived")
    told = json.loads(exported(alice))
    valid.validate(told)
    valid.validate(example)
    named = {name for item in told["items"] for name in item}
    assert named <= set(schema["$defs"]["item"]["properties"])
    assert named >= {"highlights", "review", "extra"}
    for wrong in ({"state": "burnt"}, {"url": "ftp://e.org"}, {"review": {"difficulty": 11}}):
        broken = copy.deepcopy(told)
        broken["items"][0] |= wrong
        assert not valid.is_valid(broken)


def test_the_example_comes_in_as_it_says(alice):
    example, *_more = blocks()
    run = imported(alice, json.dumps(example))
    assert (run.created, run.total) == (2, 2)
    item = Item.objects.get(url__isnull=False)
    told = example["items"][0]
    assert (str(item.pk), item.title, item.reading) == (told["id"], "On kettles", "done")
    assert Highlight.objects.get().anchored
    card = Card.objects.get(item=item)
    assert (str(card.pk), card.stability, card.reps, card.reviews.count()) == (
        told["review"]["card"],
        17.25,
        2,
        2,
    )
