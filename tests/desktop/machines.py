"""Two machines: the person's, which is this one, and another without a display, whose loopback is its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.network.stand import Namespace
from tests.support import PROMPT, ROOT, Home, Terminal

PYTHON_PACKAGES = os.path.join(ROOT, ".venv", "desktop")
AGENTS = os.path.join(ROOT, "tests", "desktop")

_FILES = {
    # As Debian's. /etc/profile has set PATH anew before: the shims are found by what sesh has left for bash.
    ".bash_profile": ". ~/.bashrc\n",
    ".bashrc": f"PS1='{PROMPT} '\nunset HISTFILE\n",
}
_WAY = """#!/bin/sh
exec {within} env -i {variables} "$@"
"""
#: A browser's starter: it notes the address, and starts the browser that the test has chosen.
_OPEN = """#!/bin/sh
printf '%s\\n' "$1" >>{home}/opened
[ ! -x {home}/browser ] || exec {home}/browser "$1"
"""


class Machine(Home):
    """The host `@far`, as a server is: without a display, and of networks it has only its own loopback."""

    def __init__(self, near: Home, link: Sequence[str] = ()) -> None:
        super().__init__()
        self.near = near
        try:
            self.namespace = Namespace()
        except OSError as error:
            super().close()
            pytest.skip(f"no network namespaces here: {error}")
        subprocess.run(
            [*self.namespace.within, "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6"], check=True
        )
        self.strict = False  # codex leaves a service behind
        self.env["SSH_CONNECTION"] = "10.0.0.2 50000 10.0.0.1 22"
        for name, content in _FILES.items():
            self.write(name, content)
        variables = shlex.join(f"{name}={value}" for name, value in self.env.items())
        way = os.path.join(self.root, "way")
        with open(way, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(_WAY.format(within=shlex.join(self.namespace.within), variables=variables))
        near.write(".config/sesh/config.toml", f"[remotes.far]\nvia = {json.dumps(shlex.join([*link, way]))}\n")
        near.hosts.append(self)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a program on this machine, outside of any session."""
        return subprocess.Popen([*self.namespace.within, *words], cwd=ROOT, env=self.env)

    def close(self) -> None:
        super().close()
        self.namespace.close()


class Person:
    """Who sits at this machine, with a browser, in a terminal with a session of the other one."""

    def __init__(self, far: Machine, variables: Mapping[str, str]) -> None:
        self.far, self.near, self.variables = far, far.near, variables
        self.near.write("bin/xdg-open", _OPEN.format(home=self.near.path), mode=0o755)
        self.terminal: Terminal = self.near.terminal("@far", "work", env=variables, columns=110, rows=40, answers=True)
        self.terminal.wait_for(PROMPT)

    def runs(self, *words: str, folder: str = ".", **variables: str) -> None:
        """Start a program in the session, with the keys of a person."""
        line = shlex.join(["env", "-C", folder, *(f"{key}={value}" for key, value in variables.items()), *words])
        self.terminal.type(f"clear; {line}\r")

    def runs_python(self, code: str, **variables: str) -> None:
        """Run some Python in the session, with the packages of this folder."""
        script = self.far.write("script.py", code)
        self.runs(sys.executable, script, PYTHONPATH=PYTHON_PACKAGES, **variables)

    def opened(self) -> str:
        """Wait for the page that opens here; return its address."""

        def address() -> str:
            with open(os.path.join(self.near.path, "opened"), encoding="utf-8") as file:
                return file.readline().strip()

        return self.terminal.wait_until(address, "a page has opened")


def redirection(address: str, **values: str) -> str:
    """Return the address to which a login's page sends the browser back, with some values in its query."""
    query = parse_qs(urlsplit(address).query)
    words = {**values, "state": query.get("state", [""])[0]}
    return f"{query['redirect_uri'][0]}?" + "&".join(f"{name}={value}" for name, value in words.items())


def need_python(package: str) -> None:
    """Skip the test if a package of PyPI is missing."""
    if not os.path.isdir(os.path.join(PYTHON_PACKAGES, package)):
        pytest.skip(f"missing: {package} (tests/desktop/packages.sh)")


def need_npm(name: str) -> str:
    """Return the path of a file below this folder's node_modules; skip the test if it is missing."""
    path = os.path.join(AGENTS, "node_modules", name)
    if not os.path.exists(path):
        pytest.skip(f"missing: {name} of npm (tests/desktop/packages.sh)")
    return path
