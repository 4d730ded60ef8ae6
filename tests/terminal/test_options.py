"""No option is without effect in silence: each option of each verb changes what the verb does, or is an error."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from sesh.cli.app import built
from sesh.cli.verbs import VERBS
from tests.support import ROOT, Home, wait_until

PAIRS: dict[str, dict[str, tuple[str, str]]] = {
    "new": {
        "-d": ("new {}", "new {} -d"),
        "--join": ("new w -d", "new w -d --join"),
        "--new-name": ("new w -d", "new w -d --new-name"),
        "--env": ("new {} -d", "new {} -d --env =x"),
        "--label": ("new {} -d", "new {} -d --label a=b"),
        "--size": ("new {} -d", "new {} -d --size 99x9"),
        "--read-only": ("new {} -d", "new {} -d --read-only"),
        "--no-replay": ("new {} -d", "new {} -d --no-replay"),
        "--no-detach-key": ("new {} -d", "new {} -d --no-detach-key"),
        "--kill-old": ("new w -d --join", "new w -d --kill-old"),
    },
    "list": {
        "--label": ("list --json", "list --json --label k=v"),
        "--watch": ("list", "list --watch"),
        "--quiet": ("list", "list -q"),
    },
    "events": {"--from": ("events --log", "events --log --from 0"), "--log": ("events none", "events none --log")},
    "screen": {"--format": ("screen said", "screen said --format json")},
    "logs": {
        "--ansi": ("logs said", "logs said --ansi"),
        "--follow": ("logs kept --json", "logs kept --json -f"),
        "--lines": ("logs said", "logs said -n 1"),
        "--since": ("logs said", "logs said --since 0"),
    },
    "grep": {
        "--context": ("grep one said", "grep one said -C 1"),
        "--ignore-case": ("grep ONE said", "grep ONE said -i"),
        "--names": ("grep one said", "grep one said -l"),
        "--count": ("grep one said", "grep one said -c"),
    },
    "history": {"--ansi": ("history w", "history w --ansi")},
    "open": {
        "--env": ("open w", "open w --env X=1"),
        "--size": ("open w", "open w --size 99x9"),
        "--label": ("open w", "open w --label a=b"),
    },
    "exec": {
        "-C": ("exec --print -- pwd", "exec --print -C / -- pwd"),
        "--print": ("exec -- echo x", "exec --print -- echo x"),
        "--follow": ("exec -- echo x", "exec -f -- echo x"),
        "--timeout": ("exec -- sleep .2", "exec --timeout .1 -- sleep .2"),
        "--stdin": ("exec {} -d -- true", "exec {} -d --stdin -- true"),
        "--tie": ("exec {} -d -- true", "exec {} -d --tie -- true"),
        "-d": ("exec {} -- true", "exec {} -d -- true"),
        "--env": ("exec --print -- printenv X", "exec --print --env X=1 -- printenv X"),
        "--label": ("exec {} --keep -- true", "exec {} --keep --label a=b -- true"),
        "--size": ("exec --print -- stty size", "exec --print --size 99x9 -- stty size"),
    },
    "run": {
        "--timeout": ("run w -- sleep .2", "run w --timeout .1 -- sleep .2"),
        "--no-wait": ("run w -- echo x", "run w --no-wait -- echo x"),
        "--ansi": (r"run w -- printf '\033[1mx'", r"run w --ansi -- printf '\033[1mx'"),
    },
    "send": {
        "--enter": ("send said x --json", "send said x --json --enter"),
        "--key": ("send said x --json", "send said x --json --key Tab"),
        "--question": ("send said x", "send said x --question nothing"),
        "--file": ("send said --json", "send said --json --file /etc/passwd"),
        "--name": ("send said --json --file /etc/passwd", "send said --json --file /etc/passwd --name other"),
        "--clipboard": ("send said --json", "send said --json --clipboard"),
        "--force": ("send said x", "send said x --force"),
    },
    "wait": {
        "--any": ("wait kept", "wait kept --any"),
        "--label": ("wait", "wait --label k=v"),
        "--exit": ("wait kept --prompt", "wait kept --prompt --exit"),
        "--prompt": ("wait kept", "wait kept --prompt"),
        "--waiting": ("wait kept", "wait kept --waiting"),
        "--idle": ("wait kept", "wait kept --idle 1"),
        "--for": ("wait kept", "wait kept --for x"),
        "--from": ("wait said --for one --timeout .1", "wait said --for one --timeout .1 --from 0"),
        "--since-start": ("wait said --for one --timeout .1", "wait said --for one --timeout .1 --since-start"),
        "--timeout": ("wait said --idle .1", "wait said --idle 9 --timeout .1"),
    },
    "kill": {
        "--label": ("kill none", "kill none --label k=v"),
        "-y": ("@a @b kill --label k=v", "@a @b kill --label k=v -y"),
        "--signal": ("kill w -s CONT", "kill w"),
    },
    "kill-all": {"-y": ("@a @b kill-all", "@a @b kill-all -y")},
    "restore": {"--run": ("restore {}", "restore {} --run")},
    "sweep": {
        "--older": ("sweep --dry-run", "sweep --dry-run --older 0"),
        "--all": ("sweep --older 0 --dry-run", "sweep --older 0 --dry-run --all"),
        "--dry-run": ("sweep --older 0 --dry-run", "sweep --older 0"),
    },
    "forget": {"--remove": ("forget @a", "forget @a --remove")},
    "copy": {"--type": ("copy x", "copy x --type ä")},
    "paste": {"--type": ("paste", "paste --type ä"), "--list": ("paste --type ä", "paste --type ä --list")},
    "integrate": {"--remove": ("integrate claude", "integrate claude --remove")},
}
"""By verb and option, a line without and one with the option; `{}` is a new name."""
ATTACHING = {
    "-A": ("w",),
    "attach": ("attach", "w"),
    "new": ("new", "w", "--join"),
    "pick": ("pick", "--label", "k=v"),
    "next": ("next", "--label", "k=v"),
    "here": ("here", "w"),
}
"""By verb, a line that goes to the session w, though another one comes before it without `--label`."""
SHOWN = ("--replace", "--read-only", "--no-replay", "--no-detach-key")
ELSEWHERE = {  # these need a person, another machine, or time
    ("exec", "--keep"): "tests/terminal/test_sweep.py",
    ("watch", "--label"): "tests/terminal/test_board.py",
    ("-A", "--env"): "tests/terminal/test_options.py",
    ("-A", "--label"): "tests/terminal/test_options.py",
    ("sweep", "-y"): "tests/terminal/test_sweep.py",
    ("upgrade", "-y"): "tests/remote/test_deploy_verbs.py",
    ("deploy", "--force"): "tests/remote/test_deploy_verbs.py",
    ("forward", "-d"): "tests/remote/test_forward.py",
    ("forward", "--list"): "tests/remote/test_forward.py",
    ("forward", "--stop"): "tests/remote/test_forward.py",
}


def options() -> list[tuple[str, list[str]]]:
    """Return each verb with the words of each of its own options."""
    shared = ("json", "local", "help")  # test_json has each verb with --json
    return [
        (verb.name, [*each.opts])
        for verb in VERBS
        for each in built(verb.name).params
        if each.param_type_name == "option" and each.name not in shared and not getattr(each, "hidden", False)
    ]


def test_each_option_of_each_verb_is_in_a_table() -> None:
    shown = {(verb, word) for verb in ATTACHING for word in SHOWN}
    shown |= {(verb, word) for verb, line in ATTACHING.items() for word in line if word[:2] == "--"}
    known = {(verb, word) for verb, pairs in PAIRS.items() for word in pairs} | shown | ELSEWHERE.keys()
    missing = [(verb, words) for verb, words in options() if not any((verb, word) in known for word in words)]
    assert missing == [], "write for each a line without it and a line with it"
    for (_, word), path in ELSEWHERE.items():
        assert f'"{word}"' in Path(ROOT, path).read_text(encoding="utf-8")


class Ground:
    """A home with sessions, in which lines are tried."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._count = 0
        home.write(".config/sesh/config.toml", '[remotes.a]\nvia = "false"\n[remotes.b]\nvia = "false"\n')
        home.sesh("open", "w", "--label", "k=w")
        home.sesh("open", "said", "--", "sh", "-c", r"printf '\033[1mzero\033[m\none\n'; exec cat")
        home.sesh("wait", "said", "--for", "one", "--from", "0")
        home.sesh("exec", "kept", "--keep", "--", "sh", "-c", "echo three; exit 3")

    def seen(self, line: str) -> tuple[object, ...]:
        """Return all that a line does and prints, with `{}` as name."""
        self._count += 1
        name = f"new{self._count}"
        if line.startswith("restore"):
            self.home.sesh("open", name, "--", "cat")
            self.home.crash(name)
        done = self.home.sesh(*shlex.split(line.replace("{}", name)))
        made, w = self.home.summary(name), self.home.summary("w")
        facts = made.get("labels"), made.get("columns"), w.get("labels"), w.get("pid")
        return done.code, *(text.replace(name, "NAME") for text in (done.stdout, done.stderr)), facts


@pytest.mark.parametrize("verb", PAIRS)
def test_an_option_changes_what_its_verb_does_or_is_an_error(home: Home, verb: str) -> None:
    ground = Ground(home)
    if verb == "sweep":
        home.sesh("open", "orphan", "--", "cat")
        for suffix in (".sock", ".json"):
            os.unlink(f"{home.directory}/orphan{suffix}")
    silent: list[str] = []
    before: dict[str, tuple[object, ...]] = {}
    for word, (without, line) in PAIRS[verb].items():
        plain = before.get(without) or before.setdefault(without, ground.seen(without))
        if plain == ground.seen(line):
            silent.append(word)
    if verb == "sweep":
        assert home.sesh("sweep", "--older", "0", "--all").code == 0
    assert silent == []


def clients(home: Home) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.summary("w")["clients"]
    return found


@pytest.mark.parametrize("verb", ATTACHING)
def test_the_options_of_attaching_do_with_each_verb_what_they_say(home: Home, verb: str) -> None:
    folder = f"{home.path}/w"
    os.mkdir(folder)
    home.sesh("open", "before", "--", "sh", "-c", "echo first; read x")
    wait_until(lambda: home.summary("before")["activity"]["state"] == "waiting", "another session waits longer")
    home.sesh("open", "w", folder, "--label", "k=v", "--", "sh", "-c", "seq 90; read x; exec cat")
    wait_until(lambda: home.summary("w")["activity"]["state"] == "waiting", "the session waits")
    taken = {word for name, words in options() if name == verb for word in words}
    first = home.terminal("w")
    first.wait_for("90")
    other = home.terminal("before")
    other.wait_for("first")
    other.type("\x1c")
    assert other.exit_code() == 0
    second = home.terminal(*ATTACHING[verb], *(word for word in SHOWN if word in taken))
    if verb == "pick":
        second.wait_for(re.compile("^ w +waiting", re.MULTILINE))
        second.type("\r")
    second.wait_until(lambda: any(each["read_only"] for each in clients(home)), "a client of w only reads")
    second.wait_for("90")
    second.type("x")
    second.wait_for("read-only: keys are not passed on; sesh detach leaves")
    assert b"\n20\r" not in second.raw, "the scrollback is not shown"
    if "--replace" in taken:
        assert first.exit_code() == 0
    home.sesh("detach", "w")
    assert second.exit_code() == 0


def test_a_name_that_is_started_takes_variables_and_labels(home: Home) -> None:
    started = home.terminal("-A", "fresh", "--env", "X=1", "--label", "a=b", "--", "sh", "-c", "echo x=$X; exec cat")
    started.wait_for("x=1")
    assert home.summary("fresh")["labels"] == {"a": "b"}
