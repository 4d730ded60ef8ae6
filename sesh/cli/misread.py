"""The errors for command lines that `parser.parse` refuses: what is wrong with a line, and what to write.

Loaded only then. The words are those of the verb's usage; `slips` knows the line that was probably meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile
from shutil import which

from sesh.about import CALLED, SESH
from sesh.cli import parser, slips
from sesh.cli.verbs import BY_NAME, FLAG, MANY, SPELLINGS, VALUE, VERBS
from sesh.errors import UsageError
from sesh.names import check_host, is_name, printable
from sesh.wording import shell_word

_COMMON = ("--json", "--local", "--help")
"""Options of every verb."""
_NEAR = 0.75
"""The likeness of two words from which on one may be a slip for the other."""
_UNIT_APART = re.compile(r"(--timeout[ =][\d.]+) ([smhdw])(?:ec(?:ond)?|in(?:ute)?|(?:ou)?r|ay|eek)?s?(?= |$)")
_FEW = 2
"""Verbs that an error lists."""
_FOR_ONE = {
    "--list": f"one session: {SESH} --status {{}}",
    "--watch": f"one session: {SESH} --status {{}}",
    "--pick": f"to attach: {SESH} --attach {{}}",
    "--next": f"to attach: {SESH} --attach {{}}",
    "--kill-all": f"to end one session: {SESH} --kill {{}}",
    "--sweep": f"to clear one session: {SESH} --kill {{}}",
    "--export": f"to write a file: {SESH} --export > {{}}",
    "--doctor": f"to check a host: {SESH} @{{}} --doctor",
    "--upgrade": f"for one host: {SESH} --deploy @{{}}",
}
"""What to write for a word behind a verb that takes none."""
_FROM_HABIT = {
    ("--logs", "-n"): f"write the number of lines behind NAME: {SESH} --logs NAME 5",
    ("--logs", "--lines"): f"write the number of lines behind NAME: {SESH} --logs NAME 5",
    ("--logs", "--tail"): f"write the number of lines behind NAME: {SESH} --logs NAME 5",
    ("--exec", "--detach"): f"-d returns at once: {SESH} --exec NAME -d -- CMD",
    ("--exec", "--background"): f"-d returns at once: {SESH} --exec NAME -d -- CMD",
    ("--exec", "--wait"): f"without -d it waits for the end; for that of one that runs: {SESH} --wait NAME --exit",
    ("--grep", "-A"): "-C N shows N lines around each match",
    ("--grep", "-B"): "-C N shows N lines around each match",
    ("--grep", "--ignore-case"): "did you mean -i?",
    ("--label", "--remove"): f"to remove it: {SESH} --label NAME KEY=",
    ("", "--hosts"): f"the hosts that sesh knows: {SESH} --forget, without a host, names them",
    ("", "--update"): f"`{SESH} --upgrade` gives hosts this sesh; here: git pull and make install",
    ("", "--quit"): f"Ctrl-\\ leaves a session, `{SESH} --kill NAME` ends one",
    ("", "--dir"): f"DIR follows NAME: {SESH} NAME DIR",
    ("--kill", "--all"): f"to end all sessions: {SESH} --kill-all",
    ("", "--restart"): (
        f"Ctrl-R in `{SESH} --pick` restarts one, or `{SESH} --kill NAME` and `{SESH} --open NAME -- CMD`"
    ),
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
    required = [word for word in slips.usage_words(row) if word[:1] != "["]
    if len(plain) < len(required):
        return _missing(line, required[len(plain)], plain)
    return _too_many(line, plain)


def _verb_behind(line: parser.CommandLine) -> UsageError:
    """Return the error for a line whose verb stands behind the name."""
    first = line.words[0]
    if parser.verb_like(first) and (proposal := slips.guess([*line.words, *line.behind], line.tail)):
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
    if first in parser.UNLIKELY:
        return UsageError(f"{first} is a session name; verbs begin with dashes", hint=_help_for(first))
    spelling, *rest = line.behind
    verb = SPELLINGS.get(spelling, spelling)
    if verb in BY_NAME and not slips.usage_words(BY_NAME[verb]):
        return _no_words(verb, first)
    proposal = slips.proposal(verb, [*line.words, *rest], line.tail, named=True)
    proposal = proposal or slips.line_to_write([verb], inside=False)
    return UsageError(f"write the verb before the name: {proposal}" if proposal else f"{verb} stands behind the name")


def _help_for(name: str) -> str:
    """Return the hint for a name that looks like a verb, or is a command of tmux; else for any."""
    verb = parser.verb_like(name)
    return slips.missing(name) or (f"see `{SESH} {verb} --help`" if verb[:2] == "--" else f"see `{SESH} --help`")


def _unknown(line: parser.CommandLine, word: str) -> UsageError:
    """Return the error for a word that only looks like an option of the verb."""
    verb = line.verb
    spelling = word.partition("=")[0] if word[:2] == "--" or word[1:].isdigit() else word[:2]
    option = line.row.spelled.get(spelling)
    if (option is not None and option.kind == FLAG) or (spelling != word and spelling in _COMMON):
        return UsageError(f"{spelling} takes no value", hint=f"write: {spelling}")
    if hint := _from_habit(line, spelling):
        pass
    elif verb == "--send":
        hint = f"write TEXT that begins with a dash after --: {SESH} {verb} NAME -- TEXT"
    elif proposal := _lacking_dashes(line, word):
        return UsageError(f"write the command after --: {proposal}")
    elif not verb and (proposal := slips.guess(line.words, line.tail)):
        first = next(name for name in (*line.words, "") if name[:1] != "-")
        guessed_verb = parser.verb_like(first)
        guessed = guessed_verb and proposal.startswith(f"{SESH} {guessed_verb}")
        if guessed and parser.kind_of(None, spelling) is not None:
            return UsageError(f"{first} is a session name; verbs begin with dashes", hint=f"did you mean {proposal}?")
        hint = f"did you mean {proposal}?"
    elif not verb and (hint := slips.missing(next((name for name in line.words if name[:1] != "-"), ""))):
        pass
    elif not verb and (words := slips.behind_name(line.words, line.tail)):
        hint = f"did you mean {SESH} {slips.written(words)}?"
    elif spelling == "-C":
        row = f"{verb} NAME" if verb else "NAME"
        return UsageError("-C is an option of --exec; here DIR follows NAME", hint=f"write: {SESH} {row} DIR")
    elif match := _like(spelling, [name for name in (*line.row.spelled, *_COMMON) if name[:2] == "--"]):
        hint = f"did you mean {match}?"
    elif not verb and (hint := slips.missing(word.lstrip("-"))):
        pass
    elif not verb and (proposal := _verb_near(line, word)):
        hint = f"did you mean {proposal}?"
    elif owners := _owners(spelling):
        more = f"see `{SESH} {owners[0]} --help`"
        return UsageError(f"{spelling} is an option of {' and '.join(owners)}, not of {verb or 'NAME'}", hint=more)
    else:
        hint = f"see `{SESH} {verb} --help`" if verb else _help_for(next((w for w in line.words if w[:1] != "-"), ""))
    text = printable(spelling if verb else word.partition("=")[0])
    return UsageError(f"{verb} has no option {text}" if verb else f"there is no verb or option {text}", hint=hint)


def _from_habit(line: parser.CommandLine, spelling: str) -> str:
    """Return what to write for an option of other tools, such as tail's `-50`, or in capitals; empty for any other."""
    if spelling[:2] == "--" and spelling.lower() in line.row.spelled:
        return f"did you mean {spelling.lower()}?"
    if line.verb == "--logs" and spelling[1:].isdigit():
        others = [word for word in line.words if word != spelling]
        words = [*(others if slips.plain_places(others, line.verb) else ["NAME", *others]), spelling[1:]]
        return f"write: {slips.proposal(line.verb, words) or f'{SESH} --logs NAME N'}"
    return _FROM_HABIT.get((line.verb, spelling), "")


def _verb_near(line: parser.CommandLine, word: str) -> str:
    """Return the line that was meant by a word with the dashes of a verb that is none; empty if none is like it."""
    spelling = word.partition("=")[0]
    name = spelling[2:].lower() if spelling[:2] == "--" else ""
    verb = parser.verb_like(name) or next(iter(verbs_near(name or spelling)), "")
    if not verb:
        return ""
    others = [other for other in line.words if other != word]
    return slips.proposal(verb, others, line.tail) or slips.line_to_write([verb], inside=False) or f"{SESH} {verb}"


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
    usage = slips.usage_words(line.row)
    words = [*map(shell_word, plain), *usage[len(plain) :]]
    if word == "K=V":
        hint = f"`{SESH} --status {words[0]}` shows its labels"
        return UsageError(f"no label given; write: {SESH} {line.verb} {words[0]} KEY=VALUE", hint=hint)
    what = word
    if "|" in word:
        what, words = f"one of {', '.join(word.split('|'))}", [word.partition("|")[0]]
    form = f"{SESH} {line.verb} {' '.join(words)}{slips.command_ending(line.row)}"
    return UsageError(f"missing {what}", hint=f"write: {form}")


def _too_many(line: parser.CommandLine, plain: Sequence[str]) -> UsageError:
    """Return the error for a line with more words than the verb takes."""
    verb = line.verb
    if proposal := _lacking_dashes(line):
        return UsageError(f"write the command after --: {proposal}")
    usage = slips.usage_words(line.row)
    extra = printable(plain[min(len(line.row.words), len(plain) - 1)])
    if not usage:
        return _no_words(verb, extra)
    form = f"{SESH} {verb} {' '.join(usage)}{slips.command_ending(line.row)}"
    return UsageError(f"{extra} is one word too many", hint=f"write: {form}")


def too_many(words: Sequence[str]) -> UsageError:
    """Return the error for more plain words than NAME and DIR."""
    if "#" in words:
        return _comment()
    if proposal := slips.guess(words) or slips.line_of(slips.behind_name(words)):
        return UsageError(f"too many arguments; did you mean {proposal}?")
    if said := slips.missing(words[0]):
        return UsageError(f"too many arguments; {said}")
    if which(words[0]) and not which(words[1]):
        return UsageError("too many arguments", hint=f"to run a command: {slips.line_of(['NAME', '--', *words])}")
    return UsageError("too many arguments", hint=f"to run a command: {slips.proposal('', words[:1], words[1:])}")


def too_many_before(line: parser.CommandLine, words: Sequence[str]) -> UsageError:
    """Return the error for an `--exec` with more plain words than NAME."""
    if time := _UNIT_APART.search(" ".join(line.words)):
        return UsageError("too many arguments before --", hint=f"write the time as one word: {time[1]}{time[2]}")
    directed = slips.written(["--exec", words[0], "-C", words[1]])
    return UsageError("too many arguments before --", hint=f"give the directory with -C: {SESH} {directed} -- …")


def without_command(line: parser.CommandLine, words: Sequence[str]) -> UsageError:
    """Return the error for an `--exec` without a command; it shows the line with the options that were typed."""
    begin, rest = ["--exec"], list(reversed(line.words))
    while rest:
        word = rest.pop()
        if word[:1] == "-":
            begin += [word, rest.pop()] if rest and parser.takes_value(line.verb, word) else [word]
    command = ["sh", "-c", *words] if len(words) == 1 and " " in words[0] else words or ["CMD"]
    meant = [slips.line_of([*begin, "--", *command])]
    if words and is_name(words[0]):
        meant = [slips.line_of([*begin, words[0], "--", *(words[1:] or ["CMD"])]), *meant]
    return UsageError(f"write the command after --: {', or '.join(meant)}")


def _no_words(verb: str, extra: str) -> UsageError:
    """Return the error for a word of a line whose verb takes none."""
    if "=" in extra and "--label" in BY_NAME[verb].spelled:
        return UsageError(f"{verb} takes no words", hint=f"write: {SESH} {verb} --label {shell_word(extra)}")
    hint = _FOR_ONE.get(verb, f"write: {SESH} {verb}")
    extra = "NAME" if extra[:1] == "-" else extra
    kind = "name" if verb in _FOR_ONE else "words"
    return UsageError(f"{verb} takes no {kind}", hint=hint.format(extra))


def no_verb(word: str, form: str) -> UsageError:
    """Return the error for a word that is no verb; `form`: the line for one that was meant."""
    verbs = verbs_near(word)
    hint = f"did you mean {form.format(verbs[0])}?" if verbs else f"see `{SESH} --help`"
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
    slip = slips.guess(line.words) or slips.behind_name(line.words)
    if not row.name and (len(plain) < 2 or not which(plain[1]) or slip):
        return ""
    directed = row.words[-1] == "directory?" and len(plain) > 1 and os.path.isdir(plain[1])
    if len(plain) > (2 if directed else 1):
        return slips.proposal(row.name, line.words, named=True)
    if row.name == "--exec" and plain and unknown[:2] != "--" and which(plain[0]):
        return slips.proposal(row.name, line.words)
    return ""


def _hosts_last(line: parser.CommandLine, hosts: Sequence[str]) -> UsageError:
    """Return the error for hosts behind the name; it shows the line as it is to be written."""
    first = [f"@{host}" for host in (*line.hosts, *(check_host(word[1:]) for word in hosts))]
    verb = [line.verb] if line.verb else ["-A"] if line.create else []
    slip = slips.instead(line, line.words[0])
    if not verb and (meant := parser.verb_like(line.words[0])) in BY_NAME and BY_NAME[meant].words == ("hosts*",):
        slip = [meant, *line.words[1:]]
    if not verb and line.words[0] == "ssh":
        slip = line.words[1:]
    words = [*first, *(word for word in slip or [*verb, *line.words] if word not in hosts), *slips.ending(line)]
    whole = slips.written(words) if slips.takes(words) else f"{slips.written([*first, *verb])} …"
    return UsageError(f"@host comes first: {CALLED} {whole}")


def _comment() -> UsageError:
    """Return the error for a comment that the shell has passed on as words."""
    return UsageError("the comment came as words", hint="zsh leaves comments out after: setopt interactivecomments")
