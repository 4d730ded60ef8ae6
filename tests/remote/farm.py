"""Hosts for one test: logins behind real sshds, in an ssh configuration of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest

from sesh.errors import SeshError
from sesh.reach import find
from sesh.wire import messages
from tests.remote.accounts import FOLDER, ROOT, Account, Accounts
from tests.remote.proxy import Proxy
from tests.remote.runtime import EVERYONE, of_this_run
from tests.remote.sshd import Sshd, make_key
from tests.support import Home, Result, need, processes, wait_until
from tests.support.waiting import PATIENCE

Settings = Mapping[str, str | None]

# ssh takes the home from passwd, not from HOME. So these wrappers come first in the test's PATH, and give ssh the
# test's configuration instead of the user's. Each call is logged.
# Calls at the same time do not mix, because each `printf` writes all of its text at once.
_WRAPPER = """#!/bin/sh
printf '%s\\037' {name} "$@" '\036' >>{calls}
exec {program} {options} "$@"
"""

# Without root, a host's user is the user of the tests. sshd starts in that user's home, whatever HOME says: so `cd`.
_AT_HOME = (
    """exec sh -c 'cd; [ "$SSH_ORIGINAL_COMMAND" ] && exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"; exec "$SHELL" -l'"""
)


class Ground:
    """The shared ground of a run: a public directory, keys, users and sshds."""

    def __init__(self) -> None:
        for tool in ("ssh", "sshd", "ssh-keygen"):
            need(tool)
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix=os.path.basename(FOLDER), dir=os.path.dirname(FOLDER)))
        os.chmod(self.folder, EVERYONE)
        self.identity = os.path.join(self.folder, "key")
        self.public_key = make_key(self.identity)
        self._closing = ExitStack()
        self.runtime = self._closing.enter_context(of_this_run(FOLDER))
        self.accounts = Accounts(self.folder)
        self._sshds: dict[tuple[tuple[str, str | None], ...], Sshd] = {}

    def sshd(self, settings: Settings | None = None) -> Sshd:
        """Return the running sshd with these settings; start it if there is none yet."""
        key = tuple(sorted((settings or {}).items()))
        if key not in self._sshds:
            folder = os.path.join(self.folder, f"sshd{len(self._sshds)}")
            self._sshds[key] = Sshd(folder, {"AuthorizedKeysFile": f"{self.identity}.pub", **(settings or {})})
        return self._sshds[key]

    def close(self) -> None:
        for sshd in self._sshds.values():
            sshd.stop()
        self.accounts.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._closing.close()


class SshHost:
    """One host as a test sees it, reached by `@word`, through `proxy` if any."""

    def __init__(self, farm: Farm, word: str, account: Account, sshd: Sshd, proxy: Proxy | None) -> None:
        self.farm = farm
        self.word = word
        self.account = account
        self.sshd = sshd
        self._proxy = proxy
        self.user, self.home, self.shell = account.name, account.home, account.shell
        self.directory = os.path.join(self.home, ".sesh")
        self.port = proxy.port if proxy else sshd.port
        self.address = f"[{sshd.host}]:{self.port}"  # as in known_hosts

    @property
    def proxy(self) -> Proxy:
        assert self._proxy is not None, f"{self.word} has no proxy: farm.host(…, proxied=True)"
        return self._proxy

    @property
    def python(self) -> str:
        """An interpreter that the host's user can run."""
        return self.farm.ground.runtime.python

    def links(self) -> Sequence[object]:
        """Return the connections so far. `ViaHost` has this method, too, and the next ones."""
        return range(self.proxy.accepted)

    def cut(self) -> None:
        self.proxy.cut()

    def strand(self) -> None:
        self.proxy.strand()

    def away(self) -> None:
        self.proxy.refuse()
        self.proxy.cut()

    def fall_silent(self) -> None:
        self.proxy.silence()

    def back(self) -> None:
        self.proxy.restore()

    end_silence = back

    @property
    def at(self) -> str:
        """`@word`, as on the command line."""
        return f"@{self.word}"

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> str:
        """Write a file that the user owns in HOME on the host; return its path."""
        return self.account.write(name, content, mode)

    def read(self, name: str) -> str:
        """Return the text of a file in HOME on the host."""
        with open(os.path.join(self.home, name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self.home, name))

    def install(self) -> None:
        """Put the sesh under test at ~/.local/bin/sesh, without deploying it."""
        with open(self.farm.ground.runtime.launcher, encoding="utf-8") as file:
            self.write(".local/bin/sesh", file.read(), 0o755)

    def login_files(self, text: str) -> None:
        """Make all login files print `text`, even those of shells that are not interactive."""
        self.write(".banner", text)
        for name in (".bashrc", ".profile", ".zshenv", ".cshrc", ".config/fish/config.fish"):
            before = self.read(name) if self.exists(name) else ""
            self.write(name, f"cat ~/.banner\n{before}")

    def run(self, line: str, timeout: float = PATIENCE, env: Mapping[str, str] | None = None) -> Result:
        """Run a line of sh as the host's user in the home, without ssh."""
        return self._ended(self.account.start(["sh", "-c", line], env), line, timeout)

    def sesh(self, *arguments: str, timeout: float = PATIENCE, env: Mapping[str, str] | None = None) -> Result:
        """Run the sesh under test as the host's user, without ssh or an install."""
        runtime = self.farm.ground.runtime
        process = self.account.start([runtime.python, "-IS", runtime.launcher, *arguments], env)
        return self._ended(process, shlex.join(arguments), timeout)

    def _ended(self, process: subprocess.Popen[bytes], what: str, timeout: float) -> Result:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{what} runs after {timeout:g} s as {self.user}") from None
        return Result((what,), process.returncode, out, err.decode("utf-8", "replace"))

    def names(self) -> list[str]:
        """The sessions on the host that have a record on disk."""
        try:
            return sorted(name[:-5] for name in os.listdir(self.directory) if name.endswith(".json"))
        except FileNotFoundError:
            return []

    def prints(self, name: str, pattern: str) -> None:
        """Wait until a session on the host has printed a line that the pattern matches."""
        done = self.sesh("wait", name, "--for", pattern, "--since-start", "--timeout", "30", timeout=30)
        assert done.code == 0, done

    @contextmanager
    def as_its_user(self) -> Iterator[None]:
        """Let this process ask the host's daemons, which answer only their own user."""
        own = os.geteuid()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SESH_DIR", self.directory)
            os.seteuid(self.account.uid)
            try:
                yield
            finally:
                os.seteuid(own)

    def processes(self) -> list[int]:
        """Return the pids of the user's processes."""
        return self.account.processes()

    def settled(self) -> bool:
        """Tell whether all has arrived: sesh, ssh and sshd sleep on both sides."""
        before = self._carriers()
        return processes.rested(before) and self._carriers() == before

    def _carriers(self) -> set[int]:
        """Return the processes that carry data, and the proxy's thread; not the programs in sessions."""
        found = {*self.farm.home.processes(), *self.processes(), *self.sshd.connections()}
        ours = {
            pid
            for pid in found
            if processes.called(pid).startswith(("sesh", "ssh", "python")) or not processes.has_terminal(pid)
        }
        return ours | ({self._proxy.thread} if self._proxy else set())


class Farm:
    """The hosts of one test. `strict`: no process may outlive the test."""

    def __init__(self, ground: Ground, home: Home) -> None:
        self.ground, self.home = ground, home
        self.strict = True
        self.patience = PATIENCE
        self.config = os.path.join(home.path, ".ssh", "config")
        self.known_hosts = os.path.join(home.path, ".ssh", "known_hosts")
        self._calls = os.path.join(home.path, ".ssh", "calls")
        self._hosts: list[SshHost] = []
        self._proxies: list[Proxy] = []
        home.write(".ssh/config", "")
        home.write(".ssh/known_hosts", "")
        os.chmod(os.path.dirname(self.config), 0o700)
        ssh = os.path.join(home.path, "bin", "ssh")
        for name, options in (("ssh", ""), ("scp", f"-S {ssh}"), ("sftp", f"-S {ssh}")):
            lines = _WRAPPER.format(
                name=name,
                calls=self._calls,
                config=self.config,
                program=need(name),
                options=options or f"-F {self.config}",
            )
            home.write(f"bin/{name}", lines, 0o755)

    def host(
        self,
        word: str,
        *,
        user_shell: str = "bash",
        proxied: bool = False,
        installed: bool = True,
        same_user: SshHost | None = None,
        known: bool = True,
        config: Settings | None = None,
        sshd: Settings | None = None,
        server: Sshd | None = None,
    ) -> SshHost:
        """Make a host with a login and a new home, or those of `same_user`.

        `installed`: with the sesh under test at ~/.local/bin/sesh. `known`: its host key is in known_hosts.
        `config`: more keywords of ssh's configuration for it, `sshd`: keywords of its server; None omits a keyword.
        `server`: an sshd of the test's own.
        """
        account = same_user.account if same_user else self.ground.accounts.lend(user_shell)
        settings = dict(sshd or {})
        if not ROOT:
            settings = {"SetEnv": f"HOME={account.home}", "ForceCommand": _AT_HOME, **settings}
        server = server or self.ground.sshd(settings)
        proxy = Proxy(server.port) if proxied else None
        if proxy:
            self._proxies.append(proxy)
        far = SshHost(self, word, account, server, proxy)
        self._hosts.append(far)
        self._name(far, config or {})
        if known:
            self.know(far)
        if installed and not same_user:
            far.install()
        return far

    def _name(self, far: SshHost, further: Settings) -> None:
        """Write the host into ssh's configuration."""
        keywords: dict[str, str | None] = {
            "HostName": far.sshd.host,
            "Port": str(far.port),
            "User": far.user,
            "IdentityFile": self.ground.identity,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            **further,
        }
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(f"Host {far.word}\n")
            file.writelines(f"    {keyword} {value}\n" for keyword, value in keywords.items() if value is not None)

    def know(self, far: SshHost, key: str | None = None) -> None:
        """Write the host's key, or another `key`, into known_hosts in place of any other."""
        with open(self.known_hosts, encoding="utf-8") as file:
            others = [line for line in file if not line.startswith(f"{far.address} ")]
        with open(self.known_hosts, "w", encoding="utf-8") as file:
            file.writelines([*others, f"{far.address} {key or far.sshd.host_key}\n"])

    def change_key(self, far: SshHost) -> None:
        """Write another key than the host's into known_hosts, as if the host's key had changed."""
        self.know(far, self.ground.public_key)

    def calls(self) -> list[list[str]]:
        """Return the words of each call of ssh, scp and sftp through PATH."""
        if not os.path.exists(self._calls):
            return []
        with open(self._calls, encoding="utf-8", errors="surrogateescape") as file:
            return [call.split("\037")[:-1] for call in file.read().split("\036\037")[:-1]]

    def connections(self) -> list[list[str]]:
        """Return the calls that may connect, without `ssh -G`, `ssh -O` and probes."""
        return [call for call in self.calls() if not {"-G", "-O", "127.0.0.1:1"}.intersection(call)]

    def masters(self) -> list[int]:
        """Pids of the ssh (and autossh) processes of this home."""
        return [pid for pid in self.home.processes() if processes.called(pid) in ("ssh", "autossh")]

    def close(self) -> None:
        """End connections and the hosts' processes. Raises AssertionError for sessions that stay."""
        for proxy in self._proxies:
            proxy.close()
        processes.kill(self.masters())
        complaints = []
        accounts = {far.account.home: far for far in self._hosts}
        for far in accounts.values():
            try:
                complaints += self._left(far)
            finally:
                self.ground.accounts.give_back(far.account)
        assert not complaints, "\n".join(complaints)

    def _left(self, far: SshHost) -> list[str]:
        """End the sessions of a host; return a complaint if something still runs."""
        with far.as_its_user():
            for name in far.names():
                with suppress(SeshError, OSError):
                    find.request(name, messages.KILL, timeout=5)
        processes.kill(processes.zygotes(far.processes()))
        try:
            wait_until(lambda: not far.processes(), "no process is left", timeout=self.patience)
        except AssertionError:
            left = "\n".join(processes.describe(pid) for pid in far.processes())
            if left and self.strict:
                return [f"outlived the test on {far.word}:\n{left}"]
        return []


@contextmanager
def measuring() -> Iterator[Farm]:
    """A farm, with its `home`, for what is measured outside of tests."""
    ground, home = Ground(), Home()
    farm = Farm(ground, home)
    home.strict = farm.strict = False
    try:
        yield farm
    finally:
        home.leave()
        processes.kill(farm.masters())
        farm.close()
        home.close()
        ground.close()
