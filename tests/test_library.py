import pytest

from bayescope import library
from bayescope.errors import BayescopeError


def test_the_shipped_files_go_by_name():
    assert {"coin", "linear", "logistic"} <= library.models().keys()
    assert {"mle", "map", "exact", "nuts"} <= library.recipes().keys()
    assert {"coin", "kidiq"} <= library.configs().keys()


def test_every_path_is_a_file_of_its_name():
    for shelf in (library.models(), library.recipes(), library.configs()):
        assert all(path.is_file() and path.name == f"{name}.yaml" for name, path in shelf.items())


def test_a_wheel_has_its_library_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "bayescope"
    (package / "_library" / "models").mkdir(parents=True)
    (package / "_library" / "models" / "mine.yaml").write_text("likelihood: Normal\n")
    monkeypatch.setattr(library, "__file__", str(package / "library.py"))
    assert library.models() == {"mine": package / "_library" / "models" / "mine.yaml"}


def test_an_installation_without_its_library_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "src" / "bayescope" / "library.py"))
    with pytest.raises(
        BayescopeError, match="the shipped models are missing from this installation; reinstall"
    ):
        library.models()
