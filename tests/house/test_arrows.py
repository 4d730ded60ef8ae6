"""Arrows only run down: what may import what, imports for types and within functions included.

`python -m tests.house.arrows sesh.daemon` shows the arrows that lie in a circle.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from tests.house.arrows import House, circles, floors, house
from tests.house.source import Module, modules

ABOVE = ("sesh.reach", "sesh.ops", "sesh.bridge", "sesh.cli", "sesh.api", "sesh.mcp")

# What a room may not import; a name stands for all that lies below it.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "sesh.store": ("sesh.daemon", "sesh.client", "sesh.remote", *ABOVE),
    "sesh.daemon": ("sesh.client", "sesh.remote", *ABOVE),
    "sesh.client": ("sesh.daemon", "sesh.remote", *ABOVE),
    "sesh.remote": ("sesh.daemon", "sesh.client", *ABOVE),
    "sesh.reach": ("sesh.daemon", "sesh.client", *ABOVE[1:]),
    "sesh.ops": ("sesh.client", *ABOVE[2:]),
    "sesh.bridge": ABOVE[3:],
    "sesh.api": ("sesh.bridge", "sesh.cli", "sesh.mcp"),
    "sesh.mcp": ("sesh.bridge", "sesh.cli"),
    "sesh.cli": ("sesh.api",),
}
ROOMS = (*FORBIDDEN, "sesh.vt", "sesh.completions")

# The terminal knows nothing of sessions.
TERMINAL_MAY_KNOW = ("sesh.vt", "sesh.errors")

# All that the rooms above may know of the daemon: how one is started.
OF_THE_DAEMON = ("sesh.daemon", "sesh.daemon.spawn", "sesh.daemon.spawn.launch")

# Rooms that answer data: what they have to say goes to their caller.
SILENT = ("sesh.reach", "sesh.ops", "sesh.api", "sesh.mcp")

# Two files of one name where both are the same notion in two rooms, with the reason.
_VERB = "the words and the output of verbs, and what these verbs do"
NAMESAKES: dict[str, str] = {
    "attach": "attaching: the command line's, the client's and the daemon's side of it",
    "events": "the verb, the op that follows them, and the daemon that makes them",
    "main": "what a process runs: the command line's, a daemon's",
    "session": "one session: the daemon's, and the one that the API hands out",
    **dict.fromkeys(
        (
            "deploy",
            "doctor",
            "integrate",
            "jobs",
            "layout",
            "recording",
            "send",
            "sessions",
            "shell",
            "sweep",
            "views",
            "wait",
        ),
        _VERB,
    ),
}


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def room_of(name: str) -> str:
    """The room that a module lies in; `sesh` for the shared modules."""
    return next((room for room in ROOMS if below(name, room)), "sesh")


def within(rule: str, found: dict[str, list[str]]) -> None:
    """Fails where a room breaks a rule; says where."""
    report = "\n".join(f"{room}: {len(places)}\n  " + "\n  ".join(places) for room, places in found.items() if places)
    assert not report, f"{rule}\n{report}"


def by_room(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """(module, place) of violations, as the places of each room."""
    found: dict[str, list[str]] = {}
    for name, place in sorted(places):
        found.setdefault(room_of(name), []).append(place)
    return found


def arrows(all_of_it: House, wrong: Callable[[str, str], bool]) -> dict[str, list[str]]:
    """The arrows for which `wrong` holds."""
    return by_room((a, all_of_it.places([(a, b)])[0]) for a, b in all_of_it.pairs() if wrong(a, b))


# -- circles


def folders_in_circles(all_of_it: House) -> dict[str, list[str]]:
    """Of each package: the circles among what lies in it that a folder takes part in."""
    found = {}
    for package in {"sesh", *all_of_it.packages}:
        inner = [
            circle
            for circle in circles(all_of_it.inside(package))
            if any(node in all_of_it.packages and node != package for node in circle)
        ]
        if inner:
            found[package] = [node for circle in inner for node in circle]
    return found


def test_no_folders_import_each_other_in_a_circle() -> None:
    within("circle of folders", folders_in_circles(house()))


def test_no_files_import_each_other_in_a_circle() -> None:
    within("circle of files", by_room((name, name) for circle in circles(house().files()) for name in circle))


# -- who may know whom


def test_the_terminal_imports_nothing_of_sesh_but_what_is_below_it() -> None:
    wrong = arrows(
        house(), lambda a, b: below(a, "sesh.vt") and not any(below(b, allowed) for allowed in TERMINAL_MAY_KNOW)
    )
    within("vt knows nothing of sessions", wrong)


def test_rooms_import_what_lies_below_them_only() -> None:
    wrong = arrows(house(), lambda a, b: any(below(b, room) for room in FORBIDDEN.get(room_of(a), ())))
    within("arrow upwards", wrong)


def test_of_the_daemon_the_rooms_above_know_only_how_to_start_one() -> None:
    wrong = arrows(house(), lambda a, b: room_of(a) in ABOVE and below(b, "sesh.daemon") and b not in OF_THE_DAEMON)
    within("knows the daemon's inside", wrong)


def test_the_shared_modules_import_no_room() -> None:
    wrong = arrows(house(), lambda a, b: shared(a) and not shared(b))
    within("shared module", wrong)


def shared(name: str) -> bool:
    return room_of(name) == "sesh" and name not in ("sesh", "sesh.__main__")


def test_nothing_imports_the_program_itself() -> None:
    within("imports __main__", arrows(house(), lambda _, b: b == "sesh.__main__"))


# -- who may speak


def speech(module: Module) -> list[str]:
    """The places where a module writes to stdout or stderr, asks there, or ends the process as a program does."""
    found = []
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "__stdout__", "__stderr__", "exit"):
            spoken = isinstance(node.value, ast.Name) and node.value.id == "sys"
        elif isinstance(node, ast.Raise):
            spoken = "SystemExit" in ast.dump(node)
        elif isinstance(node, ast.ImportFrom):
            spoken = node.module == "sys" and any(alias.name in ("stdout", "stderr") for alias in node.names)
        elif isinstance(node, ast.Call):
            spoken = isinstance(node.func, ast.Name) and node.func.id in ("print", "input", "exit")
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("write", "writev") and node.args:
                first = node.args[0]
                spoken = isinstance(first, ast.Constant) and first.value in (1, 2)
        else:
            continue
        if spoken:
            found.append(f"{module.path}:{node.lineno}")
    return found


def test_rooms_that_answer_data_never_print_ask_or_exit() -> None:
    found = [(module.name, place) for module in modules() if room_of(module.name) in SILENT for place in speech(module)]
    within("prints, asks or exits", by_room(found))


# -- names


def test_no_two_files_bear_one_name() -> None:
    paths = sorted(module.path for module in modules() if os.path.basename(module.path)[0] != "_")
    count = Counter(map(os.path.basename, paths))
    twice = sorted((os.path.basename(path), path) for path in paths if count[os.path.basename(path)] > 1)
    within("two files of one name", {"sesh": [path for name, path in twice if name[:-3] not in NAMESAKES]})
    assert set(NAMESAKES) <= {name[:-3] for name, _ in twice}, "listed, and there is one of them only"


# -- the rules see what they must


def toy(files: dict[str, str]) -> House:
    """A product of these files: {"a/b": "import sesh.c"} has sesh/a/b.py."""
    return House(
        Module(f"sesh/{path}.py", "", f"sesh.{path.replace('/', '.')}".removesuffix(".__init__"), text)
        for path, text in files.items()
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from sesh.b import c", ["sesh.b.c"]),
        ("import sesh.b.c", ["sesh.b.c"]),
        ("from sesh.b.c import function", ["sesh.b.c"]),
        ("def f():\n    from sesh.b import c", ["sesh.b.c"]),
        ("if TYPE_CHECKING:\n    from sesh.b.c import Type", ["sesh.b.c"]),
        ("import importlib\nimportlib.import_module('sesh.b.c')", ["sesh.b.c"]),
        ("ops = {'x': 'sesh.b.c:function'}", ["sesh.b.c"]),
        ("from os import path", []),
        ("'''Read sesh.b.c for more.'''", []),
    ],
)
def test_an_import_is_seen(text: str, found: list[str]) -> None:
    assert list(toy({"a": text, "b/c": ""}).arrows["sesh.a"]) == found


def test_circles_are_seen() -> None:
    line = toy({"a": "import sesh.b", "b": "import sesh.c", "c": ""})
    assert circles(line.files()) == []
    assert floors(line.files()) == 3
    ring = toy({"a": "import sesh.b", "b": "import sesh.c", "c": "import sesh.a", "d": "import sesh.a"})
    assert circles(ring.files()) == [["sesh.a", "sesh.b", "sesh.c"]]
    assert floors(ring.files()) == 2


def test_a_circle_of_folders_is_seen_where_no_file_is_in_one() -> None:
    files = {"x/__init__": "", "x/one": "import sesh.y.one", "x/two": ""}
    files |= {"y/__init__": "", "y/one": "", "y/two": "import sesh.x.two"}
    assert circles(toy(files).files()) == []
    assert folders_in_circles(toy(files)) == {"sesh": ["sesh.x", "sesh.y"]}


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("print('x')", True),
        ("import sys\nsys.stderr.write('x')", True),
        ("import os\nos.write(2, b'x')", True),
        ("import os\nos.write(descriptor, b'x')", False),
        ("from sys import stdout", True),
        ("import sys\nsys.exit(1)", True),
        ("raise SystemExit", True),
        ("done.stdout", False),
    ],
)
def test_speech_is_heard(text: str, spoken: bool) -> None:
    assert bool(speech(Module("sesh/api/x.py", "", "sesh.api.x", text))) == spoken
