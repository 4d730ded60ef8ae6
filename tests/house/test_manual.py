"""The manual page says what the verbs say, and is put where man finds it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from sesh.about import __version__
from sesh.cli.printed import PRINTS
from sesh.cli.verbs import VERBS
from tests.house.source import read
from tests.support import ROOT
from tests.support.scripts import script


@pytest.fixture(scope="module")
def manual() -> ModuleType:
    return script("docs/manual.py")


def test_the_page_is_up_to_date(manual: ModuleType) -> None:
    assert read("docs/sesh.1") == manual.page(), "run: make man"


def test_it_is_dated_as_the_changelog_dates_this_version(manual: ModuleType) -> None:
    day = re.search(r'^\.TH SESH 1 "(\d{4}-\d\d-\d\d)"', manual.page(), re.MULTILINE)
    assert day is not None
    dated = re.search(rf"^## \[?{re.escape(__version__)}\]?\D*(\d{{4}}-\d\d-\d\d)", read("CHANGELOG.md"), re.MULTILINE)
    assert dated is None or dated[1] == day[1], "docs/manual.py: _RELEASED"


def test_it_has_the_variables_and_the_files_of_the_other_pages(manual: ModuleType) -> None:
    """It lacked SESH_WORK_LOG, XDG_CONFIG_HOME and its like."""
    terms = {
        title: set(re.findall(r"^\.TP\n\.B (.*)$", part, re.MULTILINE))
        for title, part in re.findall(r"^\.SH (\w+)\n(.*?)(?=^\.SH)", manual.page(), re.MULTILINE | re.DOTALL)
    }
    variable = r"\b(?:SESH_[A-Z_]+|XDG_[A-Z]+_HOME|NO_COLOR)\b"
    pages = read("docs/CONFIG.md").partition("\n## Environment\n")[2]
    rows = re.findall(r"^\| (`[^|]*)\|", pages, re.MULTILINE)
    assert set(re.findall(variable, " ".join(terms["ENVIRONMENT"]))) == set(re.findall(variable, " ".join(rows)))
    files = re.findall(r"^\| (`~/[^|]*)\|", read("docs/FILES.md"), re.MULTILINE)
    paths = {path for row in files for path in re.findall(r"`(~/[^`]*)`", row)}
    assert paths <= {path.replace("\\(ti", "~") for term in terms["FILES"] for path in term.split(", ")}


def test_the_page_of_json_is_up_to_date_and_has_every_verb_that_prints_a_value() -> None:
    json_page = script("docs/json_page.py")
    assert read("docs/JSON.md") == json_page.page(), "run: make man"
    assert PRINTS.keys() | json_page.ATTACHES == {verb.name for verb in VERBS}
    assert PRINTS.keys().isdisjoint(json_page.ATTACHES)
    titles = re.findall(r"^### (.*)$", json_page.page(), re.MULTILINE)
    assert len(titles) == len(set(titles))


def test_it_has_every_verb_and_roff_finds_no_fault(manual: ModuleType) -> None:
    text = read("docs/sesh.1")
    assert all(verb.name.replace("-", "\\-") in text for verb in VERBS)
    assert text.isascii()
    try:
        done = subprocess.run(
            ["groff", "-man", "-Tascii", "-ww", "-z"], input=text, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("no groff")
    assert done.stderr == ""


def test_it_is_installed_and_removed_and_a_foreign_one_stays(tmp_path: Path) -> None:
    place = tmp_path / "man" / "man1" / "sesh.1"
    script = os.path.join(ROOT, ".ci", "manual.sh")
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}

    def run(action: str) -> str:
        return subprocess.run(["sh", script, action], env=env, capture_output=True, text=True, check=True).stderr

    run("install")
    assert place.read_text(encoding="utf-8") == read("docs/sesh.1")
    run("install")
    run("uninstall")
    assert list(tmp_path.iterdir()) == []  # nor an empty directory
    place.parent.mkdir(parents=True)
    place.write_text("another's\n", encoding="utf-8")
    assert "was not installed by sesh and stays" in run("install")
    run("uninstall")
    assert place.read_text(encoding="utf-8") == "another's\n"
