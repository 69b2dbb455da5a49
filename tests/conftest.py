"""What holds for every test: none reads or writes the cache of whoever runs it, nor that of another test."""

from itertools import count

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a unit test never times
settings.load_profile("untimed")

_NUMBERS = count()


@pytest.fixture(scope="session")
def _caches(tmp_path_factory):
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_user(_caches):
    """Also fixtures of modules and of the session, which are made before those of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAYESCOPE_CACHE", str(_caches / "shared"))
        yield


@pytest.fixture(autouse=True)
def own_cache(_caches, monkeypatch):
    """The folder of this test's own cache; nothing makes it before something is kept."""
    folder = _caches / str(next(_NUMBERS))
    monkeypatch.setenv("BAYESCOPE_CACHE", str(folder))
    return folder
