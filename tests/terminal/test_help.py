"""Help: the overview, short enough for twenty seconds, and the page of each verb."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from itertools import takewhile
from pathlib import Path

from sesh.cli.app import START, built
from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.cli.verbs import GROUPS, VERBS, find_verb
from tests.support import ROOT, Home


def _shown(home: Home, *words: str) -> str:
    done = home.sesh(*words, "--help", env={"COLUMNS": "80"})
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


def test_the_overview_fits_and_has_each_verb_once_in_a_line_of_its_own(home: Home) -> None:
    shown = _shown(home)
    assert len(shown.splitlines()) <= 75
    assert max(map(len, shown.splitlines())) <= 80
    blocks = re.findall(r"^(\w[^:\n]*):\n((?:  .*\n)+)", shown, re.MULTILINE)
    groups = {title: lines.splitlines() for title, lines in blocks if title in GROUPS}
    assert list(groups) == list(GROUPS)
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for group in groups.values() for line in group]
    assert [len(line) for line in lines] == [2] * len(VERBS), "none is wrapped"
    named = Counter(word for line in lines for word in line[0].split(", "))
    assert named == Counter(word for verb in VERBS for word in verb.shown.split(", "))
    for word in (r"Ctrl-\ ", "@HOST", "--json", "--local", "Exit codes: 0", "124", "125", "255", "SESH_DIR"):
        assert word in shown


def test_the_three_examples_on_top_work(home: Home) -> None:
    """Type the examples as printed; the host is another home on this machine."""
    there = os.path.join(home.root, "there")
    os.makedirs(os.path.join(there, ".sesh"), mode=0o700)
    with open(home.command[-1], encoding="utf-8") as file:
        home.write("../there/.local/bin/sesh", file.read(), 0o755)
    reach = f"env HOME={there} SESH_DIR={there}/.sesh PATH={os.environ['PATH']}"
    home.write(".config/sesh/config.toml", f"[remotes.gpu]\nvia = {json.dumps(reach)}\n")
    shown = re.findall(r"^  (sesh.*?)  ", _shown(home).partition(f"{next(iter(GROUPS))}:")[0], re.MULTILINE)
    assert shown == [line for line, _ in START]
    for line in shown:
        opened = home.terminal(*shlex.split(line)[1:])
        if line != "sesh":
            opened.wait_for(r"Ctrl-\ leaves")
            opened.type("\x1c")
        assert opened.exit_code() == 0
    listed = home.sesh("list", "--json").json()
    assert [(row["name"], row["host"]) for row in listed] == [("work", None), ("work", "gpu")]
    assert home.sesh("@gpu", "kill", "work").code == 0


def test_the_page_of_a_verb_is_the_same_by_each_of_its_spellings(home: Home) -> None:
    shown = _shown(home, "exec")
    assert shown.startswith("Usage: sesh exec ")
    assert shown == home.sesh("help", "exec", env={"COLUMNS": "80"}).stdout == _shown(home, "exec")
    assert home.sesh("-e", "--help", "--json", env={"COLUMNS": "80"}).json() == {"help": shown.rstrip("\n")}


def test_each_argument_and_option_of_a_verb_has_a_meaning() -> None:
    """A page said only `Arguments:` and `NAME`."""
    named = [(verb.name, each) for verb in VERBS for each in built(verb.name).params]
    assert [(verb, each.name) for verb, each in named if not getattr(each, "help", None)] == []


def test_each_short_option_has_a_long_form() -> None:
    named = [(verb.name, each.opts) for verb in VERBS for each in built(verb.name).params]
    short = [(verb, words) for verb, words in named if any(word[:1] == "-" for word in words)]
    assert [(verb, words) for verb, words in short if not any(word[:2] == "--" for word in words)] == []


def test_a_long_option_means_one_thing_and_one_that_means_two_says_both_in_each_help() -> None:
    """`--replace` detached terminals with five verbs, and ended the session with a sixth."""
    meanings: dict[str, dict[str, set[str]]] = {}  # by option and the first words of its help: the verbs
    helps: dict[tuple[str, str], str] = {}
    for verb in VERBS:
        for each in built(verb.name).params:
            text = getattr(each, "help", "")
            for word in each.opts if not getattr(each, "hidden", False) else ():
                if word[:2] == "--":
                    meanings.setdefault(word, {}).setdefault(" ".join(text.split()[:2]), set()).add(verb.name)
                    helps[word, verb.name] = text
    double = {word: found for word, found in meanings.items() if len(found) > 1}
    assert double.keys() <= {"--label", "--timeout", "--force", "--remove", "--list"}
    for word, found in double.items():
        one, two = found.values()
        for verbs, others in ((one, two), (two, one)):
            for name in verbs:
                said = re.findall(r"\w[\w-]*", helps[word, name].rpartition("(")[2])
                assert others.intersection(said), f"{name} {word} does not say what it means with {others}"


def test_each_example_is_a_line_that_its_verb_takes_in_each_spelling() -> None:
    examples = [(built(verb.name).help or "").partition("\n\nExamples:\n")[2] for verb in VERBS]
    for page in (Path(ROOT, "README.md"), Path(ROOT, "sesh/cli/skill.md"), *Path(ROOT, "docs").glob("*.md")):
        examples += re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for example in map(str.strip, "\n".join(examples).replace("\\\n", " ").splitlines()):
        if not example.startswith("sesh ") or re.search("[$[…]|VERB|--help", example.partition(" -- ")[0]):
            continue
        words = shlex.shlex(example, posix=True, punctuation_chars="|<>&;")
        words.whitespace_split = True
        argv = list(takewhile(lambda word: word not in ("|", "<", ">", "&", "&&", ";"), words))[1:]
        line = split(argv)
        for spelling in (line.verb.name, f"--{line.verb.name}") if line.verb.word else (line.verb.name,):
            assert split([spelling if find_verb(word) is line.verb else word for word in argv]) == line, example
        built(line.verb.name).make_context(line.verb.name, [*line.words], obj=Invocation(line))
