import re

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static


@pytest.fixture(scope="module")
def served():
    """The text of a collected file, by its plain name."""

    def text(name):
        with staticfiles_storage.open(static(name).removeprefix("/static/")) as file:
            return file.read().decode()

    return text


def test_names_change_with_what_they_hold():
    assert re.fullmatch(r"/static/ui/app\.[0-9a-f]{12}\.css", static("ui/app.css"))


def test_the_style_sheet_names_its_fonts_by_their_hashed_names(served):
    addresses = re.findall(r'url\("([^"]+)"\)', served("ui/app.css"))
    assert len(addresses) == 4
    for address in addresses:
        assert re.fullmatch(r"vendor/literata/[\w-]+\.[0-9a-f]{12}\.woff2", address)
        assert staticfiles_storage.exists(f"ui/{address}")


def test_modules_import_each_other_by_their_hashed_names(served):
    script = served("ui/js/app.js")
    imported = re.findall(r"""(?:from\s*|import\()["'](\.[^"']+)["']""", script)
    assert "./elements/wop-editor." in " ".join(imported)
    for address in imported:
        assert re.search(r"\.[0-9a-f]{12}\.js$", address)


def test_the_parts_of_the_style_sheet_are_not_served_by_themselves():
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        static("ui/css/10-tokens.css")
