"""Network namespaces, and the devices, addresses and routes in them."""

from __future__ import annotations

import subprocess

from tests.support import need


class Namespace:
    """A network namespace, for as long as nobody calls `close` and the tests run.

    `within`: the words before a command that put it into the namespace. Files and Unix sockets are those of all.
    """

    def __init__(self) -> None:
        # unshare(1) and `cat` run until their input ends, also if the tests are killed.
        words = [need("unshare"), "--net", "sh", "-c", "echo; exec cat"]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            _, error = self._holder.communicate()
            raise OSError(error.decode("utf-8", "replace").strip() or "no network namespace")
        self.path = f"/proc/{self._holder.pid}/ns/net"
        self.within = [need("nsenter"), f"--net={self.path}", "--"]
        # Addresses of IPv6 that come by themselves would be events that a test did not cause.
        quiet = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"
        subprocess.run([*self.within, "sh", "-c", quiet], check=False, capture_output=True)
        self._changes = subprocess.Popen([*self.within, need("ip"), "-batch", "-"], stdin=pipe)
        self.ip("link set lo up")

    def ip(self, *lines: str) -> None:
        """Lines for `ip`, which a process that waits for them executes at once, one after the other."""
        assert self._changes.stdin is not None
        self._changes.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self._changes.stdin.flush()

    def close(self) -> None:
        self._changes.communicate()
        self._holder.communicate()
        assert self._changes.returncode == 0, "a command of ip failed"
