"""sesh still shows users all that the fixtures froze, except what `dropped.json` lists."""

from __future__ import annotations

import re

import pytest

from sesh.cli.verbs import VERBS
from tests.contract import gathering
from tests.contract.gathering import fixture, lost, structure
from tests.support import Home

DROPPED = fixture("dropped")


def test_every_verb_is_recorded() -> None:
    recorded = {name for frozen in fixture("options").values() for name in frozen["names"]}
    missing = [verb.shown for verb in VERBS if recorded.isdisjoint((verb.name, verb.dashed))]
    assert missing == [], "record it, by python -m tests.contract.freeze"


@pytest.mark.usefixtures("inside")
def test_every_verb_answers_to_its_names_and_lists_its_options(home: Home) -> None:
    overview = gathering.overview(home)
    listed = [spellings for spellings, _ in gathering.rows(overview)]
    missing = [
        f"{option} in the overview" for option in gathering.EVERYWHERE if not any(option in each for each in listed)
    ]
    for verb, frozen in fixture("options").items():
        if verb in DROPPED["verbs"]:
            continue
        if not re.search(rf"^\W*{verb.lstrip('-')}\b", overview, re.MULTILINE):
            missing.append(f"{verb} in the overview")
        for name in {*frozen["names"], verb.removeprefix("--")}:
            page = gathering.help_of(name)
            if not page:
                missing.append(f"{name} --help")
            shown = gathering.options(page)
            for spelled, kind in frozen["options"].items():
                option = set(spelled.split(", "))
                if option & set(DROPPED["options"].get(verb, ())):
                    continue
                if not any(option <= spellings and kind == taken for spellings, taken in shown):
                    missing.append(f"{name} {spelled} ({kind})")
    assert not missing, "\n".join(missing)


def test_every_answer_has_its_keys_and_their_kinds(home: Home) -> None:
    now = gathering.answers(home)
    missing = []
    for line, frozen in fixture("answers").items():
        kept = {at: kinds for at, kinds in frozen.items() if at.rpartition(".")[2] not in DROPPED["keys"]}
        missing += [f"{line}: {each}" for each in lost(kept, now.get(line, {}))]
    assert not missing, "\n".join(missing)


def test_every_outcome_has_its_exit_code_and_error(home: Home) -> None:
    assert gathering.outcomes(home) == fixture("outcomes")


def test_the_page_of_json_explains_every_key() -> None:
    now = gathering.sections("docs/JSON.md")
    gone = {*DROPPED["keys"], *DROPPED["verbs"]}
    missing = {
        name: sorted(set(words) - set(now.get(name, ())) - gone)
        for name, words in fixture("keys").items()
        if name not in DROPPED["types"]
    }
    assert {name: words for name, words in missing.items() if words} == {}


def test_the_page_of_settings_shows_every_setting_with_its_default_and_every_variable() -> None:
    frozen = fixture("settings")
    values, _ = gathering.settings()
    kept = {name: both[0] for name, both in frozen["values"].items() if name not in DROPPED["settings"]}
    assert {name: values.get(name) for name in kept} == kept
    variables = set(gathering.sections("docs/CONFIG.md")["Environment"])
    assert set(frozen["variables"]) - variables <= set(DROPPED["variables"])


@pytest.mark.parametrize("which", [0, 1], ids=["defaults", "others"])
def test_every_setting_is_taken(home: Home, which: int) -> None:
    frozen = fixture("settings")
    lines = [f"{name} = {both[which]}" for name, both in frozen["values"].items() if name not in DROPPED["settings"]]
    tables = [
        text for text in frozen["tables"] if not text.startswith(tuple(f"[{name}" for name in DROPPED["settings"]))
    ]
    assert gathering.faults(home, "\n".join([*lines, *tables, ""])) == []


def test_an_unknown_setting_is_a_fault(home: Home) -> None:
    said = gathering.faults(home, 'keep = "failed"\nrelay = 1\n')
    assert len(said) == 2, "by --doctor, and on stderr"
    assert all("relay" in line for line in said)


def test_what_is_lost_is_seen() -> None:
    frozen = structure([{"a": 1, "b": [{"c": "x"}], "d": None}, {"a": None, "b": [], "d": None}])
    assert frozen == {
        "$": "object", "$.a": "null|number", "$.b": "list", "$.b[*]": "object", "$.b[*].c": "str", "$.d": "null"
    }  # fmt: skip
    for now, found in (
        ({"a": 2.5, "b": [{"c": "y", "more": 1}], "d": "z"}, []),
        ({"a": None, "b": None, "d": {}}, []),
        ({"a": "1", "b": [{"c": "y"}], "d": 1}, ["$.a was null|number, is str"]),
        ({"a": 1, "b": [{}]}, ["$.b[*].c is gone: str", "$.d is gone: null"]),
    ):
        assert lost(frozen, structure([now])) == found
    assert len(lost(frozen, {})) == len(frozen)
