"""The words of the command line: what is the verb, whose is each word, and what belongs to the command alone."""

from __future__ import annotations

import inspect
import shlex
from functools import cache
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.core import TyperCommand
from typer.exceptions import TyperException
from typer.main import get_command

from sesh.about import SESH
from sesh.cli import misread, parser, slips
from sesh.cli.parser import CommandLine, parse, split, wants_json
from sesh.cli.verbs import BY_NAME, FLAG, MANY, MAYBE, VERBS, Verb
from sesh.errors import InvalidHost, InvalidName, SeshError, UsageError
from sesh.reach import find


@cache
def command_of(verb: Verb) -> TyperCommand:
    """The words of a verb as typer reads them, from a signature."""
    parameters = []

    def add(key: str, value: Any, declared: object, default: object) -> None:
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(key, kind, annotation=Annotated[value, declared], default=default))

    for word in (f"{verb.gather}*",) if verb.gather else verb.words:
        value: Any = {"?": str | None, "*": list[str] | None, "+": list[str]}.get(word[-1], str)
        add(word.rstrip("?*+"), value, typer.Argument(), None if word[-1] in "?*" else inspect.Parameter.empty)
    for option in verb.options:
        value = {FLAG: bool, MANY: list[str] | None}.get(option.kind, str | None)
        add(option.key, value, typer.Option(*option.spellings), False if option.kind == FLAG else None)

    def stub(**_values: object) -> None:
        return None

    stub.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    stub.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb.name or "NAME")(stub)
    command = get_command(app)
    assert isinstance(command, TyperCommand)
    return command


ANY_WORD = st.one_of(
    st.sampled_from(
        ["--", "-", "--kill", "-k", "@gpu", "--json", "-C", "--label", "a=b", "web", "--help", "--timeout", ""]
    ),
    st.text(max_size=8),
)


@given(st.lists(ANY_WORD, max_size=5), st.lists(ANY_WORD, max_size=5))
def test_what_stands_after_two_dashes_is_never_touched(before: list[str], after: list[str]) -> None:
    own = [word for word in before if word != "--"]
    try:
        line = split([*own, "--", *after])
    except SeshError:
        return
    assert line.tail == after
    assert line.words == split(own).words


@given(st.lists(ANY_WORD, max_size=6))
def test_no_line_brings_the_parser_down(argv: list[str]) -> None:
    try:
        line = split(argv)
        parse(line)
    except UsageError:
        return
    assert all(word in argv or word[:1] == "-" for word in line.words)


@pytest.mark.parametrize(
    ("argv", "verb", "own"),
    [
        ("", "", ""),
        ("web", "", "web"),
        ("-", "", "-"),
        ("web dir", "", "web dir"),
        ("-A web", "", "web"),
        ("-r web", "", "-r web"),
        ("--kill web", "--kill", "web"),
        ("-k web", "--kill", "web"),
        ("-K", "--kill-all", ""),
        ("--json --kill web", "--kill", "web"),
        ("--kill --json web", "--kill", "web"),
        ("--kill web --json", "--kill", "web"),
        ("--local --list", "--list", ""),
        ("-nd web", "--new", "-d web"),
        ("-ed", "--exec", "-d"),
        ("-Ky", "--kill-all", "-y"),
        ("--label web a=b", "--label", "web a=b"),
        ("--label a=b web", "", "--label a=b web"),
        ("--label a=b --new web", "--new", "--label a=b web"),
        ("web --label a=b", "", "web --label a=b"),
        ("--list --label a=b", "--list", "--label a=b"),
        ("-v", "--version", ""),
        ("-V", "--version", ""),
        ("--timeout 5 --exec web", "--exec", "--timeout 5 web"),
        ("--exec -C /tmp web", "--exec", "-C /tmp web"),
        ("--send web @all", "--send", "web @all"),
        ("--send web --key -x", "--send", "web --key -x"),
        ("--kill --list", "--kill", "--list"),
    ],
)
def test_the_verb_and_its_words_are_found(argv: str, verb: str, own: str) -> None:
    line = split(argv.split())
    assert (line.verb, line.words) == (verb, own.split())


@pytest.mark.parametrize(
    "argv",
    [
        "@gpu --kill web",
        "--kill @gpu web",
        "--json @gpu --kill web",
        "--kill --json @gpu web",
        "@gpu --kill web --json",
    ],
)
def test_a_host_may_stand_before_the_verb_or_before_the_name(argv: str) -> None:
    line = split(argv.split())
    assert (line.hosts, line.verb, line.words) == (["gpu"], "--kill", ["web"])


def test_a_host_is_told_from_an_options_value() -> None:
    line = split(["--exec", "-C", "@home", "@gpu", "--env", "@x=1", "build", "--", "@me"])
    assert line.hosts == ["gpu"]
    assert line.words == ["-C", "@home", "--env", "@x=1", "build"]
    assert line.tail == ["@me"]


@pytest.mark.parametrize("host", ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb", "-l", "x:y", "u@", "@x@y@"])
def test_a_word_that_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidHost):
        split([f"@{host}", "--list"])


@pytest.mark.parametrize("argv", ["web --kill", "web -k", "web --new", "web dir --open -- x", "web -x"])
def test_a_verb_behind_the_name_is_a_slip_that_changes_nothing(argv: str) -> None:
    line = split(argv.split())
    assert parse(line) is None
    assert "write the verb before the name: sesh --" in str(misread.error(line))
    assert str(misread.error(split(["web", "--run", "--", "ls"]))).endswith(": sesh --run web -- ls")
    assert str(misread.error(split(["web", "--list"]))) == "--list takes no name; one session: sesh --status web"
    said = "--list takes no name; one session: sesh @web --status me, for the host: sesh @me@web --list"
    assert str(misread.error(split(["me@web", "--list"]))) == said


@pytest.mark.parametrize(
    "argv", ["--help", "-h", "web --help", "--exec --help", "--help --exec", "--kill web -h", "--json -h"]
)
def test_help_is_wanted_wherever_it_is_asked_for(argv: str) -> None:
    assert split(argv.split()).help


@pytest.mark.parametrize("argv", [["--send", "web", "--key", "-h"], ["--exec", "--", "--help"], ["web", "--", "-h"]])
def test_help_for_the_command_or_as_a_value_is_none_for_sesh(argv: list[str]) -> None:
    assert not split(argv).help


def test_json_is_wanted_by_word_and_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wants_json(["--kill", "web", "--json"])
    assert not wants_json(["--exec", "--", "x", "--json"])
    monkeypatch.setenv("SESH_JSON", "1")
    assert split(["--list"]).json
    monkeypatch.setenv("SESH_JSON", "0")
    assert not split(["--list"]).json


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ("--exec --print build -- make", {"printed": True, "words": ["build"]}),
        (
            "--exec build --timeout 5 -C d --keep -- make",
            {"timeout": "5", "directory": "d", "keep": True, "words": ["build"]},
        ),
        ("--exec --timeout=5 --env A=1 --env=B=2 -- make", {"timeout": "5", "env": ["A=1", "B=2"], "words": []}),
        ("--new -d", {"detached": True}),
        ("--new web d", {"name": "web", "directory": "d"}),
        ("--open web -- make", {"name": "web"}),
        ("--kill a b", {"names": ["a", "b"]}),
        ("--kill -- a", {"names": ["a"]}),
        ("web d -r --no-detach-key", {"words": ["web", "d"], "read_only": True, "no_detach_key": True}),
        ("", {"words": []}),
        ("--list", {}),
    ],
)
def test_a_line_is_parsed_without_typer(argv: str, found: dict[str, object]) -> None:
    assert parse(split(argv.split())) == found


@pytest.mark.parametrize(
    "argv",
    [
        "--exec --foo",
        "--exec --timeout",
        "--exec --print=1",
        "--new a b c",
        "--open",
        "--list web",
        "-rC web",
        "--attach",
        "--label",
    ],
)
def test_a_line_that_is_refused_has_an_error_in_our_words(argv: str) -> None:
    line = split(argv.split())
    assert parse(line) is None
    assert misread.error(line).exit_code == 2


OWN_WORDS = ["web", "-", "", "=", "-x", "--foo", "--foo=1", "-dC", "-C/tmp", "-iC", "--print=1", "-d-y"]


def own_words(verb: Verb) -> st.SearchStrategy[list[str]]:
    """Words with which the verb may be called, most of them its own."""
    spelled = [word for spelling in verb.spelled for word in (spelling, f"{spelling}=1", f"{spelling}1")]
    return st.lists(st.sampled_from([*spelled, *spelled, *OWN_WORDS]), max_size=5)


@settings(max_examples=300)
@given(st.sampled_from(VERBS).flatmap(lambda verb: st.tuples(st.just(verb), own_words(verb))), st.booleans())
def test_the_parser_takes_what_typer_takes(pair: tuple[Verb, list[str]], dashes: bool) -> None:
    verb, words = pair
    line = CommandLine()
    line.verb, line.words, line.tail = verb.name, words, ["-x"] if dashes else None
    if parse(line) is None:
        error = misread.error(line)
        assert (error.exit_code, bool(error.message), bool(error.hint or "--" in error.message)) == (2, True, True)
    if any(parser.kind_of(verb.name, word.partition("=")[0]) == MAYBE for word in words):
        return  # typer takes any word for its value
    if dashes and words and parser.takes_value(verb.name, words[-1]):
        return  # typer takes `--` for the value
    given = [*words, "--", *(line.tail or [])] if dashes and not verb.command else list(words)
    try:
        context = command_of(verb).make_context("sesh", given)
    except TyperException:
        # Behind STATE each word is text; the word behind --schema is a verb.
        assert parse(line) is None or verb.name in ("--state", "--schema")
        return
    taken = {key: value for key, value in context.params.items() if value not in (None, False, (), [])}
    options = parse(line)
    assert options is not None
    assert {key: value for key, value in options.items() if value != []} == {
        key: list(value) if isinstance(value, tuple) else value for key, value in taken.items()
    }


PROPOSALS = [
    ("logs w3 -n 5", "--logs w3 5"),
    ("new -s work -n win", "--new work"),
    ("w3 -e ls", "--exec w3 -- ls"),
    ("work @gpu --kill", "@gpu --kill work"),
    ("new -A -s w9 htop", "w9 -- htop"),
    ("new -A -s w9 -- htop", "w9 -- htop"),
    ("new -s w9 htop", "--new w9 -- htop"),
    ("new-session -d -s work", "--open work"),
    ("exec make -j8", "--exec -- make -j8"),
    ("exec -f make -j8", "--exec -f -- make -j8"),
    ("run w3 make -k", "--run w3 -- make -k"),
    ("logs -f w3", "--logs -f w3"),
    ("work logs -f", "--logs work -f"),
    ("-S w3 make", "w3 -- make"),
    ("-dmS w3 make -- x", "--open w3 make -- x"),
    ("wait w3 --exit", "--wait w3 --exit"),
    ("--rm w3", "--kill w3"),
    ("--connect w3", "--attach w3"),
    ("--kil w3", "--kill w3"),
    ("ls -a", "--list"),
    ("pick -a", "--pick"),
    ("display-message -t w3 hello", "--message w3 hello"),
    ("display-message -p -t w3 #S", "--status w3"),
    ("list-clients -t w3", "--status w3"),
    ("pipe-pane -t w3 cat", "--logs w3 --follow"),
    ("switch -t w3", "--attach w3"),
    ("switch-client -l", "-"),
    ("switch-client -n", "--pick"),
    ("attach -d -t w3", "--attach w3 --replace"),
    ("attach-session -rt w3", "--attach w3 --read-only"),
    ("send-keys -t w3 C-c", "--send w3 --key C-c"),
    ("logs -n 5 w3", "--logs w3 5"),
    ("tail -f w3", "--logs -f w3"),
    ("-S w3 -X quit", "--kill w3"),
    ("-S w3 -p 0 -X stuff ls", "--send w3 ls"),
    ("-wipe", "--sweep"),
    ("--stat w3", "--status w3"),
    ("--tail w3", "--logs w3"),
    ("--delete w3", "--kill w3"),
    ("--remove w3", "--kill w3"),
    ("--exit w3", "--kill w3"),
    ("--close w3", "--kill w3"),
    ("--end w3", "--kill w3"),
    ("--search w3", "--grep w3"),
    ("--find w3", "--grep w3"),
    ("--execute w3 -- ls", "--exec w3 -- ls"),
    ("--leave w3", "--detach w3"),
    ("train@gpu --exec -- true", "@gpu --exec train -- true"),
    ("gpu:train --exec -- true", "@gpu --exec train -- true"),
    ("train@gpu --send hi", "@gpu --send train hi"),
    ("--kil train@gpu", "@gpu --kill train"),
    ("-d train@gpu", "@gpu --replace train"),
    ("--run train@gpu make", "@gpu --run train -- make"),
    ("run train@gpu make -j8", "@gpu --run train -- make -j8"),
]
"""A wrong line, and the one that is proposed."""


@pytest.mark.parametrize(("words", "meant"), PROPOSALS)
def test_a_wrong_line_is_answered_with_the_one_that_was_meant(words: str, meant: str) -> None:
    error = misread.error(split(words.split()))
    assert f"{error.message}; {error.hint}".endswith((f"did you mean {SESH} {meant}?", f": {SESH} {meant}; "))


@pytest.mark.parametrize(
    ("words", "thing"),
    [
        ("select-window -t w3", "windows"),
        ("new-window -n w3", "windows"),
        ("splitw -b", "windows"),
        ("--kill-window", "windows"),
        ("paste-buffer -t w3", "buffers"),
        ("set-option -g x on", "commands for settings"),
        ("display-popup -E", "such command"),
    ],
)
def test_a_command_of_tmux_for_what_sesh_does_not_have_is_answered_with_what_to_do_instead(
    words: str, thing: str
) -> None:
    hint = misread.error(split(words.split())).hint or ""
    assert hint.startswith(f"sesh has no {thing}: ")
    assert hint.count("`") >= 2


HABITS = st.sampled_from([
    *(word for verb in VERBS for word in (verb.name, verb.name[2:])),
    "ls", "rm", "new-session", "a", "-S", "-s", "-dmS", "-d", "-A", "-n", "-t", "-f", "-e", "-k", "-x", "-C", "-j8",
    "-la", "--exit", "--bad", "w3", "make", "5", "@gpu", "a=b", "w3@gpu", "gpu:w3", "kill-window",
    "switch-client", "-l", "attach-session", "display-message", "pipe-pane", "-X",
])  # fmt: skip
"""Words of verbs and of other programs."""


@settings(max_examples=500)
@given(st.lists(HABITS, min_size=1, max_size=5), st.sampled_from([[], ["--", "make", "-k"]]))
def test_no_line_is_proposed_that_would_be_refused(words: list[str], tail: list[str]) -> None:
    try:
        line = split([*words, *tail])
        if parse(line) is not None:
            return
    except InvalidHost:
        return
    assert_accepted(misread.error(line))


def assert_accepted(error: SeshError) -> None:
    """The lines that an error proposes are taken by the parser, and each names its session as sesh wants it."""
    text = f"{error.message}?{error.hint}"
    for mark in (
        f"did you mean {SESH} ", f"before the name: {SESH} ", f"after --: {SESH} ", "comes first: sesh ",
        f"session: {SESH} ", "a session on gpu: sesh ", "on it: sesh ", f"write: {SESH} ", f"command: {SESH} ",
    ):  # fmt: skip
        meant = text.partition(mark)[2].partition("?")[0].partition(", for the host")[0].partition(f", or {SESH}")[0]
        again = shlex.split(meant)
        if meant and not {"NAME", "CMD", "TEXT", "@HOST", "FILE", "REGEX", "K=V", "…"} & set(again):
            taken = split(again)
            options = parse(taken)
            assert options is not None, text
            gathered = options.get(taken.row.gather)
            assert not isinstance(gathered, list) or len(gathered) <= len(taken.row.words), text
            assert taken.tail or taken.verb not in ("--exec", "--run"), text
            if taken.row.words and taken.row.words[0].startswith("name"):
                name = next((value for option, _, value in parser.pieces(taken) if option is None), "w3")
                assert name == "-" or not find.placed(name or "")[0], text


OF_VERBS = {
    "--rename": "new", "--send": "text", "--message": "text", "--label": "a=b", "--record": "file", "--wait": "--exit",
    "--run": "-- make", "--exec": "-- make", "--open": "dir -- make", "--resume-with": "-- make", "--logs": "5",
}  # fmt: skip
"""The words behind NAME, of the verbs that may have such."""


OF_SESSIONS = [verb for verb in VERBS if verb.name and "".join(verb.words).startswith("name")]


@pytest.mark.parametrize("verb", OF_SESSIONS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("name", ["w3@gpu", "gpu:w3"])
def test_each_line_that_is_proposed_for_name_at_host_is_accepted_whole(verb: Verb, name: str) -> None:
    """Wherever NAME@HOST stands, and whatever stands behind it, the verb, the host and all other words are kept."""
    rest = OF_VERBS.get(verb.name, "").split()
    whole = " ".join(["@gpu", verb.name, "w3", *rest])
    for words in ([name, verb.name, *rest], [verb.name, name, *rest]):
        line = split(words)
        if not line.verb and not line.behind:
            continue  # --label K=V is an option too
        if parse(line) is None:
            error = misread.error(line)
            assert f"{SESH} {whole}" in f"{error.message} {error.hint}"
        else:
            with pytest.raises(InvalidName) as raised:
                find.checked(name, verb.name)
            error = raised.value
            slips.complete(error, line)
            assert f"sesh {whole}" in error.message
        assert_accepted(error)


def test_a_line_that_typer_would_take_is_refused_in_words() -> None:
    """`-C` was typed, and was the pattern that it was typed for."""
    line = split(["--send", "web", "--if-waiting", "-Cx"])
    assert parse(line) is None
    assert "--send has no option -C" in str(misread.error(line))
    assert "--label needs a value" in str(misread.error(split(["--next", "--label", "--"])))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name or "NAME")
def test_typer_reads_the_words_of_the_table_as_the_parser_does(verb: Verb) -> None:
    command = command_of(verb)
    options = {
        spelling: (each.name, getattr(each, "is_flag", False))
        for each in command.params
        for spelling in each.opts
        if spelling[:1] == "-"
    }
    assert options == {word: (option.key, option.kind == FLAG) for word, option in verb.spelled.items()}
    arguments = [each.name for each in command.params if each.param_type_name == "argument"]
    assert arguments == ([verb.gather] if verb.gather else [place.rstrip("?*+") for place in verb.words])


@pytest.mark.parametrize("verb", BY_NAME.values(), ids=lambda verb: verb.name or "NAME")
def test_every_row_leads_to_a_function_that_takes_its_words(verb: Verb) -> None:
    function = verb.function()
    signature = inspect.signature(function)
    keys: dict[str, object] = {option.key: [] for option in verb.options} | {
        place.rstrip("?*+"): "x" for place in verb.words
    }
    if verb.gather:
        keys = {key: value for key, value in keys.items() if key not in {p.rstrip("?*+") for p in verb.words}}
        keys[verb.gather] = []
    signature.bind(None, **keys)


def test_every_verb_has_help_and_an_example_that_parses() -> None:
    for verb in VERBS:
        assert verb.help.endswith((".", "it.")), verb.name
        assert verb.examples, verb.name
