import pytest
from hypothesis import given
from hypothesis import strategies as st

from download.addresses import address, canonical, first_in, host_of, name_of

SAME = [
    ("HTTP://Example.ORG", "https://example.org/"),
    ("https://example.org./a/", "http://example.org/a"),
    ("https://me:secret@example.org:443/a", "http://example.org:80/a"),
    ("https://example.org/a/./b/../c", "https://example.org/a/c"),
    ("https://example.org/%7euser/%c3%a9", "https://example.org/~user/é"),
    ("https://münchen.example/", "https://xn--mnchen-3ya.example/"),
    ("https://example.org/?utm_source=x&b=2&fbclid=1&a=1", "https://example.org/?b=2&a=1"),
    ("https://x.com/a/status/1?s=20&t=abc", "https://x.com/a/status/1"),
    ("https://example.org/a#part", "https://example.org/a"),
    ("http://[2001:DB8::1]:80/", "https://[2001:db8::1]"),
    (" https://example.org/a\n", "https://example.org/a"),
]
DIFFERENT = [
    ("https://www.example.org/", "https://example.org/"),
    ("https://example.org/?a=1&b=2", "https://example.org/?b=2&a=1"),
    ("https://example.org/#!/a", "https://example.org/#!/b"),
    ("https://example.org/a%2Fb", "https://example.org/a/b"),
    ("https://example.org:8080/", "https://example.org/"),
    ("https://example.org/?s=1", "https://example.org/?s=2"),
]
NONE = [
    *("", "words", "example.org", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"),
    *("ftp://example.org/", "https://", "http:///nowhere", "http://[::1", "http://a:b/"),
    *("https://exa mple.org/", "http://a.example:99999/", "https://℀.example/"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_place_are_the_same(one, other):
    assert canonical(one) == canonical(other) is not None


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_places_stay_others(one, other):
    assert None not in {canonical(one), canonical(other)}
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("given", NONE)
def test_what_is_no_address_is_none(given):
    assert canonical(given) is None
    assert address(given) is None


def test_what_is_opened_is_what_was_given():
    given = "http://Example.org/a/?utm_source=x#part"
    assert address(f" {given}\x00 ") == given
    assert address(f"https://example.org/{'a' * 2_048}") is None


addresses = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["example.org", "a@Bücher.example.:80", "[::1]", "x.com", "%41.example"]),
    st.text(alphabet="/.%2eE?#&=;+a ~é\ud800\n!", max_size=20),
    st.text(max_size=20),
)


@given(addresses | st.text())
def test_the_canonical_form_is_its_own(given):
    form = canonical(given)
    assert form is None or canonical(form) == form


def test_a_shared_text_gives_its_first_address():
    assert first_in("Look: https://example.org/a, it says", "") == "https://example.org/a"
    assert first_in("nothing", "here (http://example.org/b).") == "http://example.org/b"
    assert first_in("nothing") == ""


def test_an_address_names_its_site_and_itself():
    assert host_of("https://www.Example.org:8080/a") == "www.example.org"
    assert name_of("https://www.example.org/caf%C3%A9/") == "example.org/café"
