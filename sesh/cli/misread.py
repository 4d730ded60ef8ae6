"""The errors for command lines that `parser.parse` refuses, and slips: what is wrong with a line, and what to write.

Loaded only then. The words are those of the verb's usage. A line is proposed only if the parser takes it. A slip: a
verb without its dashes, a word of tmux or screen, a command in the place of a directory.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from itertools import takewhile
from shutil import which

from sesh.about import CALLED
from sesh.cli import parser
from sesh.cli.verbs import BY_NAME, FLAG, MANY, SPELLINGS, VALUE, VERBS
from sesh.errors import SeshError, UsageError
from sesh.names import check_host, is_name, printable
from sesh.reach import find
from sesh.wording import shell_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sesh.cli.verbs import Verb

_OF_OTHERS = frozenset("SRDdrmtspAn")
"""The letters of the options by which screen and tmux start a session, or go back to one."""
_SHORT = {"a": "attach", "at": "attach"}
"""Verbs of tmux that are too short for a slip."""
_CARRIED = {
    ("--attach", "d"): "--replace",
    ("--attach", "r"): "--read-only",
    ("--attach", "l"): "-",
    ("--attach", "n"): "--pick",
    ("--attach", "p"): "--pick",
    ("--message", "p"): "--status",
}
"""The option, or another verb, for an option of tmux's command for a verb."""
_INSTEAD = {
    "windows": "use sessions; `$sesh NAME` starts one, `$sesh --pick` goes to one",
    "buffers": "copy in your terminal; `$sesh --logs NAME` prints what a session has shown",
    "commands for settings": "edit ~/.config/sesh/config.toml; `$sesh NAME --env K=V` sets a variable",
    "such command": "see `$sesh --help`",
}
"""What to do for want of a thing that tmux has."""
_COMMON = ("--json", "--local", "--help")
"""Options of every verb."""
_NEAR = 0.75
"""The likeness of two words from which on one may be a slip for the other."""
_UNIT_APART = re.compile(r"(--timeout[ =][\d.]+) ([smhdw])(?:ec(?:ond)?|in(?:ute)?|(?:ou)?r|ay|eek)?s?(?= |$)")
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
    ("--logs", "--lines"): "write the number of lines behind NAME: $sesh --logs NAME 5",
    ("--label", "--remove"): "to remove it: $sesh --label NAME KEY=",
    ("", "--hosts"): "the hosts that sesh knows: $sesh --forget, without a host, names them",
    ("--kill", "--all"): "to end all sessions: $sesh --kill-all",
    ("", "--restart"): "Ctrl-R in `$sesh --pick` restarts one, or `$sesh --kill NAME` and `$sesh --open NAME -- CMD`",
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
    if hosts := parser.hosts_among(row, plain):
        return _hosts_last(line, hosts)
    if line.tail is not None and not row.command:
        plain += line.tail
    if "#" in plain:
        return _comment()
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
    plain = [value or "" for option, _, value in parser.pieces(line) if option is None]
    return (
        (not row.gather or len(plain) <= len(row.words))
        and bool(line.tail or not _command(row))
        and not (plain and _apart(row, plain)[0])
    )


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
    if verb and (line := _line(verb, others, tail) or _line(verb, ["NAME", *others] if others else [], tail)):
        return line
    return _by_habit(words, tail)


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


def instead(line: parser.CommandLine, name: str) -> list[str]:
    """Return the words that were probably meant by a line of a session whose name looks like a verb; else none."""
    verb = parser.verb_like(name)
    if line.verb or line.create or name not in parser.UNLIKELY or not verb:
        return []
    if line.tail is not None and not (verb in BY_NAME and BY_NAME[verb].command):
        return []
    at = line.words.index(name)
    return [*line.words[:at], verb, *line.words[at + 1 :]]


def line_for(name: str, hosts: Sequence[str], tail: Sequence[str] | None, *, inside: bool) -> str:
    """Return the line to write for a name alone that looks like a verb; empty for other names.

    `inside`: see `line_to_write`.
    """
    if not (verb := parser.verb_like(name)):
        return ""
    words = [verb, *(["--", *tail] if tail and verb in BY_NAME and BY_NAME[verb].command else [])]
    return line_to_write([*(f"@{host}" for host in hosts), *words], inside=inside) or line_of(words)


def missing(name: str) -> str:
    """Return what to do instead of a command of tmux for what sesh does not have; empty for other names."""
    things = (thing for thing, words in parser.MISSING.items() if name in words)
    return next((f"sesh has no {thing}: {_INSTEAD[thing]}" for thing in things), "")


def remark(name: str) -> str:
    """Return what is said of a new session whose name looks like a verb; empty for other names."""
    verb = parser.verb_like(name)
    if name not in parser.UNLIKELY or not verb:
        return missing(name)
    names = verb in BY_NAME and verb != "--new" and "".join(BY_NAME[verb].words).startswith("name")
    return f"did you mean: $sesh {verb}{' NAME' if names else ''}?"


def complete(error: SeshError, line: parser.CommandLine) -> None:
    """Have the error for NAME@HOST (see `find.checked`) show the whole line that is to be written."""
    hosts, words = _apart(line.row, line.words)
    whole = [*hosts, line.verb, *words, *ending(line)]
    if hosts and takes(whole):
        name = next(word for word in words if word[:1] != "-")
        error.message = error.message.replace(written([*hosts, line.verb, name]), written(whole))


def propose_command(error: SeshError, line: parser.CommandLine) -> None:
    """Have the error for a DIR that does not exist show the line for a command, if there is one of that name."""
    from sesh.ops.create import ABSENT

    words = _with_dashes(line.verb, line.words, named=True)
    if error.hint == ABSENT and line.tail is None and "--" in words and which(words[words.index("--") + 1]):
        error.hint = f"to run a command: {line_of([*(f'@{host}' for host in line.hosts), line.verb, *words])}"


def ending(line: parser.CommandLine) -> list[str]:
    """Return what ends a line as it is to be written: `--json`, `--local`, the command behind `--`."""
    words = [word for word, given in (("--json", line.json), ("--local", line.local)) if given]
    return words if line.tail is None else [*words, "--", *line.tail]


def written(words: Iterable[str]) -> str:
    """Return the words of a line as a person is to type them: quoted if a shell would split or expand them."""
    return " ".join(map(shell_word, words))


def line_of(words: Sequence[str]) -> str:
    """Return a line as a person is to type it; empty without words."""
    return f"$sesh {written(words)}" if words else ""


def _apart(row: Verb, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the host of the first name if that is NAME@HOST or HOST:NAME, with an `@`, and the words with NAME."""
    places = _plain(words, row.name or None)[:1] if row.words and row.words[0].startswith("name") else []
    host, name = find.placed(words[places[0]]) if places else ("", "")
    if not host:
        return [], [*words]
    return [f"@{host}"], [*words[: places[0]], name, *words[places[0] + 1 :]]


def _row(verb: str) -> Verb:
    """Return the row of a verb as it is spelled."""
    return BY_NAME[verb] if verb in BY_NAME else parser.split([verb]).row


def _plain(words: Sequence[str], verb: str | None = None) -> list[int]:
    """Return the places of the plain words among those of a verb; None for words that stand before any verb."""
    places: list[int] = []
    index = 0
    while index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            places.append(index)
        index += 2 if parser.takes_value(verb, words[index]) else 1
    return places


def _line(verb: str, words: Sequence[str], tail: Sequence[str] | None = None, *, named: bool = False) -> str:
    """Return the line of a verb and further words, as a person is to type it; empty if the parser takes none.

    `named`: the first plain word is a name for sure.
    """
    line = _first_taken(verb, words, tail, named=named)
    return line_of(line or ([] if _row(verb).words else [verb]))


def _first_taken(verb: str, words: Sequence[str], tail: Sequence[str] | None, *, named: bool) -> list[str]:
    """Return the first of these lines that the parser takes: the words as typed, with `--` before a command, and both
    with the hosts in front. Empty for none."""
    if verb == "-":
        return [verb]
    name = [verb] if verb else []
    host, words = _apart(_row(verb), words)
    hosts = host or [word for word in words if word[:1] == "@"]
    for front, others in ((host, words), (hosts, [word for word in words if word not in hosts])):
        ways = [[*others, "--", *tail]] if tail is not None else [list(others), _with_dashes(verb, others, named=named)]
        for way in ways:
            if takes([*front, *name, *way]):
                return [*front, *name, *way]
    return []


def _with_dashes(verb: str, words: Sequence[str], *, named: bool = False) -> list[str]:
    """Return the words behind a verb with `--` before its command: behind the name, which --exec seldom has, and a
    directory."""
    row = _row(verb)
    names = 1 if named or row.name != "--exec" else 0
    directory = row.words[-1:] == ("directory?",)
    index = 0
    while row.command and index < len(words):
        if words[index][:1] != "-" or len(words[index]) == 1:
            if not names and not (directory and os.path.isdir(words[index])):
                return [*words[:index], "--", *words[index:]]
            directory = directory and names > 0
            names = max(0, names - 1)
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
    letters = [letter for word in words if word[:1] == "-" for letter in word[1:]]
    if "X" in letters:  # screen's: -S NAME -X COMMAND, with -p and a window
        names = [word for option, word in zip(("", *words), words, strict=False) if word[:1] != "-" and option != "-p"]
        verb = parser.verb_like(names[1]) if len(names) > 1 else ""
        return _line(verb, [names[0], *names[2:]], tail) if verb else ""
    verb = parser.verb_like(_SHORT.get(names[0], names[0])) if names else ""
    carried = [_CARRIED[verb, letter] for letter in letters if (verb, letter) in _CARRIED]
    if not names or not letters or not {letter for letter in letters if (verb, letter) not in _CARRIED} <= _OF_OTHERS:
        return ""
    first, *others = names
    if others and first in ("new", "new-session"):
        option = "" if "A" in letters else "--open" if "d" in letters else "--new"
        names = others
    elif verb and (others or carried):
        return _of_tmux(verb, others, carried, tail)
    elif missing(first):
        return ""
    else:
        option = "--open" if "m" in letters else "--replace" if {"d", "D"} & {*letters} else ""
    if len(names) > 1 and tail is None:
        names, tail = names[:1], names[1:]
    return _line(option, names, tail)


def _of_tmux(verb: str, words: Sequence[str], carried: Sequence[str], tail: Sequence[str] | None) -> str:
    """Return the line for a command of tmux: its verb, its plain words, and what stands for its options."""
    if verbs := [word for word in carried if word == "-" or word in BY_NAME]:
        verb, words, carried = verbs[0], words[:1] if verbs[0] == "--status" else [], []
    last = words[-1] if words else ""
    if verb == "--send" and last in ("Enter", "C-m"):
        words = [*words[:-1], "--enter"]
    elif verb == "--send" and len(last) == 3 and last[:2] in ("C-", "M-"):
        words = [*words[:-1], "--key", last]
    elif verb == "--logs":  # the number of lines may stand in front; a command behind the name is that of pipe-pane
        names = [word for word in words if not word.isdigit()]
        words = [*names[:1], *(word for word in words if word.isdigit()), *["--follow"] * (len(names) > 1)]
    return _line(verb, [*words, *carried], tail)


# -- errors


def _verb_behind(line: parser.CommandLine) -> UsageError:
    """Return the error for a line whose verb stands behind the name, which may be a host without its `@`."""
    first, *others = line.words
    if not line.hosts and not find.is_here(first) and (host := find.host_named(first)):
        words = [f"@{host}", *line.behind, *others, *([] if line.tail is None else ["--", *line.tail])]
        if takes(words):
            proposal = written(words)
            return UsageError(f"{first} without its @ is the name of a session", hint=f"did you mean $sesh {proposal}?")
    if parser.verb_like(first) and (proposal := guess([*line.words, *line.behind], line.tail)):
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
    if first in parser.UNLIKELY:
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=_help_for(first))
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


def _help_for(name: str) -> str:
    """Return the hint for a name that looks like a verb, or is a command of tmux; else for any."""
    verb = parser.verb_like(name)
    return missing(name) or (f"see `$sesh {verb} --help`" if verb[:2] == "--" else "see `$sesh --help`")


def _unknown(line: parser.CommandLine, word: str) -> UsageError:
    """Return the error for a word that only looks like an option of the verb."""
    verb = line.verb
    spelling = word.partition("=")[0] if word[:2] == "--" or word[1:].isdigit() else word[:2]
    option = line.row.spelled.get(spelling)
    if (option is not None and option.kind == FLAG) or (spelling != word and spelling in _COMMON):
        return UsageError(f"{spelling} takes no value", hint=f"write: {spelling}")
    if verb in ("--send", "--message"):
        hint = f"write TEXT that begins with a dash after --: $sesh {verb} NAME -- TEXT"
    elif proposal := _lacking_dashes(line, word):
        return UsageError(f"write the command after --: {proposal}")
    elif hint := _from_habit(line, spelling):
        pass
    elif not verb and (proposal := guess(line.words, line.tail)):
        first = next(name for name in (*line.words, "") if name[:1] != "-")
        guessed_verb = parser.verb_like(first)
        if guessed_verb and proposal.startswith(f"$sesh {guessed_verb}") and parser.kind_of(None, spelling) is not None:
            return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
        hint = f"did you mean {proposal}?"
    elif not verb and (hint := missing(next((name for name in line.words if name[:1] != "-"), ""))):
        pass
    elif not verb and (words := behind_name(line.words, line.tail)):
        hint = f"did you mean $sesh {written(words)}?"
    elif spelling == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: $sesh {row} DIR")
    elif match := _like(spelling, [name for name in (*line.row.spelled, *_COMMON) if name[:2] == "--"]):
        hint = f"did you mean {match}?"
    elif not verb and (hint := missing(word.lstrip("-"))):
        pass
    elif not verb and (proposal := _verb_near(line, word)):
        hint = f"did you mean {proposal}?"
    elif owners := _owners(spelling):
        more = f"see `$sesh {owners[0]} --help`"
        return UsageError(f"{spelling} is an option of {' and '.join(owners)}, not of {verb or 'NAME'}", hint=more)
    else:
        hint = f"see `$sesh {verb} --help`" if verb else _help_for(next((w for w in line.words if w[:1] != "-"), ""))
    text = printable(spelling if verb else word.partition("=")[0])
    return UsageError(f"{verb} has no option {text}" if verb else f"there is no verb or option {text}", hint=hint)


def _from_habit(line: parser.CommandLine, spelling: str) -> str:
    """Return what to write for an option of other tools, such as tail's `-50`; empty for any other."""
    if line.verb == "--logs" and spelling[1:].isdigit():
        others = [word for word in line.words if word != spelling]
        words = [*(others if _plain(others, line.verb) else ["NAME", *others]), spelling[1:]]
        return f"write: {_line(line.verb, words) or '$sesh --logs NAME N'}"
    return _FROM_HABIT.get((line.verb, spelling), "")


def _verb_near(line: parser.CommandLine, word: str) -> str:
    """Return the line that was meant by a word with the dashes of a verb that is none; empty if none is like it."""
    spelling = word.partition("=")[0]
    name = spelling[2:].lower() if spelling[:2] == "--" else ""
    verb = parser.verb_like(name) or next(iter(verbs_near(name or spelling)), "")
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
    host, plain = _apart(line.row, plain)
    called = " ".join(["$sesh", *host])
    words = [*map(shell_word, plain), *usage[len(plain) :]]
    if word == "K=V":
        hint = f"`{called} --status {words[0]}` shows its labels"
        return UsageError(f"no label given; write: {called} {line.verb} {words[0]} KEY=VALUE", hint=hint)
    what = word
    if "|" in word:
        what, words = f"one of {', '.join(word.split('|'))}", [word.partition("|")[0]]
    return UsageError(f"missing {what}", hint=f"write: {called} {line.verb} {' '.join(words)}{_command(line.row)}")


def _too_many(line: parser.CommandLine, plain: Sequence[str]) -> UsageError:
    """Return the error for a line with more words than the verb takes."""
    verb = line.verb
    if proposal := _lacking_dashes(line):
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
        return _comment()
    if proposal := guess(words) or line_of(behind_name(words)):
        return UsageError(f"too many arguments; did you mean {proposal}?")
    if said := missing(words[0]):
        return UsageError(f"too many arguments; {said}")
    return UsageError("too many arguments", hint=f"to run a command: {_line('', words[:1], words[1:])}")


def too_many_before(line: parser.CommandLine, words: Sequence[str]) -> UsageError:
    """Return the error for an `--exec` with more plain words than NAME."""
    if time := _UNIT_APART.search(" ".join(line.words)):
        return UsageError("too many arguments before --", hint=f"write the time as one word: {time[1]}{time[2]}")
    host, words = _apart(BY_NAME["--exec"], words)
    directed = written([*host, "--exec", words[0], "-C", words[1]])
    return UsageError("too many arguments before --", hint=f"give the directory with -C: $sesh {directed} -- …")


def without_command(line: parser.CommandLine, words: Sequence[str]) -> UsageError:
    """Return the error for an `--exec` without a command; it shows the line with the options that were typed."""
    begin, rest = ["--exec"], list(reversed(line.words))
    while rest:
        word = rest.pop()
        if word[:1] == "-":
            begin += [word, rest.pop()] if rest and parser.takes_value(line.verb, word) else [word]
    command = ["sh", "-c", *words] if len(words) == 1 and " " in words[0] else words or ["CMD"]
    meant = [line_of([*begin, "--", *command])]
    host, words = _apart(line.row, words)
    if words and is_name(words[0]):
        meant = [line_of([*host, *begin, words[0], "--", *(words[1:] or ["CMD"])]), *([] if host else meant)]
    return UsageError(f"write the command after --: {', or '.join(meant)}")


def _no_words(verb: str, extra: str) -> UsageError:
    """Return the error for a word of a line whose verb takes none."""
    if "=" in extra and "--label" in BY_NAME[verb].spelled:
        return UsageError(f"{verb} takes no words", hint=f"write: $sesh {verb} --label {shell_word(extra)}")
    hint = _FOR_ONE.get(verb, f"write: $sesh {verb}")
    extra = "NAME" if extra[:1] == "-" else extra
    host, (name,) = _apart(BY_NAME["--attach"], [extra]) if "@{}" not in hint else ([], [extra])
    hint = hint.replace("$sesh", " ".join(["$sesh", *host])).format(name)
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


def _lacking_dashes(line: parser.CommandLine, unknown: str = "") -> str:
    """Return the line that was meant by a command without `--` before it; empty for any other line.

    `unknown`: the first word that only looks like an option of the verb: the command stands before it.
    """
    row = line.row
    if not row.command or line.tail is not None:
        return ""
    before = takewhile(lambda piece: not unknown or piece[1] != unknown, parser.pieces(line))
    plain = [value for option, _, value in before if option is None and value]
    if not row.name and (len(plain) < 2 or not which(plain[1]) or guess(line.words) or behind_name(line.words)):
        return ""
    directed = row.words[-1] == "directory?" and len(plain) > 1 and os.path.isdir(plain[1])
    if len(plain) > (2 if directed else 1):
        return _line(row.name, line.words, named=True)
    if row.name == "--exec" and plain and unknown[:2] != "--" and which(plain[0]):
        return _line(row.name, line.words)
    return ""


def _hosts_last(line: parser.CommandLine, hosts: Sequence[str]) -> UsageError:
    """Return the error for hosts behind the name; it shows the line as it is to be written."""
    first = [f"@{host}" for host in (*line.hosts, *(check_host(word[1:]) for word in hosts))]
    verb = [line.verb] if line.verb else ["-A"] if line.create else []
    slip = instead(line, line.words[0])
    if not verb and (meant := parser.verb_like(line.words[0])) in BY_NAME and BY_NAME[meant].words == ("hosts*",):
        slip = [meant, *line.words[1:]]
    if not verb and line.words[0] == "ssh":
        slip = line.words[1:]
    words = [*first, *(word for word in slip or [*verb, *line.words] if word not in hosts), *ending(line)]
    whole = written(words) if takes(words) else f"{written([*first, *verb])} …"
    return UsageError(f"@host comes first: {CALLED} {whole}")


def _comment() -> UsageError:
    """Return the error for a comment that the shell has passed on as words."""
    return UsageError("the comment came as words", hint="zsh leaves comments out after: setopt interactivecomments")
