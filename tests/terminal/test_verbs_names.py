"""Bad words: one line, the right code, nothing changed on disk (and the same in JSON)."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from sesh.cli.verbs import VERBS
from tests.support import Home, Result

Sesh = Callable[..., Result]

BAD_NAMES = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "../x",
    "-",
    "a b",
    "a\nb",
    "a\x1b[2J",
    "a\x07",
    ".hid",
    "+x",
    "é",
    "x" * 65,
    "a\\b",
    "a:b",
]
ON_ONE = ["--attach", "--open", "--new", "--kill", "--detach", "--screen", "--logs", "--status"]
WITH_MORE = [("--send", ["x"]), ("--message", ["x"]), ("--label", ["a=b"]), ("--rename", ["good"])]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_r01_a_bad_name_is_refused_by_every_verb_alike(sesh: Sesh, home: Home, name: str) -> None:
    before = os.listdir(home.directory)
    lines = [[verb, "--", name] for verb in ON_ONE if verb not in ("--open", "--new", "--attach")]
    lines += [[verb, "--", name, *more] for verb, more in WITH_MORE] + [["--rename", "--", "good", name]]
    if name != "-":
        lines += [[name], ["--open", name], ["--new", name, "-d"], ["--attach", name], ["--exec", name, "--", "true"]]
    for line in lines[:: 1 if name in ("", "../x") else 3]:
        done = sesh(*line, "--json") if "--" not in line else sesh("--json", *line)
        assert done.code == 2, line
        assert done.json()["error"]["code"] == "invalid_name", line
    plain = sesh("--kill", "--", name)
    assert plain.code == 2
    assert plain.stderr.startswith("sesh: ")
    assert plain.stderr.count("\n") == 1
    assert plain.stderr[:-1].isprintable()
    assert sorted(os.listdir(home.directory)) == sorted(before)


@pytest.mark.parametrize(
    "verb", [*ON_ONE, "--exec", "--list", "--kill-all", "--rename", "--send", "--message", "--label", ""]
)
def test_an_unknown_option_is_one_line_and_one_object(sesh: Sesh, home: Home, verb: str) -> None:
    words = [verb] if verb else []
    done = sesh(*words, "--nonsense", "web")
    assert done.code == 2
    assert re.match(r"sesh: (there is no verb or|--[a-z-]+ has no) option --nonsense; ", done.stderr)
    assert done.stderr.count("\n") == 1
    assert sesh(*words, "--nonsense", "--json").json()["error"]["code"] == "usage"
    assert home.names() == []


@pytest.mark.parametrize("typed", ["$sesh", "$there x", "a@{0}", "{}"])
def test_what_was_typed_stays_as_it_was_in_an_error(sesh: Sesh, typed: str) -> None:
    """It was taken for the place of a command, or of a name, and rewritten."""
    for words in (["--status", typed], ["--rename", "web", typed], ["--list", typed]):
        done = sesh(*words, "--json")
        assert (done.code, "error" in done.json()) == (2, True)
    assert typed in sesh("--status", typed).stderr


def test_labels_stay_as_they_are_where_commands_are_put_in(sesh: Sesh) -> None:
    assert sesh("--open", "web", "--label", "note=$sesh $there x").code == 0
    assert "note=$sesh $there x" in sesh("--status", "web").stdout


@pytest.mark.parametrize("verb", [each for each in ON_ONE if each not in ("--open", "--new")])
def test_a_name_that_is_not_there_is_not_found(sesh: Sesh, verb: str) -> None:
    done = sesh(verb, "nobody")
    assert done.code == 1
    assert "no session nobody" in done.stderr
    assert sesh(verb, "nobody", "--json").json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(("verb", "more"), WITH_MORE)
def test_nothing_is_said_to_a_session_that_is_not_there(sesh: Sesh, verb: str, more: list[str]) -> None:
    assert sesh(verb, "nobody", *more, "--json").json()["error"]["code"] == "not_found"


def test_a_name_one_letter_off_is_proposed_by_every_verb(sesh: Sesh) -> None:
    """Only `sesh NAME` knew it; all other verbs said how to list and create sessions."""
    sesh("--open", "work", "--", "cat")
    named = [[verb, "wrok"] for verb in ON_ONE if verb not in ("--open", "--new")]
    more = [["--run", "wrok", "--", "true"], ["--grep", "x", "wrok"], ["--history", "wrok"], ["--reload", "wrok"]]
    for line in [*named, *([verb, "wrok", *words] for verb, words in WITH_MORE), *more]:
        done = sesh(*line)
        assert (done.code in (1, 125), "no session wrok; did you mean work?" in done.stderr) == (True, True), line
        if line[0] != "--grep":
            assert done.stderr.count("\n") == 1
    assert sesh("--kill", "wrok", "--json").json()["error"]["code"] == "not_found"
    for line in (["--attach", "wrk"], ["--send", "wrk", "x"], ["--run", "wrk", "--", "true"], ["--kill", "wrk"]):
        assert "no session wrk; did you mean work?" in sesh(*line).stderr, "a letter is missing"
    sesh("--open", "web", "--", "cat")
    assert "did you mean" not in sesh("--kill", "wed").stderr, "short names are likely two words"


def test_a_verb_without_its_dashes_is_carried_out_where_nobody_can_be_asked(sesh: Sesh, home: Home) -> None:
    """`sesh ls` in a script failed, though the error knew what was meant."""
    sesh("--open", "work", "--", "cat")
    listed = sesh("ls")
    assert (listed.code, "work" in listed.stdout) == (0, True)
    assert listed.stderr == "sesh: there is no session ls; this is sesh --list\n"
    assert [row["name"] for row in sesh("list", "--json").json()] == ["work"]
    assert "Usage: sesh" in sesh("help").stdout
    sesh("--open", "list", "--", "cat")
    there = sesh("list")
    assert (there.code, "attaching needs a terminal" in there.stderr) == (1, True)
    assert home.names() == ["list", "work"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("kill web", 1, "did you mean sesh --kill web?"),
        ("build make", 1, "to run a command: sesh build -- make"),
        ("a work", 1, "did you mean sesh --attach work?"),
        ("at make", 1, "did you mean sesh --attach make, or sesh at -- make?"),
        ("switch work", 1, "did you mean sesh --attach work?"),
        ("display-message hi", 1, "did you mean sesh --message NAME hi?"),
        ("--open build make", 1, "there is no directory make; to run a command: sesh --open build -- make"),
        ("--new build -d make", 1, "to run a command: sesh --new build -d -- make"),
        ("--open build nosuch", 1, "there is no directory nosuch; create it first, or name another"),
        ("build make all", 2, "to run a command: sesh build -- make all"),
        ("send web hello", 2, "did you mean sesh --send web hello?"),
        ("user@host", 2, "sesh @user@host"),
        ("work@gpu", 2, "sesh @gpu work"),
        ("kill", 1, "did you mean sesh --kill NAME?"),
        ("last", 1, "no previous session"),
        ("attach", 2, "missing NAME; write: sesh --attach NAME"),
        ("list -- htop", 1, "did you mean sesh --list?"),
        ("web --kill", 2, "sesh --kill web"),
        ("-- make", 2, "sesh NAME"),
        ("-A", 2, "sesh NAME"),
        ("- dir", 2, "the last session"),
        ("--run web ls -la", 2, "sesh --run web -- ls -la"),
        ("--run --timeout 5 web make", 2, "sesh --run --timeout 5 web -- make"),
        ("--run web -x -- make", 2, "--run has no option -x"),
        ("--kil web", 2, "did you mean sesh --kill web?"),
        ("--bogus", 2, "there is no verb or option --bogus; see"),
        ("--label a=b", 2, "sesh --label NAME a=b"),
        ("--send web", 2, "nothing to send"),
        ("--send web -la", 2, "after --"),
        ("--logs web many", 2, "not a number of lines"),
        ("--logs web -5", 2, "--logs has no option -5"),
        ("--screen web --format png", 2, "text"),
        ("--kill", 2, "inside a session"),
        ("--detach", 2, "inside a session"),
        ("--rename new", 2, "sesh --rename OLD new"),
        ("--new web --join --replace", 2, "cannot be combined"),
        ("--exec -d --follow -- x", 2, "-d does not wait"),
        ("@-oProxyCommand=x --list", 2, "is not a host"),
        ("@ web", 2, "is not a host"),
        ("web @", 2, "is not a host"),
        ("web @gpu", 2, "@host comes first: sesh @gpu web"),
        ("web @gpu -- make all", 2, "@host comes first: sesh @gpu web -- make all"),
        ("--open foo @gpu", 2, "@host comes first: sesh @gpu --open foo"),
        ("--exec foo @gpu -C /tmp -- true", 2, "@host comes first: sesh @gpu --exec foo -C /tmp -- true"),
        ("--kill two @gpu", 2, "@host comes first: sesh @gpu --kill two"),
        ("--run work @gpu -- true", 2, "@host comes first: sesh @gpu --run work -- true"),
        ("--grep fail web @gpu", 2, "@host comes first: sesh @gpu --grep fail web"),
        ("ls @gpu", 2, "@host comes first: sesh @gpu --list\n"),
        ("-A ls @gpu", 2, "@host comes first: sesh @gpu -A ls\n"),
        ("--kill two --local @gpu", 2, "@host comes first: sesh @gpu --kill two --local\n"),
        ("--send web @gpu", 1, "no session web"),
    ],
)
def test_slips_are_met_with_what_to_type(sesh: Sesh, home: Home, words: str, code: int, message: str) -> None:
    done = sesh(*words.split())
    assert done.code == code
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.raw == b""
    assert home.names() == []


@pytest.mark.parametrize(
    ("words", "ways"),
    [
        ("train@gpu", "for a session on gpu: sesh @gpu train, for the host: sesh @train@gpu"),
        ("--kill train@gpu", "for a session on gpu: sesh @gpu --kill train, for the host: sesh @train@gpu"),
        ("me@box", "for the host: sesh @me@box, for a session on it: sesh @box me"),
        ("train@far", "for the host: sesh @train@far, for a session on it: sesh @far train"),
    ],
)
def test_a_session_on_a_host_of_the_user_s_comes_first(sesh: Sesh, home: Home, words: str, ways: str) -> None:
    """`train@gpu` is how the screen calls it; the first words to type were for a user called train."""
    home.write(".ssh/config", "Host gpu\nHost box me@box\n")
    done = sesh(*words.split())
    assert done.code != 0
    assert done.stderr == f"sesh: {words.rsplit(maxsplit=1)[-1]} is not a session name; {ways}\n"


def test_every_host_of_the_user_s_is_known_as_one(sesh: Sesh, home: Home) -> None:
    """Groups and remotes of the settings were no hosts to some of the questions."""
    home.write(".ssh/config", "Host gpu\n")
    home.write(".config/sesh/config.toml", "[groups]\nfleet = ['a']\n[remotes.box]\nvia = 'docker exec -i box'\n")
    for host in ("gpu", "fleet", "box"):
        assert f"did you mean sesh @{host} --list?" in sesh(host, "--list").stderr
        assert f"did you mean sesh @{host} work?" in sesh(host, "work").stderr
        assert f"did you mean sesh @{host}?" in sesh(host).stderr
        assert f"for a session on {host}: sesh @{host} work" in sesh(f"work@{host}").stderr


_LONG = ["sh", "-c", f"echo {'y' * 200}; cd $HOME", "*.py", "it's"]
_TYPED = f"""sh -c 'echo {"y" * 200}; cd $HOME' '*.py' 'it'"'"'s'"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--run", "web", "@gpu", "--", *_LONG], f"sesh @gpu --run web -- {_TYPED}"),
        (["--run", "web", *_LONG], f"sesh --run web -- {_TYPED}"),
        (["ls", "@gpu", "--json"], "@host comes first: sesh @gpu --list --json"),
        (["build", *_LONG[2:]], f"to run a command: sesh build -- {_TYPED.removeprefix('sh -c ')}"),
        (["--exec", "build", "a;b"], "sesh --exec build -- 'a;b', or sesh --exec -- build 'a;b'"),
        (["--exec", "build", "a;b", "--", "x"], "sesh --exec build -C 'a;b' -- …"),
        (["a;b", "--kill"], "sesh --kill 'a;b'"),
        (["send", "web", "a $b"], "did you mean sesh --send web 'a $b'?"),
    ],
)
def test_the_line_that_is_to_be_typed_is_whole_and_quoted_for_a_shell(sesh: Sesh, words: list[str], line: str) -> None:
    done = sesh(*words)
    assert line in done.stdout + done.stderr


def test_what_was_meant_is_said_also_if_it_fails(sesh: Sesh) -> None:
    done = sesh("connect")
    assert done.code == 2
    assert done.stderr.startswith("sesh: there is no session connect; this is sesh --attach: missing NAME; ")
    assert done.stderr.count("\n") == 1


def test_attaching_needs_a_terminal_and_creates_nothing_without(sesh: Sesh, home: Home) -> None:
    for words in (["web"], ["--new", "web"], ["--new"], ["web", "--", "true"], ["-A", "web"]):
        done = sesh(*words)
        assert done.code == 1
        assert "attaching needs a terminal" in done.stderr
    sesh("--open", "web")
    assert "attaching needs a terminal" in sesh("--attach", "web").stderr
    assert home.names() == ["web"]


@pytest.mark.parametrize(
    "verb",
    [verb.name for verb in VERBS if verb.name],
)
def test_every_verb_has_help_with_an_example(sesh: Sesh, verb: str) -> None:
    done = sesh(verb, "--help")
    assert (done.code, done.stderr) == (0, "")
    if verb == "--help":
        verb = ""
    assert done.stdout.startswith(f"Usage: sesh {verb}".strip())
    assert verb == "" or f"  sesh {verb}" in done.stdout or verb == "--list"
    assert sesh(verb or "--help", "-h", "--json").json()["help"] == done.stdout.rstrip("\n")


def test_help_of_the_whole_names_every_verb_and_exit_code(sesh: Sesh) -> None:
    shown = sesh("-h").stdout
    for word in ("--attach, -a", "--kill-all, -K", "--exec, -e", "--version, -V", "124", "125", "SESH_DETACH_KEY"):
        assert word in shown


@pytest.mark.parametrize("word", ["--version", "-V", "-v"])
def test_the_version_is_told(sesh: Sesh, word: str) -> None:
    from sesh.about import __version__

    assert sesh(word).stdout == f"sesh {__version__}\n"
    assert sesh(word, "--json").json()["version"] == __version__


def test_json_is_asked_for_by_the_environment_too(sesh: Sesh) -> None:
    assert sesh(env={"SESH_JSON": "1"}).json() == []
    assert sesh("--kill", "nobody", env={"SESH_JSON": "1"}).json()["error"]["code"] == "not_found"


def test_a_traceback_is_shown_only_where_it_is_asked_for(sesh: Sesh) -> None:
    assert "Traceback" not in sesh("--kill", "nobody").stderr
    assert "Traceback" in sesh("--kill", "nobody", env={"SESH_DEBUG": "1"}).stderr


def open_to_others(path: str) -> None:
    os.chmod(path, 0o701)


def a_link(path: str) -> None:
    os.rename(path, f"{path}2")
    os.symlink(f"{path}2", path)


def a_file(path: str) -> None:
    os.rmdir(path)
    with open(path, "wb"):
        pass


@pytest.mark.parametrize(
    ("make", "message"), [(open_to_others, "chmod 700"), (a_link, "symbolic link"), (a_file, "not a directory")]
)
def test_a_directory_that_is_not_to_be_trusted_is_refused_with_the_fix(
    sesh: Sesh, home: Home, make: Callable[[str], None], message: str
) -> None:
    make(home.directory)
    for words in ([], ["--open", "web"], ["--kill", "web"], ["--exec", "--", "true"], ["--kill-all"]):
        done = sesh("--json", *words)
        assert done.code == (125 if "--exec" in words else 1)
        assert done.json()["error"]["code"] == "refused"
        assert message in done.json()["error"]["message"]


def test_output_that_cannot_be_stored_is_an_error(home: Home) -> None:
    home.sesh("--open", "web")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [f"{home.path}/bin/sesh"], env=home.env, stdout=full, stderr=subprocess.PIPE, timeout=20, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"sesh: cannot write output")


@pytest.mark.parametrize("words", [["--exec", "--print"], ["--exec", "--follow"], ["--run", "web"]])
def test_a_command_whose_output_cannot_be_stored_ends_as_one_whose_code_is_not_known(
    home: Home, words: list[str]
) -> None:
    """`--exec --print` ended with 1, which could be the job's own code."""
    home.sesh("--open", "web")
    line = [f"{home.path}/bin/sesh", *words, "--", "sh", "-c", "seq 3; exit 7"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(line, env=home.env, stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
    assert (done.returncode, done.stderr.startswith(b"sesh: cannot write output")) == (255, True)


@pytest.mark.parametrize("words", [["work"], ["-A"], ["-A", "work"]])
def test_the_form_without_a_verb_has_help_of_its_own(sesh: Sesh, words: list[str]) -> None:
    """Its options, those of attaching among them, stood in no help at all."""
    shown = sesh(*words, "--help").stdout
    assert shown.startswith("Usage: sesh NAME [DIR]")
    for option in ("--join", "--replace", "--read-only, -r", "--no-replay", "--no-detach-key", "--env", "--label"):
        assert option in shown
