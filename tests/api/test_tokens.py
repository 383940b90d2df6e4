import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import TokenFamily, User
from accounts.tokens import ALGORITHM, AUDIENCE, kid_of, signing_key
from writeorperish.refs import new_id

ME = "/api/v1/me/"
TOKENS = f"{ME}tokens/"
REFRESH = f"{TOKENS}refresh/"
EMAIL, PASSWORD = "dora@example.org", "a sentence nobody guesses"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def person(**flags) -> User:
    call_command("create_person", EMAIL, password=PASSWORD, handle="dora", stdout=None, **flags)
    return User.objects.get(email=EMAIL)


def code_now() -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return str(format_hotp_value(hotp_value(SECRET, counter)))


def sign_in(client, **more):
    return client.post(TOKENS, {"email": EMAIL, "password": PASSWORD} | more)


def bearing(access: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def said(answer) -> dict:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


# --- signing in


def test_a_password_gives_a_pair_that_opens_the_api(anybody):
    dora = person()
    answer = sign_in(anybody, label="my phone")
    pair = answer.json()
    assert answer.status_code == 201
    assert set(pair) == {"access", "refresh", "token_type", "expires_in", "family", "scopes"}
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 600)
    me = bearing(pair["access"]).get(ME).json()
    assert (me["uid"], me["scopes"]) == (str(dora.uid), pair["scopes"])


def test_whatever_is_wrong_reads_the_same(anybody):
    dora = person()
    answers = [
        anybody.post(TOKENS, {"email": EMAIL, "password": "wrong"}),
        anybody.post(TOKENS, {"email": "nobody@example.org", "password": PASSWORD}),
    ]
    dora.emailaddress_set.update(verified=False)
    answers.append(sign_in(anybody))
    dora.emailaddress_set.update(verified=True)
    User.objects.filter(pk=dora.pk).update(is_active=False)
    answers.append(sign_in(anybody))
    assert {code(each) for each in answers} == {(401, "invalid_credentials")}
    assert len({json.dumps(said(each)) for each in answers}) == 1
    assert len({each.headers["WWW-Authenticate"] for each in answers}) == 1


def test_too_many_wrong_passwords_lock_known_and_unknown_alike(anybody):
    person()
    locked = []
    for email in (EMAIL, "nobody@example.org"):
        for _ in range(10):
            anybody.post(TOKENS, {"email": email, "password": "wrong"})
        locked.append(anybody.post(TOKENS, {"email": email, "password": PASSWORD}))
    assert code(locked[0]) == (429, "rate_limited")
    assert said(locked[0]) == said(locked[1])
    assert [each.headers["Retry-After"] for each in locked] == ["900", "900"]


def test_a_second_step_is_asked_for_and_checked(anybody):
    person(totp=SECRET)
    asked = sign_in(anybody)
    assert code(asked) == (401, "second_step_needed")
    assert "totp" in asked.json()["methods"]
    assert code(sign_in(anybody, otp="000000")) == (401, "invalid_credentials")
    assert sign_in(anybody, otp=code_now()).status_code == 201


def test_a_passkey_alone_sends_the_app_to_a_browser(anybody):
    Authenticator.objects.create(user=person(), type="webauthn", data={})
    assert code(sign_in(anybody)) == (401, "use_browser")


def test_a_wrong_password_never_tells_of_a_second_step(anybody):
    person(totp=SECRET)
    answer = anybody.post(TOKENS, {"email": EMAIL, "password": "wrong"})
    assert code(answer) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        ({}, (422, "invalid")),
        ({"email": EMAIL}, (422, "invalid")),
        ({"email": EMAIL, "password": ""}, (422, "invalid")),
        ({"email": [EMAIL], "password": PASSWORD}, (422, "invalid")),
        ({"email": EMAIL, "password": PASSWORD, "admin": True}, (400, "unknown_field")),
        ({"email": EMAIL, "password": "x" * 1025}, (422, "invalid")),
    ],
)
def test_a_broken_sign_in_is_refused(anybody, sent, refusal):
    assert code(anybody.post(TOKENS, sent)) == refusal


def test_a_waiting_person_may_do_nothing_yet_and_is_told_why(anybody):
    person(waiting=True)
    access = sign_in(anybody).json()["access"]
    answer = bearing(access).get("/api/v1/journal/nodes/")
    assert code(answer) == (403, "missing_scope")
    assert answer.json()["why"] == "not_admitted"


# --- refreshing


def test_a_refresh_turns_the_pair_over(anybody):
    person()
    first = sign_in(anybody).json()
    second = anybody.post(REFRESH, {"refresh": first["refresh"]})
    assert second.status_code == 200
    pair = second.json()
    assert pair["family"] == first["family"]
    assert {pair["refresh"], pair["access"]}.isdisjoint({first["refresh"], first["access"]})
    assert bearing(pair["access"]).get(ME).status_code == 200
    assert TokenFamily.objects.count() == 1


def test_an_app_may_refresh_while_it_still_sends_a_token_that_ended(anybody, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z")
    person()
    pair = sign_in(anybody).json()
    time_machine.move_to("2026-03-01T13:00:00Z")
    anybody.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    assert code(anybody.get(ME)) == (401, "not_authenticated")
    assert anybody.post(REFRESH, {"refresh": pair["refresh"]}).status_code == 200


def test_a_lost_answer_is_asked_for_again_within_half_a_minute(anybody, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    person()
    old = sign_in(anybody).json()["refresh"]
    one = anybody.post(REFRESH, {"refresh": old}).json()
    time_machine.move_to("2026-03-01T12:00:30Z", tick=False)
    other = anybody.post(REFRESH, {"refresh": old}).json()
    for pair in (one, other):
        assert anybody.post(REFRESH, {"refresh": pair["refresh"]}).status_code == 200


def test_an_old_token_that_comes_back_later_ends_the_family(anybody, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    person()
    old = sign_in(anybody).json()["refresh"]
    pair = anybody.post(REFRESH, {"refresh": old}).json()
    time_machine.move_to("2026-03-01T12:00:31Z", tick=False)
    assert code(anybody.post(REFRESH, {"refresh": old})) == (401, "not_authenticated")
    assert code(anybody.post(REFRESH, {"refresh": pair["refresh"]})) == (401, "not_authenticated")
    assert code(bearing(pair["access"]).get(ME)) == (401, "not_authenticated")
    assert TokenFamily.objects.get().reason == "reused"


# --- what counts as a token


def forged(dora, family, *, key=None, headers=None, algorithm=ALGORITHM, **changes) -> str:
    now = datetime.now(UTC)
    claims = {
        "sub": str(dora.pk),
        "fam": family,
        "jti": "x",
        "kind": "access",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + timedelta(minutes=5),
    }
    first = settings.JWT_KEYS[0]
    headers = {"kid": kid_of(first)} if headers is None else headers
    signed_with = signing_key(first) if key is None else key
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, signed_with, algorithm=algorithm, headers=headers)


PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_forged_token_is_nobodys(anybody):
    dora = person()
    family = sign_in(anybody).json()["family"]
    assert bearing(forged(dora, family)).get(ME).status_code == 200
    for changes in (
        {"exp": PAST},
        {"exp": None},
        {"aud": "pages"},
        {"aud": None},
        {"kind": "refresh"},
        {"kind": None},
        {"sub": "nobody"},
        {"sub": str(new_id())},
        {"fam": str(new_id())},
        {"fam": 7},
        {"headers": {"kid": "000000000000"}},
        {"headers": {}},
        {"key": hashlib.sha256(b"another").digest()},
        {"key": "", "algorithm": "none"},
        {"algorithm": "HS512"},
    ):
        answer = bearing(forged(dora, family, **changes)).get(ME)
        assert code(answer) == (401, "not_authenticated"), changes


def nested(depth: int) -> str:
    return base64.urlsafe_b64encode(b"[" * depth).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer e30.e30.e30",
        f"Bearer {nested(5000)}.e30.AA",
        "Basic ZG9yYTpkb3Jh",
        "bearer \u00e9",
        "Bearer " + "x" * 7000,
    ],
)
def test_a_header_that_is_no_token_is_nobodys(anybody, header):
    anybody.credentials(HTTP_AUTHORIZATION=header)
    assert code(anybody.get(ME)) == (401, "not_authenticated")


@pytest.mark.parametrize("refresh", ["x", "a.b.c", " "])
def test_a_refresh_token_we_did_not_sign_is_refused(anybody, refresh):
    assert anybody.post(REFRESH, {"refresh": refresh}).status_code in {401, 422}


def test_an_access_token_does_not_refresh(anybody):
    person()
    access = sign_in(anybody).json()["access"]
    assert code(anybody.post(REFRESH, {"refresh": access})) == (401, "not_authenticated")


def test_the_token_of_one_and_the_session_of_another_are_nobody(anybody, charlie):
    person()
    browser = Client()
    browser.force_login(charlie)
    access = sign_in(anybody).json()["access"]
    answer = browser.get(ME, headers={"Authorization": f"Bearer {access}"})
    assert code(answer) == (401, "not_authenticated")


def test_a_session_changes_nothing_without_its_csrf_token(charlie):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(charlie)
    assert browser.get(ME).status_code == 200
    answer = browser.patch(ME, {"name": "x"}, content_type="application/json")
    assert code(answer) == (401, "not_authenticated")


def test_a_token_opens_no_page(anybody):
    person()
    access = sign_in(anybody).json()["access"]
    assert bearing(access).get("/journal/").status_code == 302


# --- families


def test_ones_apps_are_listed_and_signed_out_at_once(anybody):
    person()
    phone, laptop = sign_in(anybody, label="phone").json(), sign_in(anybody, label="laptop").json()
    client = bearing(laptop["access"])
    listed = client.get(TOKENS).json()["results"]
    assert [(each["label"], each["current"]) for each in listed] == [
        ("laptop", True),
        ("phone", False),
    ]
    assert set(listed[0]) == {"family", "label", "created_at", "last_used_on", "current"}
    assert client.delete(f"{TOKENS}{phone['family']}/").status_code == 204
    assert code(bearing(phone["access"]).get(ME)) == (401, "not_authenticated")
    assert code(anybody.post(REFRESH, {"refresh": phone["refresh"]})) == (401, "not_authenticated")
    assert client.get(ME).status_code == 200
    assert code(client.delete(f"{TOKENS}{phone['family']}/")) == (404, "not_found")


def test_the_app_of_somebody_else_is_missing(anybody, api, charlie):
    person()
    family = sign_in(anybody).json()["family"]
    assert code(api(charlie).delete(f"{TOKENS}{family}/")) == (404, "not_found")


def test_the_proof_of_a_password_counts_for_a_quarter_of_an_hour(anybody, time_machine):
    time_machine.move_to("2026-03-01T12:00:00Z", tick=False)
    person()
    pair = sign_in(anybody).json()
    time_machine.move_to("2026-03-01T12:15:01Z", tick=False)
    access = anybody.post(REFRESH, {"refresh": pair["refresh"]}).json()["access"]
    client = bearing(access)
    headers = {"Idempotency-Key": str(new_id())}
    assert code(client.post(f"{ME}exports/", {}, headers=headers)) == (403, "proof_needed")
    assert code(client.post(f"{ME}proof/", {"password": "x"})) == (401, "invalid_credentials")
    assert client.post(f"{ME}proof/", {"password": PASSWORD}).status_code == 204
    assert client.post(f"{ME}exports/", {}, headers=headers).status_code == 202
