"""Logins on hosts: throw-away users if root runs the tests, else the present user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support import PROMPT, find, need, processes, wait_until

PREFIX = "seshtest"
COMMENT = "sesh tests of pid"
FOLDER = "/tmp/sesh-far-"
ROOT = os.geteuid() == 0
_PATH = os.environ["PATH"]
"""Where login shells are: a test may have a PATH of its own, below a directory that another user cannot enter."""

_BIN = 'PATH="$HOME/.local/bin:$PATH"\n'
_FILES = {
    ".bashrc": f"PS1='{PROMPT} '\nunset HISTFILE\n",
    ".bash_profile": f"{_BIN}. ~/.bashrc\n",
    ".profile": f"{_BIN}PS1='{PROMPT} '\n",
    ".zprofile": _BIN,
    ".zshrc": f"PROMPT='{PROMPT} '\nunset HISTFILE\n",
    ".cshrc": f"set path = (~/.local/bin $path)\nif ($?prompt) set prompt='{PROMPT} '\n",
    ".config/fish/config.fish": (
        f"set -gx PATH ~/.local/bin $PATH\nset -g fish_greeting\nfunction fish_prompt; echo -n '{PROMPT} '; end\n"
    ),
    ".local/share/fish/generated_completions/none.fish": "",
}


class Account:
    """A login; `end` kills its processes, and `reset` renews its home."""

    def __init__(self, name: str, home: str, shell: str) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid
        self.home, self.shell = home, shell
        self.secret = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment that sshd would give a program of this login."""
        return {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": self.shell,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }

    def start(
        self, words: list[str], env: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a program as this user, without ssh, with its output in pipes."""
        as_user: dict[str, Any] = {"user": self.uid, "group": self.gid, "extra_groups": []} if ROOT else {}
        return subprocess.Popen(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
            env={**self.environment, **(env or {})},
            start_new_session=True,
            **as_user,
        )

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> str:
        """Write a file that the user owns in the home; return its path."""
        path = os.path.join(self.home, name)
        folder = os.path.dirname(path)
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            os.mkdir(folder, 0o700)
            self._own(folder)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(path, mode)
        self._own(path)
        return path

    def _own(self, path: str) -> None:
        if ROOT:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def processes(self) -> list[int]:
        """Return the user's processes; without root, only those with this HOME."""
        if not ROOT:
            return processes.marked("HOME", self.home)
        if processes.LINUX:
            return processes.of_user(self.uid)
        listing = subprocess.run(["ps", "-axo", "pid=,ruid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listing.splitlines()]
        return [int(pid) for pid, uid, state in rows if int(uid) == self.uid and not state.startswith("Z")]

    def end(self) -> None:
        """Kill every process of this user."""

        def gone() -> bool:
            left = self.processes()
            processes.kill(left)
            return not left

        wait_until(gone, f"the processes of {self.name} end")

    def set_password(self, secret: str) -> None:
        """Give the user a password, for sshds that allow one; `reset` removes it."""
        if not ROOT:
            pytest.skip("a login with a password takes root")
        words = [need("chpasswd")]
        subprocess.run(words, input=f"{self.name}:{secret}\n", text=True, check=True, capture_output=True)
        self.secret = secret

    def reset(self) -> None:
        """Make the home new, and remove the password. `give_back` has ended the user's processes."""
        if self.secret:
            subprocess.run([need("usermod"), "-p", "*", self.name], check=True, capture_output=True)
            self.secret = ""
        shutil.rmtree(self.home, ignore_errors=True)
        os.mkdir(self.home, 0o700)
        self._own(self.home)
        for name, content in _FILES.items():
            self.write(name, content)


class Accounts:
    """The logins of a run: each is made when needed, and lent to one test."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._free: list[Account] = []
        self._all: list[Account] = []
        self._held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._held, fcntl.LOCK_SH)  # so that no other run removes the users while this one lives
        if ROOT:
            _sweep()

    def lend(self, shell: str) -> Account:
        """Return a login with `shell` (a name or a path) and a new home."""
        path = shell if os.path.isabs(shell) else shutil.which(shell, path=_PATH) or need(shell)
        account = next(
            (one for one in reversed(self._free) if os.path.realpath(one.shell) == os.path.realpath(path)), None
        )
        if account is None:
            account = self._made(path)
            self._all.append(account)
        else:
            self._free.remove(account)
        account.reset()
        return account

    def give_back(self, account: Account) -> None:
        account.end()
        self._free.append(account)

    def _made(self, shell: str) -> Account:
        if not ROOT:
            entry = pwd.getpwuid(os.getuid())
            if os.path.realpath(entry.pw_shell) != os.path.realpath(shell):
                pytest.skip(
                    f"a login with {shell} takes useradd and root; here is {entry.pw_name} with {entry.pw_shell}"
                )
            return Account(entry.pw_name, os.path.join(self.folder, f"home{len(self._all)}"), entry.pw_shell)
        if find("useradd") is None:
            pytest.skip("useradd is not installed")
        return self._added(shell)

    def _added(self, shell: str) -> Account:
        """Add a user to the system, under the first free name."""
        taken = {entry.pw_name for entry in pwd.getpwall()}
        for number in range(1, 1000):
            name = f"{PREFIX}{number}"
            if name in taken:
                continue
            home = os.path.join(self.folder, name)
            words = [need("useradd"), "--system", "--no-create-home", "--home-dir", home, "--shell", shell]
            words += ["--password", "*", "--comment", f"{COMMENT} {os.getpid()}", name]
            with _alone():
                done = _quiet(words)
            if done.returncode == 0:
                return Account(name, home, shell)
            if done.returncode != 9:  # another run of the tests was quicker
                pytest.skip(f"useradd does not work here: {done.stderr.strip()}")
        raise AssertionError("a thousand test users are left over")

    def close(self) -> None:
        """Remove the users and their homes."""
        for account in self._all:
            account.end()
            shutil.rmtree(account.home, ignore_errors=True)
            if ROOT:
                _removed(account.name)
        os.close(self._held)


def _removed(name: str) -> None:
    with _alone():
        done = _quiet([need("userdel"), name])
    assert done.returncode in (0, 6), f"userdel {name}: {done.stderr.strip()}"


def _quiet(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let only one run change users, because useradd and userdel fail otherwise."""
    lock = os.open("/etc", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _sweep() -> None:
    """Remove the users of runs that were killed."""
    with _alone():  # else userdel could remove a new user of another run
        for entry in pwd.getpwall():
            pid = entry.pw_gecos.removeprefix(f"{COMMENT} ")
            if not (re.fullmatch(rf"{PREFIX}\d+", entry.pw_name) and pid.isdecimal()):
                continue
            if not (processes.exists(int(pid)) or _held(os.path.dirname(entry.pw_dir))):
                Account(entry.pw_name, entry.pw_dir, entry.pw_shell).end()
                _quiet([need("userdel"), entry.pw_name])
                if entry.pw_dir.startswith(FOLDER):
                    shutil.rmtree(os.path.dirname(entry.pw_dir), ignore_errors=True)


def _held(folder: str) -> bool:
    """Tell whether a run still holds its folder, even in another pid namespace."""
    if not os.path.isdir(folder):
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
