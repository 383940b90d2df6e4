"""Whether the bucket takes files, said before anything serves: a wrong one would be found with the first recording."""

from collections.abc import Iterable, Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Warned

from writeorperish.crypto.buckets import FilesAway, bucket_files, takes_files


# It calls out, so it is asked at the start and before a deployment, and not by every command.
@register("storage", deploy=True)
def check_bucket(
    app_configs: Sequence[AppConfig] | None, **kwargs: object
) -> Iterable[CheckMessage]:
    """An error when the bucket refuses what files need, a warning while it does not answer. Three calls."""
    try:
        well = not settings.STORAGE or takes_files(bucket_files(**settings.STORAGE))
    except FilesAway as away:
        if not away.detail["refused"]:
            return [
                Warned(
                    "The bucket of STORAGE_URL does not answer: sound and files wait until it does.",
                    id="crypto.W001",
                )
            ]
        return [
            Error(
                f"The bucket of STORAGE_URL refuses to take files ({away.detail['reason']}): look at its name, "
                "at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and at what they may do.",
                id="crypto.E005",
            )
        ]
    return [] if well else [Error("The bucket of STORAGE_URL alters files.", id="crypto.E006")]
