import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from writeorperish.crypto import blind, keys
from writeorperish.refs import new_id

pytestmark = pytest.mark.django_db
ANN, BEN = keys.person(new_id()), keys.person(new_id())


def test_a_token_is_the_documented_one():
    key = keys.data_key(ANN, "index").sub("blind")
    expected = hmac.new(key, b"w\0piano", "sha256").digest()[:8]
    assert blind.token(ANN, "w", "piano") == int.from_bytes(expected, "big", signed=True)


def test_the_same_word_gives_the_same_token_for_one_person_and_another_for_the_next():
    assert blind.tokens(ANN, "w", ["piano", "tea", "piano"]) == [
        blind.token(ANN, "w", word) for word in ("piano", "tea", "piano")
    ]
    assert blind.token(ANN, "w", "piano") != blind.token(BEN, "w", "piano")
    assert blind.token(ANN, "w", "piano") != blind.token(ANN, "t", "piano")


def test_tokens_are_signed_64_bit_integers():
    found = blind.tokens(ANN, "w", map(str, range(500)))
    assert all(-(2**63) <= each < 2**63 for each in found)
    assert min(found) < 0 < max(found)
    assert len(set(found)) == 500


def test_a_namespace_cannot_run_into_the_word():
    with pytest.raises(ValueError, match="NUL"):
        blind.token(ANN, "w\0", "piano")


def test_tokens_and_digests_stay_when_the_seal_key_is_replaced():
    before = (blind.token(ANN, "w", "piano"), blind.digest(ANN, b"x"), blind.dedupe(ANN, b"x"))
    keys.replace_seal_key(ANN)
    keys.cache.clear()
    after = (blind.token(ANN, "w", "piano"), blind.digest(ANN, b"x"), blind.dedupe(ANN, b"x"))
    assert before == after


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(60),
    deadline=None,
)
@given(
    one=st.lists(st.binary(max_size=6), max_size=4),
    other=st.lists(st.binary(max_size=6), max_size=4),
)
def test_digests_are_equal_exactly_when_all_parts_are(one, other):
    assert (blind.digest(ANN, *one) == blind.digest(ANN, *other)) == (one == other)
    assert len(blind.digest(ANN, *one)) == 16


def test_a_digest_and_a_mark_of_an_import_have_nothing_in_common():
    assert blind.digest(ANN, b"x") != blind.dedupe(ANN, b"x")
    assert blind.digest(ANN, b"x") != blind.digest(BEN, b"x")
