"""The errors for command lines that `parser.parse` refuses: what is wrong with the first wrong word, and what to write.

Loaded only then. The words are those of the verb's usage. A line is proposed only if the parser takes it.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import takewhile

from sesh.cli import parser
from sesh.cli.verbs import BY_NAME, FLAG, MANY, SPELLINGS, VALUE, VERBS
from sesh.errors import SeshError, UsageError
from sesh.names import printable
from sesh.reach import find
from sesh.wording import shell_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.verbs import Verb

_OF_OTHERS = frozenset("SRDdrmtspAn")
"""The letters of the options by which screen and tmux start a session, or go back to one."""
_SHORT = {"a": "attach", "at": "attach"}
"""Verbs of tmux that are too short for a slip."""
_COMMON = ("--json", "--local", "--help")
"""Options of every verb."""
_NEAR = 0.75
"""The likeness of two words from which on one may be a slip for the other."""
_FEW = 2
"""Verbs that an error lists."""
_OF_ALL = ("--events", "--restore", "--reload")
"""Verbs of sessions that mean all of them if none is named."""
_FOR_ONE = {
    "--list": "one session: $sesh --status {}",
    "--watch": "one session: $sesh --status {}",
    "--pick": "to attach: $sesh --attach {}",
    "--next": "to attach: $sesh --attach {}",
    "--kill-all": "to end one session: $sesh --kill {}",
    "--sweep": "to clear one session: $sesh --kill {}",
    "--export": "to write a file: $sesh --export > {}",
    "--doctor": "to check a host: $sesh @{} --doctor",
    "--upgrade": "for one host: $sesh --deploy @{}",
}
"""What to write for a word behind a verb that takes none."""
_FROM_HABIT = {
    ("--logs", "-n"): "write the number of lines behind NAME: $sesh --logs NAME 5",
    ("--label", "--remove"): "to remove it: $sesh --label NAME KEY=",
    ("", "--hosts"): "the hosts that sesh knows: $sesh --forget, without a host, names them",
    ("--kill", "--all"): "to end all sessions: $sesh --kill-all",
}
"""What to write for an option that other tools have and a verb has not."""


def error(line: parser.CommandLine) -> UsageError:
    """Return the error for a line that `parser.parse` refuses."""
    if line.behind:
        return _verb_behind(line)
    row = line.row
    plain: list[str] = []
    for option, word, value in parser.pieces(line):
        if option is not None and value is None and option.kind in (VALUE, MANY):
            spelling = word.partition("=")[0] if word[:2] == "--" else option.spellings[-1]
            return UsageError(f"{spelling} needs a value", hint=f"write: {spelling} {option.metavar}")
        if option is None and value is None:
            return _unknown(line, word)
        if option is None:
            plain.append(word)
    if line.tail is not None and not row.command:
        plain += line.tail
    if "#" in plain:
        return parser.comment()
    required = [word for word in _usage(row) if word[:1] != "["]
    if len(plain) < len(required):
        return _missing(line, required[len(plain)], plain)
    return _too_many(line, plain)


# -- the line that was meant


def takes(words: Sequence[str]) -> bool:
    """Return whether the parser takes a line, with the command that its verb needs."""
    try:
        line = parser.split([*words])
        options = parser.parse(line)
    except SeshError:
        return False
    if options is None or (line.topic and not parser.verb_like(line.topic)):
        return False
    row = line.row
    plain = options[row.gather] if row.gather else ()
    assert not isinstance(plain, (str, bool))  # noqa: S101 (it is the list of all plain words)
    return len(plain) <= len(row.words) and bool(line.tail or not _command(row))


def line_to_write(words: Sequence[str], *, inside: bool) -> str:
    """Return the line to write in the place of one that lacks a name, a host or a command; empty if it lacks none.

    `inside`: it is typed in a session, which a verb without a name means.
    """
    line = parser.split([*words])
    row, named = line.row, any(value is not None for option, _, value in parser.pieces(line) if option is None)
    lacks_name = row.session and row.name not in _OF_ALL and not named and not inside
    lacks_host = row.words == ("hosts*",) and not line.hosts
    if not (lacks_name or lacks_host) and takes(words):
        return ""
    usage = [word.strip("[]") if row.session else word for word in _usage(row)]
    arguments = [word.partition("|")[0] for word in usage if word[:1] != "["]
    return f"$sesh {' '.join([row.name, *arguments])}{_command(row)}"


def guess(words: Sequence[str], tail: Sequence[str] | None = None) -> str:
    """Return the line that was probably meant by words whose first plain one may be a verb without its dashes, or that
    have options of screen and tmux; empty for any other words."""
    first = _plain(words)[:1]
    verb = parser.verb_like(words[first[0]]) if first else ""
    others = [word for index, word in enumerate(words) if index not in first]
    return (verb and _line(verb, others, tail)) or _by_habit(words, tail)


def behind_name(words: Sequence[str], tail: Sequence[str] | None = None) -> list[str]:
    """Return the line that was probably meant by a verb without its dashes behind a name; empty for any other words."""
    second = _plain(words)[1:2]
    verb = parser.verb_like(words[second[0]]) if second else ""
    if not verb:
        return []
    row = _row(verb)
    if not row.words:
        return [verb] if len(words) == 2 and tail is None and verb != "--kill-all" else []
    others = [word for index, word in enumerate(words) if index not in second]
    return _first_taken(verb, others, tail, named=True) if row.words[0].startswith("name") else []


def _row(verb: str) -> Verb:
    """Return the row of a verb as it is spelled."""
    return BY_NAME[verb] if verb in BY_NAME else parser.split([verb]).row


def _plain(words: Sequence[str]) -> list[int]:
    """Return the places of the plain words among some that stand before any verb."""
    places: list[int] = []
    index = 0
    while index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            places.append(index)
        index += 2 if parser.takes_value(None, words[index]) else 1
    return places


def _line(verb: str, words: Sequence[str], tail: Sequence[str] | None = None, *, named: bool = False) -> str:
    """Return the line of a verb and further words, as a person is to type it; empty if the parser takes none.

    `named`: the first plain word is a name for sure.
    """
    line = _first_taken(verb, words, tail, named=named)
    return parser.line_of(line or ([] if _row(verb).words else [verb]))


def _first_taken(verb: str, words: Sequence[str], tail: Sequence[str] | None, *, named: bool) -> list[str]:
    """Return the first of these lines that the parser takes: the words as typed, with `--` before a command, and both
    with the hosts in front. Empty for none."""
    if verb == "-":
        return [verb]
    name, hosts = [verb] if verb else [], [word for word in words if word[:1] == "@"]
    for front, others in (([], words), (hosts, [word for word in words if word not in hosts])):
        ways = [[*others, "--", *tail]] if tail is not None else [list(others), _with_dashes(verb, others, named=named)]
        for way in ways:
            if takes([*front, *name, *way]):
                return [*front, *name, *way]
    return []


def _with_dashes(verb: str, words: Sequence[str], *, named: bool = False) -> list[str]:
    """Return the words behind a verb with `--` before its command: behind the name, which --exec seldom has."""
    row = _row(verb)
    names = 1 if named or row.name != "--exec" else 0
    index = 0
    while row.command and index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            if not names:
                return [*words[:index], "--", *words[index:]]
            names -= 1
        elif parser.takes_value(row.name, words[index]):
            index += 1
        index += 1
    return list(words)


def _by_habit(words: Sequence[str], tail: Sequence[str] | None) -> str:
    """Return the line that was meant by a verb behind a single dash (`-ls`), or by screen's or tmux's options."""
    for index, word in enumerate(words):
        if word[:1] == "-" and (verb := parser.verb_like(word[1:])):
            plain = [other for other in (*words[:index], *words[index + 1 :]) if other[:1] != "-"]
            return _line(verb, plain, tail)
    window = "-n" if "new" in words or "new-session" in words else None  # tmux's option for the title of a window
    names = [
        word for option, word in zip(("", *words), words, strict=False) if word[:1] != "-" and option != window
    ]  # fmt: skip
    letters = {letter for word in words if word[:1] == "-" for letter in word[1:]}
    if not names or not letters or not letters <= _OF_OTHERS:
        return ""
    first, *others = names
    if others and first in ("new", "new-session"):
        option = "" if "A" in letters else "--open" if "d" in letters else "--new"
        names = others
    elif others and (verb := parser.verb_like(_SHORT.get(first, first))):
        if verb == "--send" and others[-1] in ("Enter", "C-m"):
            others[-1] = "--enter"
        return _line(verb, others, tail)
    else:
        option = "--open" if "m" in letters else "--replace" if letters & {"d", "D"} else ""
    if len(names) > 1 and tail is None:
        names, tail = names[:1], names[1:]
    return _line(option, names, tail)


# -- errors


def _verb_behind(line: parser.CommandLine) -> UsageError:
    """Return the error for a line whose verb stands behind the name, which may be a host without its `@`."""
    first, *others = line.words
    if not line.hosts and not find.is_here(first) and (host := find.host_named(first)):
        words = [f"@{host}", *line.behind, *others, *([] if line.tail is None else ["--", *line.tail])]
        if takes(words):
            proposal = parser.written(words)
            return UsageError(f"{first} without its @ is the name of a session", hint=f"did you mean $sesh {proposal}?")
    if parser.verb_like(first) and (proposal := guess([*line.words, *line.behind], line.tail)):
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
    spelling, *rest = line.behind
    verb = SPELLINGS.get(spelling, spelling)
    if verb in BY_NAME and not _usage(BY_NAME[verb]):
        return _no_words(verb, first)
    proposal = _line(verb, [*line.words, *rest], line.tail, named=True) or line_to_write([verb], inside=False)
    return UsageError(f"write the verb before the name: {proposal}" if proposal else f"{verb} stands behind the name")


def _usage(row: Verb) -> list[str]:
    """Return the plain words of a verb's usage, in its order: not its options, nor its command."""
    words = takewhile(lambda word: word[:2] not in ("[-", "--") and word[:7] != "[OPTION", row.usage.split())
    return [word.replace("…", "") for word in words]


def _command(row: Verb) -> str:
    """Return the end of a line whose verb wants a command; empty for one that only may have it."""
    return " -- CMD" if row.command and "[-- CMD" not in row.usage else ""


def _unknown(line: parser.CommandLine, word: str) -> UsageError:
    """Return the error for a word that only looks like an option of the verb."""
    verb = line.verb
    spelling = word.partition("=")[0] if word[:2] == "--" else word[:2]
    option = line.row.spelled.get(spelling)
    if (option is not None and option.kind == FLAG) or (spelling != word and spelling in _COMMON):
        return UsageError(f"{spelling} takes no value", hint=f"write: {spelling}")
    if verb in ("--send", "--message"):
        hint = f"write TEXT that begins with a dash after --: $sesh {verb} NAME -- TEXT"
    elif proposal := _run_with_dashes(line):
        return UsageError(f"write the command after --: {proposal}")
    elif (verb, spelling) in _FROM_HABIT:
        hint = _FROM_HABIT[verb, spelling]
    elif not verb and (proposal := guess(line.words, line.tail)):
        first = next(name for name in (*line.words, "") if name[:1] != "-")
        guessed_verb = parser.verb_like(first)
        if guessed_verb and proposal.startswith(f"$sesh {guessed_verb}") and parser.kind_of(None, spelling) is not None:
            return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
        hint = f"did you mean {proposal}?"
    elif not verb and (words := behind_name(line.words, line.tail)):
        hint = f"did you mean $sesh {parser.written(words)}?"
    elif spelling == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: $sesh {row} DIR")
    elif match := _like(spelling, [name for name in (*line.row.spelled, *_COMMON) if name[:2] == "--"]):
        hint = f"did you mean {match}?"
    elif not verb and (proposal := _verb_near(line, word)):
        hint = f"did you mean {proposal}?"
    elif owners := _owners(spelling):
        more = f"see `$sesh {owners[0]} --help`"
        return UsageError(f"{spelling} is an option of {' and '.join(owners)}, not of {verb or 'NAME'}", hint=more)
    else:
        hint = f"see `$sesh {verb} --help`" if verb else "see `$sesh --help`"
    text = printable(spelling if verb else word.partition("=")[0])
    return UsageError(f"{verb} has no option {text}" if verb else f"there is no verb or option {text}", hint=hint)


def _verb_near(line: parser.CommandLine, word: str) -> str:
    """Return the line that was meant by a word with the dashes of a verb that is none; empty if none is like it."""
    spelling = word.partition("=")[0]
    verb = parser.verb_like(word[2:]) if word[:2] == "--" else ""
    verb = verb or next(iter(verbs_near(spelling)), "")
    if not verb:
        return ""
    others = [other for other in line.words if other != word]
    return _line(verb, others, line.tail) or line_to_write([verb], inside=False) or f"$sesh {verb}"


def _like(word: str, words: Sequence[str]) -> str:
    """Return the one of some long options that a word looks like, or begins; empty for none."""
    matches = [option for option in words if word[:2] == "--" and word[2:3] and option.startswith(word)]
    if len(matches) == 1:
        return matches[0]
    matches = get_close_matches(word[2:], [option[2:] for option in words], 1, _NEAR) if word[:2] == "--" else []
    return f"--{matches[0]}" if matches else ""


def _owners(spelling: str) -> list[str]:
    """Return the verbs that have a long option, if they are few."""
    owners = [row.name for row in VERBS if row.name and spelling in row.spelled and spelling[:2] == "--"]
    return owners if len(owners) <= _FEW else []


def _missing(line: parser.CommandLine, word: str, plain: Sequence[str]) -> UsageError:
    """Return the error for a line that ends too early; it shows the line with the words of the usage."""
    usage = _usage(line.row)
    words = [*map(shell_word, plain), *usage[len(plain) :]]
    if word == "K=V":
        hint = f"`$sesh --status {words[0]}` shows its labels"
        return UsageError(f"no label given; write: $sesh {line.verb} {words[0]} KEY=VALUE", hint=hint)
    what = word
    if "|" in word:
        what, words = f"one of {', '.join(word.split('|'))}", [word.partition("|")[0]]
    return UsageError(f"missing {what}", hint=f"write: $sesh {line.verb} {' '.join(words)}{_command(line.row)}")


def _too_many(line: parser.CommandLine, plain: Sequence[str]) -> UsageError:
    """Return the error for a line with more words than the verb takes."""
    verb = line.verb
    if proposal := _run_with_dashes(line):
        return UsageError(f"write the command after --: {proposal}")
    usage = _usage(line.row)
    extra = printable(plain[min(len(line.row.words), len(plain) - 1)])
    if not usage:
        return _no_words(verb, extra)
    form = f"$sesh {verb} {' '.join(usage)}{_command(line.row)}"
    return UsageError(f"{extra} is one word too many", hint=f"write: {form}")


def too_many(words: Sequence[str]) -> UsageError:
    """Return the error for more plain words than NAME and DIR."""
    if "#" in words:
        return parser.comment()
    if proposal := guess(words) or parser.line_of(behind_name(words)):
        return UsageError(f"too many arguments; did you mean {proposal}?")
    command = parser.written([words[0], "--", *words[1:]])
    return UsageError("too many arguments", hint=f"to run a command: $sesh {command}")


def _no_words(verb: str, extra: str) -> UsageError:
    """Return the error for a word of a line whose verb takes none."""
    hint = _FOR_ONE[verb].format(extra) if verb in _FOR_ONE else f"write: $sesh {verb}"
    return UsageError(f"{verb} takes no name" if verb in _FOR_ONE else f"{verb} takes no words", hint=hint)


def no_verb(word: str, form: str) -> UsageError:
    """Return the error for a word that is no verb; `form`: the line for one that was meant."""
    verbs = verbs_near(word)
    hint = f"did you mean {form.format(verbs[0])}?" if verbs else "see `$sesh --help`"
    return UsageError(f"there is no verb {printable(word)}", hint=hint)


def verbs_near(word: str) -> list[str]:
    """Return the verb that a word begins or looks like, if any; the dashes, which they all have, prove nothing."""
    name = word.lstrip("-")
    longer = [row.name for row in VERBS if row.name.startswith(f"--{name}")] if len(name) > 2 else []
    if len(longer) == 1:
        return longer
    matches = get_close_matches(name, [row.name[2:] for row in VERBS if row.name], 1, _NEAR)
    return [f"--{match}" for match in matches if match[:1] == name[:1]]


def _run_with_dashes(line: parser.CommandLine) -> str:
    """Return the line that was meant by a `--run` without `--` before its command; empty for any other line."""
    words = _with_dashes(line.verb, line.words)
    if line.verb != "--run" or line.tail is not None or not takes([line.verb, *words]):
        return ""
    return f"$sesh {parser.written([line.verb, *words])}"
