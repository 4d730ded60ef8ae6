"""The project's address stands in pyproject.toml, and elsewhere only as it stands there."""

from __future__ import annotations

import importlib.util
import os
import re
from glob import glob
from types import ModuleType

import pytest

from tests.house.distribution import missing, relative, source
from tests.house.source import read
from tests.support import ROOT

ADDRESS = re.compile(r"https://github\.com/([\w-]+/sesh)\b")
OTHERS = {"joshmedeski/sesh"}
"""Projects of that name that pages tell apart from this one."""
PLACES = ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "pyproject.toml", ".github/**/*.yml", "docs/*.[mp][dy]"]


def setup() -> ModuleType:
    """setup.py, without what it does when it is run."""
    spec = importlib.util.spec_from_file_location("readme_for_the_index", os.path.join(ROOT, "setup.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("setuptools.setup", lambda **_: None)
        spec.loader.exec_module(module)
    return module


def test_every_place_names_the_address_that_pyproject_names() -> None:
    paths = [os.path.relpath(path, ROOT) for place in PLACES for path in glob(f"{ROOT}/{place}", recursive=True)]
    named = {(path, found) for path in paths for found in ADDRESS.findall(read(path)) if found not in OTHERS}
    assert {found for _, found in named} == {source().removeprefix("https://github.com/")}, named
    assert {path for path, _ in named} >= {"README.md", "pyproject.toml", ".github/ISSUE_TEMPLATE/config.yml"}


def test_links_and_pictures_of_the_readme_become_absolute() -> None:
    text = setup().absolute(
        "[a page](docs/PAGE.md#anchor), [here](#install), [far](https://example.org/x), [mail](mailto:a@example.org)\n"
        '![a picture](docs/a.svg) <img alt="of it" src="docs/b.svg"> <source srcset="docs/c.svg">\n'
    )
    blob, raw = (f"{source()}/{kind}/v{setup().version()}" for kind in ("blob", "raw"))
    assert text == (
        f"[a page]({blob}/docs/PAGE.md#anchor), [here]({blob}/README.md#install), [far](https://example.org/x), "
        "[mail](mailto:a@example.org)\n"
        f'![a picture]({raw}/docs/a.svg) <img alt="of it" src="{raw}/docs/b.svg"> <source srcset="{raw}/docs/c.svg">\n'
    )


def test_what_the_index_shows_leads_to_files_that_exist() -> None:
    shown = setup().absolute(read("README.md"))
    assert missing(shown) == []
    assert f"{source()}/blob/" in shown
    assert f"{source()}/raw/" in shown
    assert relative(shown) == []
