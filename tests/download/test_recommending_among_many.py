"""What the benchmark builds is a library like any other: something of it fits, and nothing is timed here."""

import numpy as np
import pytest

from benchmarks import crowd, recommending
from benchmarks.words import Diary
from download.models.items import Item
from download.relating import related
from journal.actions.nodes import write_node

pytestmark = pytest.mark.django_db


def test_a_library_made_in_bulk_is_suggested_from(alice):
    random = np.random.default_rng(1)
    made = random.normal(size=(4, 384)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    recommending.library(alice, 40, made, seed=3)
    assert Item.objects.visible_to(alice).count() == 40
    text = Diary(3).text()
    draft = recommending.written(alice, text, ai_usage="none")
    found = recommending.beside(alice, draft, text)
    assert found.rows[0].lexical > 0.9
    assert len({row.item.site_key for row in found.rows}) == len(found.rows) <= 3
    hits = related(alice, write_node(alice, text=f"{text} And so on.").node.ref)
    assert hits
    recommending.bare(alice, text, crowd.between(made, 1, seed=2)[0])
