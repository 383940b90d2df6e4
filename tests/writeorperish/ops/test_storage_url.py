import pytest
from django.core.exceptions import ImproperlyConfigured

from writeorperish.settings import env_bucket

NONE = {"endpoint": "", "region": "", "prefix": ""}


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("", {}),
        ("s3://diaries", NONE | {"bucket": "diaries"}),
        (
            "s3://my.diaries-1/?endpoint=https://0a1b.r2.cloudflarestorage.com/&region=auto&prefix=wop/files/",
            {
                "bucket": "my.diaries-1",
                "endpoint": "https://0a1b.r2.cloudflarestorage.com",
                "region": "auto",
                "prefix": "wop/files",
            },
        ),
        (
            "s3://diaries?endpoint=http%3A%2F%2F127.0.0.1%3A9000",
            NONE | {"bucket": "diaries", "endpoint": "http://127.0.0.1:9000"},
        ),
    ],
)
def test_an_address_names_a_bucket_and_what_it_needs(monkeypatch, address, options):
    monkeypatch.setenv("STORAGE_URL", address)
    assert env_bucket("STORAGE_URL") == options


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://diaries", "must read like s3://bucket"),
        ("/var/files", "must read like s3://bucket"),
        ("s3://diaries/folder", "must read like s3://bucket"),
        ("s3://diaries?acl=public-read", "must read like s3://bucket"),
        ("s3://diaries?region=a&region=b", "must read like s3://bucket"),
        ("s3://", "must name a bucket"),
        ("s3://Diaries", "must name a bucket"),
        ("s3://key:secret@diaries", "no credentials"),
        ("s3://diaries?endpoint=http://minio:9000", "must be an https address"),
        ("s3://diaries?endpoint=https://key:secret@host", "must be an https address"),
        ("s3://diaries?endpoint=https://host/path", "must be an https address"),
        ("s3://diaries?endpoint=file:///etc", "must be an https address"),
        ("s3://diaries?region=EU+1", "The region"),
        ("s3://diaries?prefix=../other", "The prefix"),
        ("s3://diaries?prefix=/wop", "The prefix"),
    ],
)
def test_a_wrong_address_stops_the_start_with_one_sentence_and_tells_no_secret(
    monkeypatch, address, said
):
    monkeypatch.setenv("STORAGE_URL", address)
    with pytest.raises(ImproperlyConfigured, match=said) as refusal:
        env_bucket("STORAGE_URL")
    assert "STORAGE_URL" in str(refusal.value)
    assert "key:secret" not in str(refusal.value)
