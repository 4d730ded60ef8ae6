"""The errors for command lines that `parser.parse` refuses: what is wrong with the first wrong word, and what to write.

Loaded only then. The words are those of the verb's usage.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import takewhile

from sesh.cli import parser
from sesh.cli.verbs import BY_NAME, FLAG, MANY, SPELLINGS, VALUE, VERBS
from sesh.errors import UsageError
from sesh.names import printable
from sesh.reach import find
from sesh.wording import shell_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.verbs import Verb

_OF_OTHERS = frozenset("SRDdrmtspA")
"""The letters of the options by which screen and tmux start a session, or go back to one."""
_SHORT = {"a": "attach", "at": "attach"}
"""Verbs of tmux that are too short for a slip."""
_COMMON = ("--json", "--local", "--help")
"""Options of every verb."""
_NEAR = 0.75
"""The likeness of two words from which on one may be a slip for the other."""
_FEW = 2
"""Verbs that an error lists."""
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


def _verb_behind(line: parser.CommandLine) -> UsageError:
    """Return the error for a line whose verb stands behind the name, which may be a host without its `@`."""
    first, *others = line.words
    if parser.verb_like(first) in ("--run", "--exec"):  # the option is the command's
        meant = parser.verb_line(first, [*others, *line.behind])
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {meant}?")
    tail = [] if line.tail is None else ["--", *line.tail]
    if not line.hosts and not find.is_here(first) and find.is_host(first):
        meant = parser.written([f"@{first}", *line.behind, *others, *tail])
        return UsageError(f"{first} without its @ is the name of a session", hint=f"did you mean $sesh {meant}?")
    if like := parser.verb_like(first):
        alone = like in BY_NAME and not (others or BY_NAME[like].words)
        if meant := _by_habit([*line.words, *line.behind]) or (parser.verb_line(first, []) if alone else ""):
            return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {meant}?")
    verb = SPELLINGS.get(line.behind[0], line.behind[0])
    if verb in BY_NAME and not _usage(BY_NAME[verb]):
        return _no_words(verb, first)
    meant = parser.written([verb, *line.words, *line.behind[1:], *tail])
    return UsageError(f"write the verb before the name: $sesh {meant}")


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
    if (option is not None and option.kind == FLAG) or (
        spelling != word and spelling in ("--json", "--local", "--help")
    ):
        return UsageError(f"{spelling} takes no value", hint=f"write: {spelling}")
    if verb in ("--send", "--message"):
        hint = f"write TEXT that begins with a dash after --: $sesh {verb} NAME -- TEXT"
    elif meant := _run_with_dashes(line):
        return UsageError(f"write the command after --: {meant}")
    elif (verb, spelling) in _FROM_HABIT:
        hint = _FROM_HABIT[verb, spelling]
    elif spelling == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: $sesh {row} DIR")
    elif not verb and (meant := _by_habit(line.words)):
        hint = f"did you mean {meant}?"
    elif near := _like(spelling, [each for each in (*line.row.spelled, *_COMMON) if each[:2] == "--"]):
        hint = f"did you mean {near}?"
    elif not verb and (meant := parser.verb_line(word[2:], [])):
        hint = f"did you mean {meant}?"
    elif not verb and (verbs := verbs_near(spelling)):
        hint = f"did you mean $sesh {verbs[0]}?"
    elif owners := _owners(spelling):
        more = f"see `$sesh {owners[0]} --help`"
        return UsageError(f"{spelling} is an option of {' and '.join(owners)}, not of {verb or 'NAME'}", hint=more)
    else:
        hint = f"see `$sesh {verb} --help`" if verb else "see `$sesh --help`"
    shown = printable(spelling if verb else word.partition("=")[0])
    return UsageError(f"{verb} has no option {shown}" if verb else f"there is no verb or option {shown}", hint=hint)


def _like(word: str, words: Sequence[str]) -> str:
    """Return the one of some long options that a word looks like, or begins; empty for none."""
    begun = [each for each in words if word[:2] == "--" and word[2:3] and each.startswith(word)]
    if len(begun) == 1:
        return begun[0]
    near = get_close_matches(word[2:], [each[2:] for each in words], 1, _NEAR) if word[:2] == "--" else []
    return f"--{near[0]}" if near else ""


def _owners(spelling: str) -> list[str]:
    """Return the verbs that have a long option, if they are few."""
    owners = [row.name for row in VERBS if row.name and spelling in row.spelled and spelling[:2] == "--"]
    return owners if len(owners) <= _FEW else []


def _missing(line: parser.CommandLine, word: str, plain: Sequence[str]) -> UsageError:
    """Return the error for a line that ends too early; it shows the line with the words of the usage."""
    usage = _usage(line.row)
    shown = [*map(shell_word, plain), *usage[len(plain) :]]
    one = word
    if "|" in word:
        one, shown = f"one of {', '.join(word.split('|'))}", [word.partition("|")[0]]
    return UsageError(f"missing {one}", hint=f"write: $sesh {line.verb} {' '.join(shown)}{_command(line.row)}")


def _too_many(line: parser.CommandLine, plain: Sequence[str]) -> UsageError:
    """Return the error for a line with more words than the verb takes."""
    verb = line.verb
    if meant := _run_with_dashes(line):
        return UsageError(f"write the command after --: {meant}")
    usage = _usage(line.row)
    extra = printable(plain[min(len(line.row.words), len(plain) - 1)])
    if not usage:
        return _no_words(verb, extra)
    line_of = f"$sesh {verb} {' '.join(usage)}{_command(line.row)}"
    return UsageError(f"{extra} is one word too many", hint=f"write: {line_of}")


def _no_words(verb: str, extra: str) -> UsageError:
    """Return the error for a word of a line whose verb takes none."""
    hint = _FOR_ONE[verb].format(extra) if verb in _FOR_ONE else f"write: $sesh {verb}"
    return UsageError(f"{verb} takes no name" if verb in _FOR_ONE else f"{verb} takes no words", hint=hint)


def verbs_near(word: str) -> list[str]:
    """Return the verb that a word looks like, if any; the dashes, which they all have, prove nothing."""
    bare = word.lstrip("-")
    near = get_close_matches(bare, [row.name[2:] for row in VERBS if row.name], 1, _NEAR)
    return [f"--{name}" for name in near if name[:1] == bare[:1]]


def _by_habit(words: Sequence[str]) -> str:
    """Return the line that was meant by a verb behind a single dash (`-ls`), or by screen's or tmux's options."""
    options = [word[1:] for word in words if word[:1] == "-"]
    names = [word for word in words if word[:1] != "-"]
    for option in options:
        if meant := parser.verb_line(option, names):
            return meant
    letters = set("".join(options))
    if not names or not letters <= _OF_OTHERS:
        return ""
    first, *others = names
    if "A" in letters and first in ("new", "new-session"):
        names, others = others, []
    if others:
        enters = parser.verb_like(first) == "--send" and others[-1] in ("Enter", "C-m")
        return parser.verb_line(_SHORT.get(first, first), [*others[:-1], "--enter"] if enters else others)
    option = "--open " if "m" in letters else "--replace " if letters & {"d", "D"} else ""
    return f"$sesh {option}{parser.written(names)}"


def _run_with_dashes(line: parser.CommandLine) -> str:
    """Return the line that was meant by a `--run` without `--` before its command; empty for any other line."""
    index = 0
    while index < len(line.words) and parser.kind_of(line.verb, line.words[index]) is not None:
        index += 2 if parser.takes_value(line.verb, line.words[index]) else 1
    own, command = line.words[: index + 1], line.words[index + 1 :]
    if line.verb != "--run" or line.tail is not None or not command or own[-1][:1] == "-":
        return ""
    return f"$sesh {parser.written([line.verb, *own, '--', *command])}"
