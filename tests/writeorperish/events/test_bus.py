from datetime import timedelta
from uuid import UUID

import pytest

from writeorperish.events.bus import LEASES, LISTENERS, listener_named, listeners_to, on
from writeorperish.events.catalog import Blocked, Genre, TextErased, TextWritten
from writeorperish.refs import Ref

pytestmark = pytest.mark.usefixtures("only_ours")
ALICE = UUID(int=1)
NODE = Ref("journal.node", UUID(int=2))


def quiet(_fact: object) -> None:
    """Hears and does nothing."""


def deaf(_fact: object) -> None:
    """Another one."""


def names(fact: object) -> set[str]:
    return {listener.hear.__name__ for listener in listeners_to(fact)}


def test_a_listener_hears_its_fact_and_no_other():
    on(TextWritten)(quiet)
    assert names(TextWritten(NODE, ALICE, Genre.DIARY)) == {"quiet"}
    assert names(TextErased(NODE, ALICE)) == set()


@pytest.mark.parametrize("genre", Genre)
def test_a_listener_hears_only_the_genres_it_asked_for(genre):
    on(TextWritten, genres={Genre.DIARY, Genre.FICTION})(quiet)
    on(TextWritten)(deaf)
    heard = {"quiet", "deaf"} if genre in {Genre.DIARY, Genre.FICTION} else {"deaf"}
    assert names(TextWritten(NODE, ALICE, genre)) == heard


def test_one_function_may_hear_two_facts():
    on(TextWritten)(on(TextErased)(quiet))
    assert names(TextWritten(NODE, ALICE, Genre.DIARY)) == names(TextErased(NODE, ALICE))


def test_a_listener_is_found_by_the_name_in_its_receipts():
    on(TextWritten, queue="low")(quiet)
    (listener,) = LISTENERS.values()
    assert listener_named(listener.name, "TextWritten") is listener
    assert listener_named(listener.name, "TextErased") is None
    assert listener_named("gone.handlers.nobody", "TextWritten") is None
    assert (listener.queue, listener.lease) == ("low", LEASES["low"])


def test_a_listener_may_ask_for_a_longer_lease():
    on(TextWritten, queue="urgent", lease=timedelta(seconds=150))(quiet)
    (listener,) = LISTENERS.values()
    assert listener.lease == timedelta(seconds=150)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fact": Blocked, "genres": {Genre.DIARY}},
        {"fact": TextWritten, "queue": "soon"},
        {"fact": TextWritten, "lease": timedelta(seconds=19)},
    ],
)
def test_a_listener_that_could_not_work_is_refused_at_once(wrong):
    with pytest.raises(TypeError):
        on(**wrong)(quiet)
    assert LISTENERS == {}


def test_a_second_listener_of_one_name_is_refused():
    on(TextWritten)(quiet)
    with pytest.raises(TypeError, match="already"):
        on(TextWritten)(quiet)
