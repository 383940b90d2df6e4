import pytest

from writeorperish.ops.settings_check import check_settings

GOOD = {
    "DEBUG": False,
    "OWN_SERVERS": True,
    "SECRET_KEY": "s" * 40,
    "MASTER_KEY": "m" * 40,
    "JWT_KEYS": ["j" * 40, "k" * 40],
    "AUDIT_SIGNING_KEY": "",
    "METRICS_TOKEN": "",
    "ALLOWED_HOSTS": ["journal.example"],
    "BASE_URL": "https://journal.example",
    "AUDIT_ANCHOR_TARGET": "s3://anchors",
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"SECRET_KEY": "short"}, ["wop.E001"]),
        ({"JWT_KEYS": ["j" * 40, "short"]}, ["wop.E001"]),
        ({"MASTER_KEY": "s" * 40}, ["wop.E002"]),
        ({"ALLOWED_HOSTS": ["*"]}, ["wop.E003"]),
        ({"BASE_URL": "http://journal.example"}, ["wop.E004"]),
        ({"AUDIT_ANCHOR_TARGET": ""}, ["wop.W001"]),
        ({"DEBUG": True, "SECRET_KEY": "short", "ALLOWED_HOSTS": ["*"]}, []),
        ({"OWN_SERVERS": False, "BASE_URL": "http://127.0.0.1:8000"}, []),
    ],
)
def test_what_must_not_be_served_is_named(settings, change, found):
    for name, value in (GOOD | change).items():
        setattr(settings, name, value)
    assert [each.id for each in check_settings(None)] == found
