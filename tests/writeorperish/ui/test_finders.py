from django.contrib.staticfiles import finders as found

from writeorperish.ui import finders


def test_the_style_sheet_is_built_when_asked_for_and_follows_its_parts(tmp_path, monkeypatch):
    parts = tmp_path / "css"
    (parts / "50-components").mkdir(parents=True)
    (parts / "10-a.css").write_text(".a {}")
    (parts / "50-components" / "b.css").write_text(".b {}")
    (parts / "90-c.css").write_text(".c {}")
    monkeypatch.setattr(finders, "PARTS", parts)
    finder = finders.StylesFinder()
    finder.folder = tmp_path / "build"
    built = finder.folder / finders.NAME

    assert finder.find(finders.NAME) == str(built)
    assert built.read_text() == ".a {}\n.b {}\n.c {}"
    (parts / "50-components" / "b.css").unlink()
    (parts / "90-c.css").write_text(".d {}")
    [(name, storage)] = finder.list(None)
    with storage.open(name) as file:
        assert file.read() == b".a {}\n.d {}"


def test_a_page_asking_again_finds_the_file_untouched(tmp_path):
    finder = finders.StylesFinder()
    finder.folder = tmp_path
    finder.find(finders.NAME)
    before = (tmp_path / finders.NAME).stat().st_ino
    finder.find(finders.NAME)
    assert (tmp_path / finders.NAME).stat().st_ino == before


def test_other_files_are_found_by_others_and_missing_ones_by_nobody():
    assert finders.StylesFinder().find("ui/icons.svg") == []
    assert found.find("ui/icons.svg")
    assert not found.find("ui/nothing.css")
