"""OpenSSH's own server on loopback, started and stopped by the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence

from tests.support import find, need, processes, wait_until

_SFTP = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
)
_PLAIN = {
    "AcceptEnv": "LANG LC_*",
    "KexAlgorithms": "curve25519-sha256,curve25519-sha256@libssh.org",  # the newest takes five times as long
    "ListenAddress": "127.0.0.1",
    "LogLevel": "VERBOSE",
    "LoginGraceTime": "30",
    "MaxStartups": "200",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "PermitRootLogin": "yes",
    "PidFile": "none",
    "PrintLastLog": "no",
    "PrintMotd": "no",
    "StrictModes": "no",  # the homes lie under /tmp
    "UseDNS": "no",
    "UsePAM": "no",
}


class Sshd:
    """An sshd with its own key and settings, on a free port of 127.0.0.1.

    `settings` add or replace keywords of sshd_config; None leaves a keyword out. sshd runs in the foreground.
    `within`: words before sshd's command, such as those that put sshd into a network namespace.
    """

    def __init__(
        self, folder: str, settings: Mapping[str, str | None] | None = None, within: Sequence[str] = ()
    ) -> None:
        self.program = need("sshd")
        self._within = within
        self.folder = folder
        os.makedirs(folder)
        self.host_key = make_key(os.path.join(folder, "host_key"))
        self.log = os.path.join(folder, "log")
        self.config = os.path.join(folder, "sshd_config")
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        sftp = next((path for path in _SFTP if os.path.exists(path)), "internal-sftp")
        self.settings: dict[str, str | None] = {**_PLAIN, "Subsystem": f"sftp {sftp}", **(settings or {})}
        if self._understands("PerSourcePenalties=no"):
            self.settings["PerSourcePenalties"] = "no"  # since 9.8; all tests come from one address
        self.start()

    @property
    def address(self) -> str:
        """The address as in known_hosts."""
        return f"[{self.host}]:{self.port}"

    @property
    def host(self) -> str:
        """The address that sshd listens on."""
        return str(self.settings["ListenAddress"])

    def messages(self) -> str:
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self) -> None:
        """Start sshd; a later start takes the same port."""
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd needs it; usually the boot makes it
        for _ in range(10):
            self.port = self.port or _free_port()
            self._write()
            with open(self.log, "wb") as log:
                words = [self.program, "-D", "-e", "-f", self.config]
                if setpriv := find("setpriv"):  # sshd then ends with the tests, even if they are killed
                    words = [setpriv, "--pdeathsig", "TERM", *words]
                words = [*self._within, *words]
                self._process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={"PATH": os.environ["PATH"]},
                    cwd="/",
                    start_new_session=True,
                )
            if wait_until(self._settled, "sshd listens") == "listens":
                return
            if "in use" not in self.messages():
                break
            self.port = 0
        raise AssertionError(f"sshd does not start: {self.messages()}")

    def stop(self) -> None:
        """End sshd and every connection that it serves."""
        if self._process is None:
            return
        children = processes.descendants(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        processes.kill(children)
        self._process = None

    def connections(self) -> list[int]:
        """Return the pids of the sshd processes and shells that serve connections now."""
        return processes.descendants(self._process.pid) if self._process else []

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _settled(self) -> str:
        assert self._process is not None
        if "Server listening on" in self.messages():
            return "listens"
        return "ended" if self._process.poll() is not None else ""

    def _write(self) -> None:
        lines = [f"Port {self.port}", f"HostKey {os.path.join(self.folder, 'host_key')}"]
        lines += [f"{keyword} {value}" for keyword, value in self.settings.items() if value is not None]
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _understands(self, option: str) -> bool:
        """Tell whether this sshd is new enough for an option."""
        empty = os.path.join(self.folder, "empty")
        with open(empty, "w", encoding="utf-8"):
            words = [self.program, "-t", "-f", empty, "-h", os.path.join(self.folder, "host_key"), "-o", option]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        return "Bad configuration option" not in done.stderr and "Unsupported option" not in done.stderr


def make_key(path: str) -> str:
    """Make a key pair without a passphrase; return the type and base64 for known_hosts."""
    words = [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", path]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    with open(f"{path}.pub", encoding="utf-8") as file:
        return " ".join(file.read().split()[:2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
