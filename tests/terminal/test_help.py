"""Help: the overview that one reads in twenty seconds, and the page of each verb."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter
from itertools import takewhile

from sesh.cli.parser import parse, split
from sesh.cli.verb_texts import GROUPS, START
from sesh.cli.verbs import SPELLINGS, VERBS
from tests.support import Home

_FOREIGN = re.compile(r"\[OPTIONS\]|\[ARGS\]|COMMAND \[|Show this message|Try '|Commands:|--install-completion")
"""Words of the library that writes the help."""


def _shown(home: Home, *words: str, columns: int = 80) -> str:
    done = home.sesh(*words, "--help", env={"COLUMNS": str(columns)})
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


def _groups(overview: str) -> dict[str, list[str]]:
    """The lines of each group."""
    blocks = re.findall(r"^(\w[^:\n]*):\n((?:  .*\n)+)", overview, re.MULTILINE)
    return {title: lines.splitlines() for title, lines in blocks}


def test_the_overview_fits_and_has_each_verb_once_in_a_line_of_its_own(home: Home) -> None:
    shown = _shown(home)
    assert len(shown.splitlines()) <= 72
    assert max(map(len, shown.splitlines())) <= 80
    groups = _groups(shown)
    assert list(groups) == [*GROUPS, "With every verb"]
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for title in GROUPS for line in groups[title]]
    assert all(len(line) == 2 for line in lines), "none is wrapped"
    named = Counter(word for line in lines for word in line[0].split(", "))
    public = {"NAME", "-A NAME", *SPELLINGS} - {"--hook", "--bridge", "--complete"}
    assert named == Counter(public)
    assert all(len(verb.summary) <= 55 for verb in VERBS)
    for word in (r"Ctrl-\ ", "@HOST", "--json", "--local", "Exit codes: 0", "124", "125", "255", "SESH_DIR"):
        assert word in shown


def test_the_three_examples_on_top_work(home: Home) -> None:
    """They are typed as printed, the host being another home on this machine."""
    there = os.path.join(home.root, "there")
    os.makedirs(os.path.join(there, ".sesh"), mode=0o700)
    with open(home.command[-1], encoding="utf-8") as file:
        home.write("../there/.local/bin/sesh", file.read(), 0o755)
    reach = f"env HOME={there} SESH_DIR={there}/.sesh PATH={os.environ['PATH']}"
    home.write(".config/sesh/config.toml", f"[remotes.gpu]\nvia = {json.dumps(reach)}\n")
    shown = re.findall(r"^  (sesh.*?)  ", _shown(home).partition(f"{GROUPS[0]}:")[0], re.MULTILINE)
    assert shown == [line for line, _ in START]
    assert len(shown) == 3
    for line in shown:
        opened = home.terminal(*shlex.split(line)[1:])
        if line != "sesh":
            opened.wait_for(r"Ctrl-\ leaves")
            opened.type("\x1c")
        assert opened.exit_code() == 0
    listed = home.sesh("--list", "--json").json()
    assert [(row["name"], row["host"]) for row in listed] == [("work", None), ("work", "gpu")]
    assert home.sesh("@gpu", "--kill", "work").code == 0


def test_the_page_of_a_verb_has_its_options_and_none_of_the_words_of_the_library(home: Home) -> None:
    for verb in VERBS:
        if verb.name in ("", "--exec", "--list"):  # few options, many, and a name without a verb
            shown = _shown(home, verb.name or "NAME")
            assert shown.startswith(f"Usage: sesh {verb.name or 'NAME'}")
            assert not _FOREIGN.search(shown)
            assert all(f"  {', '.join(each.spellings)} " in shown for each in verb.options)


def test_the_examples_of_a_verb_are_lines_that_it_takes() -> None:
    for verb in VERBS:
        assert verb.examples
        for example in verb.examples:
            source = example.removeprefix('eval "$(').removesuffix(')"')
            words = shlex.shlex(source, posix=True, punctuation_chars="|<>&")
            words.whitespace_split = True
            argv = list(takewhile(lambda word: word not in ("|", "<", ">", "&&"), words))
            if argv[0] == "sesh":
                line = split(argv[1:])
                assert verb.name == "--help" or line.verb in (verb.name, ""), example
                assert line.help or parse(line) is not None, example
