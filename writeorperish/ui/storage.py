"""Static files under names that change with their content, scripts and what they import included."""

from collections.abc import Iterator
from typing import Final

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

# They end up in app.css, where their addresses hold; by themselves nobody asks for them.
PARTS: Final = "ui/css/"


class HashedModules(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped base
    """Every file hashed and compressed; `import` statements name the hashed files too."""

    support_js_module_import_aggregation = True
    # Modules are ours alone. In a large script of others, packed on one line, looking for imports takes a second.
    _js_module_import_aggregation_patterns = (
        "ui/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )

    def post_process(self, paths: dict[str, object], **options: object) -> Iterator[object]:
        served = {name: found for name, found in paths.items() if not name.startswith(PARTS)}
        return super().post_process(served, **options)  # type: ignore[no-any-return]
