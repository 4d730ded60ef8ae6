"""`--complete`: what may stand where the cursor is, for the completion scripts. Lean: a person waits for it.

`sesh --complete SHELL -- WORDS…` gets the words behind `sesh` up to the cursor, the last one unfinished or empty. The
first line of the answer says what the shell is to offer: `words` (those that follow), `directories`, `files`, or
`command N` (a command that begins with word N, from 0). Each other line is a word and, behind a tab, what it is.
"""

from __future__ import annotations

from sesh.cli import gist, offers, parser, printing
from sesh.errors import SeshError, UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.parser import Line

    Answer = tuple[str, dict[str, str]]

SCRIPTS = {"bash": "sesh.bash", "zsh": "_sesh", "fish": "sesh.fish"}
_EVERYWHERE = {"--json": "one JSON value", "--local": "ask no remote", "--help": "what this does"}
_BESIDE = {
    "--rename": ("name", "text"),
    "--message": ("name", "text*"),
    "--label": ("name", "labels*"),
    "--import": ("file?",),
    "--record": ("name", "file"),
    "--completions": ("shell",),
    "--shell-init": ("shell",),
}
"""The plain words of verbs that do not stand in `words.PLACES`."""
_SEVERAL = {"": ("name", "directory?"), "--exec": ("name?",), "--kill": ("names*",)}
_FORMATS = ("text", "ansi", "json", "svg", "html")
_KEYS = (
    "C-c", "C-d", "C-z", "C-l", "C-\\", "Enter", "Escape", "Tab", "BTab", "Space", "BSpace", "Up", "Down", "Left",
    "Right", "Home", "End", "PageUp", "PageDown", "Insert", "Delete", *(f"F{number}" for number in range(1, 13)),
)  # fmt: skip
_NOTHING: Answer = ("words", {})


def complete(line: Line) -> int:
    """`--complete SHELL -- WORDS…`; with `--refresh` what a host has is asked for the next time."""
    typed = line.tail or [""]
    if line.words == ["--refresh"]:
        return offers.refresh(typed[0])
    if line.words == ["--gist"]:
        return gist.keep()
    kind, found = answer(typed)
    lines = [f"{word}\t{told}" if told else word for word, told in found.items()]
    printing.text("\n".join([kind, *lines]))
    return 0


def completions(line: Line, shell: str) -> int:
    """`--completions SHELL`: the script; with `--json` as `{"shell", "script"}`."""
    if shell not in SCRIPTS:
        raise UsageError(f"{printable(shell)} is no shell that sesh completes in; take {', '.join(SCRIPTS)}")
    import os

    from sesh import completions as room

    with open(os.path.join(os.path.dirname(room.__file__), SCRIPTS[shell]), encoding="utf-8") as file:
        script = file.read()
    if line.json:
        printing.value({"shell": shell, "script": script})
    else:
        printing.write(script.encode())
    return 0


def answer(typed: list[str]) -> Answer:
    """What may stand in the place of the last of the words: the kind, and the words with what they are."""
    *before, current = typed
    if "--" in before:
        return _behind(before, current)
    try:
        line = parser.split(before)
    except SeshError:
        return _NOTHING
    plain, given, waiting = _taken_apart(line)
    option, equals, _ = current.partition("=")
    if waiting:
        return _begins(_value(waiting), current)
    if equals and option[:2] == "--" and parser.kind_of(line.verb, option) in (parser.VALUE, parser.MANY):
        kind, values = _value(option)
        return _begins((kind, {f"{option}={word}": told for word, told in values.items()}), current)
    if current[:1] == "@" and not plain:
        return _begins(("words", offers.hosts()), current)
    if current[:1] == "-":
        return _begins(("words", _options(line, plain, given)), current)
    return _begins(_placed(line, plain, current), current)


def _begins(found: Answer, current: str) -> Answer:
    kind, offered = found
    return kind, {word: told for word, told in offered.items() if word.startswith(current)}


def _behind(before: list[str], current: str) -> Answer:
    """What may stand behind `--`: a command, or for `--send` text."""
    at = before.index("--")
    try:
        line = parser.split(before[:at])
    except SeshError:
        return _NOTHING
    if line.verb in parser.COMMANDED:
        return f"command {at + 1}", {}
    return _begins(_placed(line, [*_taken_apart(line)[0], *before[at + 1 :]], current), current)


def _taken_apart(line: Line) -> tuple[list[str], set[str], str]:
    """The plain words, the keys of the options that were given, and the option that waits for its value."""
    plain: list[str] = []
    given: set[str] = set()
    rest = iter(line.words)
    for word in rest:
        if word[:1] != "-" or len(word) == 1:
            plain.append(word)
            continue
        option = word.partition("=")[0]
        key, kind = parser.OPTIONS.get(line.verb, {}).get(option, ("", parser.FLAG))
        if kind != parser.MANY:
            given.add(key)
        if parser.takes_value(line.verb, word) and "=" not in word and next(rest, None) is None:
            return plain, given, option
    return plain, given, ""


def _value(option: str) -> Answer:
    """What the value of an option may be."""
    if option == "--label":
        return "words", offers.labels()
    if option == "-C":
        return "directories", {}
    if option == "--key":
        return "words", dict.fromkeys(_KEYS, "")
    if option == "--format":
        return "words", dict.fromkeys(_FORMATS, "")
    if option == "--env":
        import os

        return "words", {f"{name}=": "" for name in sorted(os.environ)}
    return _NOTHING


def _options(line: Line, plain: list[str], given: set[str]) -> dict[str, str]:
    """The options of the verb that were not given yet; before any verb and name the verbs too."""
    found: dict[str, str] = {}
    told = gist.of(line.verb)
    own = parser.OPTIONS.get(line.verb, {})
    spelled = {key for word, (key, _) in own.items() if word[:2] == "--"}
    if not line.verb and not plain:
        found |= {verb: told.get(verb, "") for verb in parser.VERBS}
    for word, (key, _) in own.items():
        if key not in given and (word[:2] == "--" or key not in spelled):
            found.setdefault(word, told.get(word, ""))
    found |= _EVERYWHERE
    if line.verb in parser.COMMANDED:
        found["--"] = "then the command"
    return found


def _placed(line: Line, plain: list[str], current: str) -> Answer:
    """What may stand as the next plain word."""
    place = _place(line.verb, len(plain))
    if place in ("name", "names"):
        return "words", _names(line, plain, current)
    if place == "directory":
        return "directories", {}
    if place == "file":
        return "files", {}
    if place == "labels":
        return "words", offers.labels()
    if place == "shell":
        return "words", dict.fromkeys(SCRIPTS, "")
    if line.verb in ("--deploy", "--sweep", "--doctor") and not current:
        return "words", offers.hosts()
    return _NOTHING


def _place(verb: str, number: int) -> str:
    """The key of a verb's plain word by its number from 0; empty where there is none."""
    places = _SEVERAL.get(verb) or _BESIDE.get(verb) or parser.PLACES.get(verb)
    if places is None:
        places = ("name",) if verb in parser.NAMING else ()
    if number < len(places):
        return places[number].rstrip("?*")
    return places[-1][:-1] if places and places[-1].endswith("*") else ""


def _names(line: Line, plain: list[str], current: str) -> dict[str, str]:
    """The sessions that the line may mean, and the hosts that may stand before a name."""
    if line.hosts:
        from sesh import config

        found: dict[str, str] = {}
        for host in config.load().hosts_of(line.hosts):
            found |= offers.sessions_on(host)
    else:
        found = offers.sessions(elsewhere=not line.local and (not line.verb or line.verb in parser.NAMING))
        if not current and not plain:
            found |= offers.hosts()
    return {name: told for name, told in found.items() if name not in plain}
