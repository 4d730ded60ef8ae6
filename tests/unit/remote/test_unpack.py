"""What runs on the host while sesh is deployed, with an archive as small as one can be."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from typing import Any

import pytest

from sesh.remote.deploy import unpack
from sesh.remote.deploy.bundle import Bundle
from tests.support import wait_until

_BOOT = "import sys;f=sys.stdin.buffer;exec(compile(f.read(int(f.readline())),'sesh-unpack','exec'))"
_FILES = {
    "lib/sesh/__init__.py": b"",
    "lib/sesh/__main__.py": b"import sys\n\ndef start():\n    print('ran', sys.argv[1:], sys.flags.isolated)\n",
    "lib/sesh/remote/deploy/smoke.py": b"",
}
PROGRAM = ".local/bin/sesh"
VERSIONS = ".local/share/sesh/versions"


class Host:
    """A HOME, and orders carried out in it by this process."""

    def __init__(self, home: str) -> None:
        self.home = home

    def path(self, *parts: str) -> str:
        return os.path.join(self.home, *parts)

    def order(self, bundle: Bundle, action: str, archive: bytes | None = None, **facts: Any) -> dict[str, Any]:
        data = bundle.packed() if archive is None else archive
        order = {
            "token": "T",
            "action": action,
            "name": bundle.name,
            "version": bundle.version,
            "manifest": bundle.hash,
            "python": sys.executable,
            "program": "sesh",
            "force": False,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "unpacked": bundle.size,
        }
        return {**order, **facts}

    def stream(self, bundle: Bundle, action: str, archive: bytes | None = None, **facts: Any) -> bytes:
        data = bundle.packed() if archive is None else archive
        text = json.dumps(self.order(bundle, action, archive, **facts)).encode()
        return b"%d\n%s%s" % (len(text), text, data if action == "install" else b"")

    def do(self, bundle: Bundle, action: str, archive: bytes | None = None, **facts: Any) -> dict[str, Any]:
        """The last line of the answer."""
        answers: list[dict[str, Any]] = []
        answer = unpack.Installer.answer
        try:
            unpack.Installer.answer = lambda _self, **facts: answers.append(facts)  # type: ignore[method-assign]
            code = unpack.serve(io.BytesIO(self.stream(bundle, action, archive, **facts)))
        finally:
            unpack.Installer.answer = answer  # type: ignore[method-assign]
        assert code == (1 if "failed" in answers[-1] else 0)
        return answers[-1]

    def failed(self, bundle: Bundle, action: str, archive: bytes | None = None, **facts: Any) -> tuple[str, str]:
        """The step that failed, and the reason."""
        failed = self.do(bundle, action, archive, **facts)["failed"]
        return failed["step"], failed["reason"]

    def start(
        self, stream: bytes, *, closed: bool = True, most: int | None = None, patch: bytes = b""
    ) -> subprocess.Popen[bytes]:
        """Starts it as it is started on the host. `most`: bytes that a file may have. `patch`: Python that it runs
        before anything else."""
        with open(unpack.__file__, "rb") as file:
            program = file.read().replace(b"\nimport time\n", b"\nimport time\n" + patch)
        limit = f"ulimit -f {most // 512}; " if most else ""
        process = subprocess.Popen(
            ["sh", "-c", f'{limit}exec "$@"', "sh", sys.executable, "-I", "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": self.home},
        )
        assert process.stdin is not None
        process.stdin.write(b"%d\n%s%s" % (len(program), program, stream))
        process.stdin.flush()
        if closed:
            process.stdin.close()
            process.stdin = None
        return process

    def versions(self) -> list[str]:
        return sorted(os.listdir(self.path(VERSIONS))) if os.path.isdir(self.path(VERSIONS)) else []

    def untouched(self) -> bool:
        """Whether nothing at all was left."""
        return os.listdir(self.home) == []


@pytest.fixture
def host(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Host:
    home = tmp_path / "a home with 'quotes' and $(blanks)"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the test's own process keeps its handlers
    monkeypatch.setattr(signal, "alarm", lambda _: 0)
    return Host(str(home))


@pytest.fixture
def bundle() -> Bundle:
    return Bundle(_FILES)


def other(bundle: Bundle) -> Bundle:
    """Another version."""
    return Bundle({**_FILES, "lib/sesh/more.py": b"x = 1\n"})


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return whole.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def seen(path: str) -> tuple[int, int, int]:
    found = os.lstat(path)
    return found.st_ino, found.st_mode, found.st_mtime_ns


def test_a_version_is_unpacked_tried_and_put_into_service(host: Host, bundle: Bundle) -> None:
    assert host.do(bundle, "look") == {
        "done": {"whole": False, "program": "missing", "path": host.path(VERSIONS, bundle.name)}
    }
    assert host.untouched()
    assert host.do(bundle, "install") == {"done": {"path": host.path(VERSIONS, bundle.name)}}
    assert host.versions() == [bundle.name]
    assert host.do(bundle, "look")["done"]["whole"] is True
    assert host.do(bundle, "look")["done"]["program"] == "current"
    ran = subprocess.run([host.path(PROGRAM), "a b", "$c"], capture_output=True, text=True, check=True)
    assert ran.stdout == "ran ['a b', '$c'] 1\n"


def test_a_broken_version_is_not_whole_and_is_replaced(host: Host, bundle: Bundle) -> None:
    host.do(bundle, "install")
    with open(host.path(VERSIONS, bundle.name, "lib", "sesh", "__init__.py"), "w", encoding="utf-8") as file:
        file.write("broken")
    assert host.do(bundle, "look")["done"]["whole"] is False
    assert host.failed(bundle, "switch")[0] == "switch"
    host.do(bundle, "install")
    assert host.do(bundle, "look")["done"]["whole"] is True
    assert host.versions() == [bundle.name]


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("lib/../../../evil"),
        member("/evil"),
        member("lib//evil"),
        member("./evil"),
        member("evil", tarfile.SYMTYPE, "/etc/passwd"),
        member("evil", tarfile.LNKTYPE, "start.py"),
        member("evil", tarfile.FIFOTYPE),
        member("evil", tarfile.CHRTYPE),
        member("evil", tarfile.DIRTYPE),
    ],
    ids=lambda evil: f"{evil.type!r} {evil.name}",
)
def test_r29_a_member_that_is_no_plain_file_below_the_directory_is_refused(
    host: Host, bundle: Bundle, evil: tarfile.TarInfo
) -> None:
    step, reason = host.failed(bundle, "install", archive((member("MANIFEST"), bundle.manifest), (evil, b"")))
    assert (step, "evil" in reason) == ("unpack", True)
    assert host.untouched()


def test_r29_a_member_is_never_written_through_a_link_or_twice(host: Host, bundle: Bundle) -> None:
    twice = archive((member("start.py"), b"1"), (member("start.py"), b"2"))
    assert host.failed(bundle, "install", twice)[0] == "unpack"
    assert host.untouched()


def test_an_archive_of_more_than_was_announced_is_refused(host: Host, bundle: Bundle) -> None:
    bomb = archive((member("start.py"), b"\0" * (bundle.size + 1)))
    assert host.failed(bundle, "install", bomb) == ("unpack", "the archive contains more than announced")
    assert host.untouched()


def test_an_archive_that_changed_on_its_way_is_refused(host: Host, bundle: Bundle) -> None:
    data = bytearray(bundle.packed())
    data[len(data) // 2] ^= 1
    sha256 = hashlib.sha256(bundle.packed()).hexdigest()
    step, reason = host.failed(bundle, "install", bytes(data), sha256=sha256)
    assert (step, "sha256" in reason) == ("upload", True)
    assert host.untouched()


def test_an_upload_that_ends_early_leaves_what_was_there(host: Host, bundle: Bundle) -> None:
    host.do(other(bundle), "install")
    step, reason = host.failed(bundle, "install", size=len(bundle.packed()) + 10)
    assert (step, reason.startswith("the connection ended after")) == ("upload", True)
    assert host.versions() == [other(bundle).name]
    assert host.do(other(bundle), "look")["done"]["program"] == "current"


def test_a_version_that_does_not_work_never_comes_into_service(host: Host, bundle: Bundle) -> None:
    host.do(bundle, "install")
    bad = Bundle({**_FILES, "lib/sesh/remote/deploy/smoke.py": b"print('no such thing'); raise SystemExit(1)"})
    assert host.failed(bad, "install") == ("smoke_test", "the new version does not work on the host: no such thing")
    assert host.versions() == [bundle.name]
    assert host.do(bundle, "look")["done"]["program"] == "current"


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_a_program_that_is_not_ours_stays_unless_forced(host: Host, bundle: Bundle, kind: str) -> None:
    os.makedirs(host.path(".local/bin"))
    if kind == "file":
        with open(host.path(PROGRAM), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho mine\n")
    elif kind == "link":
        os.symlink("../share/sesh/venv/bin/sesh", host.path(PROGRAM))
    else:
        os.mkdir(host.path(PROGRAM))
    before = seen(host.path(PROGRAM))
    assert host.do(bundle, "look")["done"]["program"] == "foreign"
    assert host.failed(bundle, "install")[0] == "switch"
    assert host.versions() == []
    assert seen(host.path(PROGRAM)) == before
    if kind == "directory":
        assert host.failed(bundle, "install", force=True)[0] == "switch"
        assert (host.versions(), os.listdir(host.path(".local/bin"))) == ([], ["sesh"])
    else:
        assert "done" in host.do(bundle, "install", force=True)
        assert host.do(bundle, "look")["done"]["program"] == "current"


@pytest.mark.parametrize("name", [".local/share/sesh", VERSIONS])
def test_r29_a_directory_that_is_a_link_is_refused(host: Host, bundle: Bundle, name: str, tmp_path: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.makedirs(os.path.dirname(host.path(name)))
    os.symlink(elsewhere, host.path(name))
    step, reason = host.failed(bundle, "install")
    assert (step, name in reason) == ("upload", True)
    assert list(elsewhere.rglob("*.py")) == []


def test_a_disk_that_is_full_is_said_to_be_and_nothing_is_left(host: Host, bundle: Bundle) -> None:
    big = Bundle({**_FILES, "lib/noise": os.urandom(100_000)})
    process = host.start(host.stream(big, "install"), most=50_000)
    out, err = process.communicate(timeout=30)
    failed = json.loads(out.splitlines()[-1].partition(b" ")[2])["failed"]
    assert (failed["step"], "not enough space" in failed["reason"], err) == ("upload", True, b"")
    assert host.untouched()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_who_is_ended_while_receiving_leaves_nothing(host: Host, bundle: Bundle, number: signal.Signals) -> None:
    process = host.start(host.stream(bundle, "install", bundle.packed()[:100], size=1000), closed=False)
    wait_until(lambda: any(name.startswith(".tmp-") for name in host.versions()), what="it receives")
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert b"it was stopped on the host" in out
    assert host.untouched()


def test_r28_two_deploys_at_once_do_no_harm(host: Host, bundle: Bundle) -> None:
    started = [host.start(host.stream(each, "install")) for each in (bundle, bundle, other(bundle), bundle)]
    for process in started:
        out, err = process.communicate(timeout=50)
        assert (process.returncode, err) == (0, b""), out
    assert host.versions() == sorted([bundle.name, other(bundle).name])
    assert host.do(bundle, "look")["done"]["whole"] is True
    assert os.listdir(host.path(".local/bin")) == ["sesh"]
    subprocess.run([host.path(PROGRAM)], capture_output=True, check=True)


def test_what_a_killed_deploy_left_goes_with_the_next_and_what_is_in_use_does_not(host: Host, bundle: Bundle) -> None:
    process = host.start(host.stream(other(bundle), "install", b"", size=1000), closed=False)
    (used,) = wait_until(host.versions)
    wait_until(lambda: os.path.exists(host.path(VERSIONS, used, "archive")), what="it receives, and has locked its own")
    for name in (".tmp-old", ".tmp-new"):
        os.makedirs(host.path(VERSIONS, name, "fresh"))
    for name in (".tmp-old", used):
        os.utime(host.path(VERSIONS, name), (0, 0))
    host.do(bundle, "install")
    assert host.versions() == sorted([".tmp-new", used, bundle.name])
    process.terminate()
    process.communicate(timeout=30)
