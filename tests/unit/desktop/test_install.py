"""The shims ask sesh for what is theirs, in a session that is there; else the next program of their name runs."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesh.about import __version__
from sesh.desktop import install
from sesh.desktop.install import BROWSERS, CLIPBOARDS, NAMES

URL = "https://auth.example.org/?a=b&c='d'"
SHELLS = [path for shell in ("dash", "bash") if (path := shutil.which(shell))]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Machine:
    """A machine with shims, a session, and programs that print how they were called."""

    def __init__(self, sessions: Path, tmp_path: Path, shell: str) -> None:
        self.sessions, self.shell = sessions, shell
        self.bin = sessions / "bin"
        self.programs = tmp_path / "usr bin"
        self.system = tmp_path / "system"  # what a shim needs of /usr/bin, which may have programs of their names
        for folder in (self.programs, self.system):
            folder.mkdir()
        (self.system / "stty").symlink_to(shutil.which("stty") or "/bin/stty")
        self.sesh = tmp_path / "it's sesh"
        self.write(self.sesh, "sesh")
        install.install(str(self.sesh))
        self.environment = {
            "PATH": f"{self.bin}:relative:{self.programs}:{self.system}",
            "SESH_SESSION": "work",
            "SESH_ENV_FILE": str(sessions / ".env.0123"),
            "HOME": str(tmp_path),
        }
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(sessions / "work.sock"))

    def write(self, path: Path, word: str) -> None:
        path.write_text(f'#!/bin/sh\necho {word} "${{0##*/}}" "$@"\necho "BROWSER=${{BROWSER-}}" >&2\n')
        path.chmod(0o700)

    def program(self, name: str) -> None:
        self.write(self.programs / name, "real")

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = words[0] if "/" in words[0] else str(self.bin / words[0])
        return subprocess.run(
            [self.shell, path, *words[1:]],
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def said(self, *words: str, **variables: str) -> str:
        return self.run(*words, **variables).stdout.strip()


@pytest.fixture
def machine(sessions: Path, tmp_path: Path, shell: str) -> Iterator[Machine]:
    made = Machine(sessions, tmp_path, shell)
    yield made
    made.socket.close()


def test_in_a_session_sesh_is_asked(machine: Machine) -> None:
    for name in NAMES:
        machine.program(name)
        if name not in ("pbcopy", "pbpaste"):
            assert machine.said(name, URL) == f"sesh it's sesh --desk {machine.bin / name} {URL}"
    assert machine.said("xclip", "-o", "a b") == f"sesh it's sesh --desk {machine.bin / 'xclip'} -o a b"


def test_what_is_no_page_is_for_the_next_program(machine: Machine) -> None:
    for words in (["a.html"], ["file:///a"], ["--help"], [URL, URL], ["ftp://a"], []):
        machine.program("xdg-open")
        assert machine.said("xdg-open", *words) == " ".join(["real xdg-open", *words])


def test_pbcopy_and_pbpaste_are_those_of_the_host_if_it_has_them(machine: Machine) -> None:
    assert machine.said("pbpaste") == f"sesh it's sesh --desk {machine.bin / 'pbpaste'}"
    machine.program("pbpaste")
    assert machine.said("pbpaste") == "real pbpaste"


@pytest.mark.parametrize(
    "variables", [{"SESH_ENV_FILE": ""}, {"SESH_SESSION": "gone"}, {"SESH_ENV_FILE": "/none/.env.0"}]
)
def test_without_a_session_the_next_program_runs(machine: Machine, variables: dict[str, str]) -> None:
    for name in NAMES[:-1]:
        if name != "sesh-browser":
            machine.program(name)
            assert machine.said(name, URL, **variables) == f"real {name} {URL}"
    assert machine.run("pbpaste", **variables).returncode == 127


def test_a_session_that_was_renamed_is_there(machine: Machine) -> None:
    (machine.sessions / ".env.0123").touch()
    assert machine.said("xclip", SESH_SESSION="before").startswith("sesh ")


def test_on_a_display_of_the_person_the_next_program_runs(machine: Machine) -> None:
    machine.program("xclip")
    assert machine.said("xclip", DISPLAY=":0").startswith("sesh ")  # of somebody else, or one of old
    (machine.sessions / ".display.0123").touch()
    assert machine.said("xclip", DISPLAY=":0") == "real xclip"
    assert machine.said("xclip", WAYLAND_DISPLAY="wayland-0") == "real xclip"
    assert machine.said("xclip").startswith("sesh ")  # it would find no display
    assert machine.said("wl-copy", DISPLAY=":0").startswith("sesh ")  # there is none


def test_sesh_browser_runs_a_browser_on_a_display_alone(machine: Machine) -> None:
    machine.program("xdg-open")
    (machine.sessions / ".display.0123").touch()
    browser = str(machine.bin / "sesh-browser")
    done = machine.run("sesh-browser", URL, DISPLAY=":0", BROWSER=browser)
    assert (done.stdout, done.stderr) == (f"real xdg-open {URL}\n", "BROWSER=\n")
    done = machine.run("sesh-browser", URL, SESH_ENV_FILE="", BROWSER=browser)
    assert (done.stdout, done.stderr, done.returncode) == ("", f"{URL}\n", 0)
    done = machine.run("sesh-browser", "a.html", BROWSER=browser)
    assert (done.stdout, done.stderr, done.returncode) == ("", "a.html\n", 0)


def test_the_creators_own_browser_stays(machine: Machine) -> None:
    machine.program("xdg-open")
    assert machine.run("xdg-open", URL, SESH_ENV_FILE="", BROWSER="firefox").stderr == "BROWSER=firefox\n"


def test_without_a_next_program_a_page_is_printed_and_else_nothing_found(machine: Machine) -> None:
    machine.environment["PATH"] = f"{machine.bin}"
    for name in BROWSERS:
        done = machine.run(name, URL, SESH_ENV_FILE="")
        assert (done.stdout, done.stderr.strip(), done.returncode) == ("", URL, 0)
    for name in CLIPBOARDS:
        done = machine.run(name, SESH_ENV_FILE="")
        assert (done.stdout, done.stderr.strip(), done.returncode) == ("", f"{name}: command not found", 127)


def test_two_shims_never_call_each_other(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    monkeypatch.setenv("SESH_DIR", str(other))
    install.install(str(machine.sesh))
    links, more = tmp_path / "links", tmp_path / "more"
    for folder, target in ((links, machine.bin), (more, other / "bin")):
        folder.mkdir()
        (folder / "xclip").symlink_to(target / "xclip")
    for order in itertools.permutations([machine.bin, other / "bin", links, more]):
        machine.environment["PATH"] = ":".join(map(str, [*order, machine.programs, machine.system]))
        assert machine.run(f"{order[0]}/xclip", SESH_ENV_FILE="").returncode == 127
    machine.program("real")
    (machine.programs / "xclip").symlink_to("real")
    for order in itertools.permutations([machine.bin, other / "bin", links, more]):
        machine.environment["PATH"] = ":".join(map(str, [*order, machine.programs, machine.system]))
        assert machine.said(f"{order[0]}/xclip", SESH_ENV_FILE="") == "real xclip"


def test_copies_of_shims_and_scripts_that_call_their_own_name_are_no_loop(machine: Machine, tmp_path: Path) -> None:
    """A cleaner may have removed the mark of a directory of shims."""
    copies = [tmp_path / "one", tmp_path / "two"]
    for copy in copies:
        shutil.copytree(machine.bin, copy)
        (copy / install.MARK).unlink()
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "xclip"
    script.write_text('#!/bin/sh\nexec xclip "$@"\n')
    script.chmod(0o700)
    folders = f"{copies[0]}:{machine.bin}:{script.parent}:{copies[1]}"
    ran = machine.run(str(copies[0] / "xclip"), "-o", PATH=f"{folders}:{machine.system}", SESH_ENV_FILE="")
    assert (ran.returncode, ran.stderr) == (127, "xclip: command not found\n")
    machine.program("xclip")
    ran = machine.run("xclip", "-o", PATH=f"{folders}:{machine.programs}:{machine.system}", SESH_ENV_FILE="")
    assert ran.stdout == "real xclip -o\n"


def test_a_shim_that_sesh_has_handed_back_hands_on(machine: Machine) -> None:
    machine.program("xclip")
    machine.sesh.write_text('#!/bin/sh\nshift\nSESH_HANDED=$$ exec "$@"\n')
    assert machine.said("xclip", "-o") == "real xclip -o"


def test_without_this_version_the_launcher_of_the_home_is_asked(machine: Machine, tmp_path: Path) -> None:
    machine.sesh.unlink()
    assert machine.run("xclip").returncode == 127
    launcher = tmp_path / ".local/bin/sesh"
    launcher.parent.mkdir(parents=True)
    machine.write(launcher, "sesh")
    assert machine.said("xclip") == f"sesh sesh --desk {machine.bin / 'xclip'}"


# -- the directory


def test_shims_are_written_once_and_of_the_newest_version(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.install("/opt/sesh")
    shim = sessions / "bin/xclip"
    assert (sessions / "bin").stat().st_mode & 0o777 == shim.stat().st_mode & 0o777 == 0o700
    before = shim.stat()
    install.install("/opt/sesh")
    assert shim.stat().st_ino == before.st_ino
    monkeypatch.setattr(install, "__version__", "99.0.10")
    install.install("/opt/newer")
    assert "/opt/newer" in shim.read_text()
    for older in (__version__, "99.0.9"):
        monkeypatch.setattr(install, "__version__", older)
        install.install("/opt/sesh")
        assert "/opt/newer" in shim.read_text()


def test_a_shim_that_is_lost_or_changed_is_written_again(sessions: Path) -> None:
    install.install("/opt/sesh")
    shims = [sessions / "bin" / name for name in ("xclip", "xsel", "wl-copy")]
    content = shims[0].read_bytes()
    shims[0].unlink()
    shims[0].symlink_to("/bin/true")
    shims[1].chmod(0o600)
    shims[2].write_text("")
    install.install("/opt/sesh")
    assert shims[0].read_bytes() == content
    assert not shims[0].is_symlink()
    assert os.access(shims[1], os.X_OK)
    assert shims[2].read_bytes()
