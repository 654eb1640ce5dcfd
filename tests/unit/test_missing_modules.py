"""What Vercel's runtime imports during each request, in case it is installed, is not searched for each time."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

import pytest

from lib import bootstrap


class Searches:
    """A finder that finds nothing and notes what is searched for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        """Note the name."""
        self.names.append(name)


@pytest.mark.parametrize("name", ["vercel.cache.cache_build", "vercel.cache.context", "vercel.headers"])
def test_a_module_that_is_not_installed_is_not_searched_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search takes the lock of the name, behind which the threads of a busy instance piled up by the thousand."""
    monkeypatch.delitem(sys.modules, name, raising=False)
    bootstrap.make_app()
    searches = Searches()
    monkeypatch.setattr(sys, "meta_path", [searches, *sys.meta_path])
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)
    assert searches.names == []
