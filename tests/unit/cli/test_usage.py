"""A wrong command line is refused before sesh asks or creates anything."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sesh.cli import main
from sesh.errors import ExitCode, SeshError

USAGE = [
    # options
    ("exec --foo", "--foo"),
    ("--no-such-verb", "--no-such-verb"),
    ("--help --foo", "--foo"),
    ("exec --timeout", "--timeout"),
    ("exec --print=1 -- x", "--print"),
    ("kill -x", "-x"),
    ("new -d web --replace", "--kill-old"),
    ("restore -y", "--run"),
    ("events web --since 0", "--from"),
    ("events web --from x", "--from"),
    # words: too few, too many, none at all, behind the name
    ("open", "NAME"),
    ("attach", "NAME"),
    ("send", "NAME"),
    ("label", "NAME"),
    ("run -- ls", "NAME"),
    ("kill", "NAME"),
    ("exec build", "--"),
    ("run web", "--"),
    ("resume-with web", "--"),
    ("new a b c", "--"),
    ("rename a b c", "c"),
    ("status a b", "b"),
    ("list web", "web"),
    ("kill-all web", "web"),
    ("mcp x", "x"),
    ("send web", "TEXT"),
    ("kill a --label x=y", "--label"),
    ("web --kill", "--kill"),
    # options that would do nothing
    ("new --join", "--join would do nothing: without NAME"),
    ("new -d --new-name --kill-old", "cannot be combined"),
    ("new -d web --no-replay --read-only", "--read-only and --no-replay would do nothing: -d"),
    ("new web --json --no-detach-key", "--no-detach-key would do nothing: --json"),
    ("new web --size 80x24", "--size would do nothing: the session gets the size of your terminal"),
    ("- --env A=b", "--env would do nothing"),
    ("web --read-only --label a=b", "--label would do nothing: --read-only"),
    ("events --log --from 0", "--from would do nothing: --log"),
    ("history web --ansi", "--ansi would do nothing: only the output of one command"),
    ("run web --no-wait --ansi -- ls", "--ansi would do nothing: --no-wait"),
    ("send web text --force", "--force would do nothing: only TEXT with --enter"),
    ("send web --key C-c --force", "--force would do nothing"),
    ("send web text --file a", "TEXT would do nothing: a file's path is pasted, and nothing else"),
    ("send web --clipboard --enter --key C-c", "--enter and --key would do nothing"),
    ("send web --clipboard --file a", "--file would do nothing: --clipboard is the file"),
    ("send web text --name a", "--name would do nothing: it is the name of a file"),
    ("send web --file - --name ''", "the file has no name"),
    ("wait web --from 0", "--from would do nothing: without --for"),
    ("wait web --idle 1 --since-start", "--since-start would do nothing"),
    ("@box list --local", "--local is this machine alone, and @box another"),
    ("--local @box work", "leave one of them out"),
    # hosts
    ("deploy", "@HOST"),
    ("forget", "@HOST"),
    ("@a @b attach web", "attach"),
    ("@a mcp", "mcp"),
    ("web vim notes.txt", "after --"),
    ("exec build make -j8", "after --"),
    ("run web ls", "after --"),
    ("open work @gpu", "./@gpu"),
    ("work @gpu", "write: sesh @gpu …"),
    ("exec build @gpu -- make", "write: sesh @gpu exec"),
    ("@a @b upgrade", "upgrade takes no host"),
    # values
    ("exec --timeout soon -- x", "soon"),
    ("exec --timeout 0 -- x", "--timeout"),
    ("wait web --idle x", "--idle"),
    ("sweep --older x", "--older"),
    ("exec --timeout nan -- x", "nan"),
    ("run web --timeout 1e999 -- x", "1e999"),
    ("wait web --timeout -1", "-1"),
    ("logs web ten", "ten"),
    (f"logs web {'9' * 5000}", "999"),
    ("history web x", "'N'"),
    ("wait web --for x --from=-1", "--from"),
    ("events web --from 1e3", "1e3"),
    ("send web --key Entre", "Entre"),
    ("grep '('", "("),
    ("grep -i '('", "( is not a regular expression: missing ), unterminated subpattern at position 0"),
    ("wait web --for '('", "("),
    ("open web --label x", "KEY=VALUE"),
    ("list --label x", "KEY=VALUE"),
    ("list --label k=1 --label k=2", "k is given twice"),
    ("wait --label k=1 --label a=b --label k=", "k is given twice"),
    ("kill -y --label k=1 --label k=2", "k is given twice"),
    ("pick --label k=1 --label k=2", "k is given twice"),
    ("label work k=1 k=2", "k is given twice"),
    ("open web --label k=1 --label k=2", "k is given twice"),
    ("open web --env A", "--env"),
    ("open web --size 80", "--size"),
    ("open web --size 0x0", "--size"),
    ("state busy", "busy"),
    ("screen web --format png", "png"),
    ("shell-init tcsh", "tcsh"),
    ("completions csh", "csh"),
    ("integrate nobody", "nobody"),
]
"""Lines, and the word that the error must hold."""
NAMES = (
    "kill -y far @box",
    "label @box a=b",
    "send @box far",
    "kill a/b",
    "-A ../x",
    "a/b",
    "rename a /",
    "open .x -- y",
    "@box status 'a b'",
)
HOSTS = ("@-oProxyCommand=x list", "@'a;b' work", "deploy @x:y", "@ list")


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a person who has never used sesh."""
    for name, folder in (("HOME", tmp_path), ("SESH_DIR", tmp_path / "sesh"), ("SESH_SSH", tmp_path / "no ssh")):
        monkeypatch.setenv(name, str(folder))
    return tmp_path


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("line", "code", "gist"),
    [(line, "usage", gist) for line, gist in USAGE]
    + [(line, "invalid_name", "") for line in NAMES]
    + [(line, "invalid_host", "") for line in HOSTS],
)
def test_a_line_that_is_wrong_is_a_usage_error_that_names_what_is_wrong_and_changes_nothing(
    untouched: Path, line: str, code: str, gist: str
) -> None:
    with pytest.raises(SeshError) as raised:
        main.run_line(shlex.split(line))
    assert (raised.value.code, raised.value.exit_code) == (code, ExitCode.USAGE)
    assert gist in str(raised.value)
    assert str(raised.value).isprintable()
    assert list(untouched.iterdir()) == []


@pytest.mark.usefixtures("inside", "untouched")
@pytest.mark.parametrize(
    ("line", "is_command"),
    [
        ("exec make -j8", True),
        ("exec build -f make --jobs 8", True),
        ("vim -R notes.txt", True),
        ("run web ls --all", True),
        ("new web . make", True),
        ("resume-with agent claude --resume", True),
        ("open web --lable x=y", False),
        ("open web --foo", False),
        ("exec build --timeout soon", False),
        ("exec build --print=1", False),
        ("new web --label", False),
        ("web --kill", False),
        ("run web --timeout 5", False),
    ],
)
def test_only_words_that_look_like_a_command_without_two_dashes_are_told_so(line: str, is_command: bool) -> None:
    """Any wrong option of a verb with a command was answered by `write a command after --`."""
    with pytest.raises(SeshError) as raised:
        main.run_line(shlex.split(line))
    assert ("write a command after --" in str(raised.value)) == is_command
