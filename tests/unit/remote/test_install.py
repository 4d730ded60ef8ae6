"""What runs on the host while sesh is deployed, with the smallest possible archive."""

from __future__ import annotations

import compileall
import errno
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sesh.remote.deploy import deploy, install
from sesh.remote.deploy.bundle import Bundle, packed
from tests.support import ROOT, wait_until

_MAIN = "import sys, time\n\ndef start():\n    print('ran', sys.argv[1:], sys.flags.isolated)\n"
_FILES = {"lib/sesh/__init__.py": b"", "lib/sesh/__main__.py": _MAIN.encode()}
PROGRAM = ".local/bin/sesh"
VERSIONS = ".local/share/sesh/versions"
ENDS = (signal.SIGTERM, signal.SIGHUP)


class Host:
    """A HOME, and orders carried out in it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def look(self, bundle: Bundle, token: str = "", *, force: bool = False) -> Any:
        """Carry out the order to look for the version in this process; return the report."""
        return install.Installer(token or secrets.token_hex(8), bundle.name, force=force).carry_out()

    def current(self, bundle: Bundle) -> bool:
        """Tell whether the version is complete and in service."""
        token = secrets.token_hex(8)
        report = self.look(bundle, token)
        assert report["reason"] == ""
        if report["step"] == "upload":
            os.rmdir(self.home / install.scratch(token))
        return bool(report["step"] == "done")

    def prepared(self, bundle: Bundle, archive: bytes | None = None, *, force: bool = False) -> list[str]:
        """Put the archive on the host; return the order to install it."""
        token = secrets.token_hex(8)
        self.look(bundle, token, force=force)
        (self.home / install.scratch(token) / install.ARCHIVE).write_bytes(archive or bundle.archive)
        return [token, bundle.name, "force" if force else "keep", hashlib.sha256(bundle.archive).hexdigest()]

    def carried_out(self, order: list[str]) -> Any:
        token, name, force, sha256 = order
        return install.Installer(token, name, force=force == "force").carry_out(sha256)

    def install(self, bundle: Bundle, archive: bytes | None = None, *, force: bool = False) -> Any:
        return self.carried_out(self.prepared(bundle, archive, force=force))

    def failed(self, bundle: Bundle, archive: bytes | None = None) -> tuple[str, str]:
        """The step that failed, and the reason."""
        failed = self.install(bundle, archive)
        return failed["step"], failed["reason"]

    def versions(self) -> list[str]:
        folder = self.home / VERSIONS
        return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    home = tmp_path / "a home with 'quotes' and $(blanks)"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return Host(home)


@pytest.fixture
def bundle() -> Bundle:
    return packed(_FILES)


def other(text: str = "x = 1\n") -> Bundle:
    return packed({**_FILES, "lib/sesh/more.py": text.encode()})


def test_a_version_is_unpacked_tried_and_put_into_service(host: Host, bundle: Bundle) -> None:
    assert not host.current(bundle)
    installed = host.install(bundle)
    assert (installed["path"], installed["step"]) == (f"{host.home}/{VERSIONS}/{bundle.name}", "done")
    assert host.versions() == [bundle.name]
    assert host.look(bundle) == installed
    ran = subprocess.run([host.home / PROGRAM, "a b", "$c"], capture_output=True, text=True, check=True)
    assert ran.stdout == "ran ['a b', '$c'] 1\n"
    host.install(other())
    assert not host.current(bundle)
    host.install(bundle)
    assert (host.current(bundle), host.versions()) == (True, sorted([bundle.name, other().name])), "it switches back"


def test_a_version_in_service_is_loaded_by_fish_and_names_the_line_for_another_shell(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(variable, raising=False)
    installer = install.Installer("token", "1.0")
    installer.final.mkdir(parents=True)
    (installer.final / "lib").symlink_to(ROOT)
    for shell, line in (("bash", 'at the end of ~/.bashrc: eval "$(sesh shell-init bash)"'), ("sh", ""), ("fish", "")):
        path = host.home / shell
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        monkeypatch.setenv("SHELL", str(path))
        installer.integrate()
        assert installer.integration == line
    assert (host.home / ".local/share/fish/vendor_conf.d/00-sesh.fish").is_file()


def test_a_version_that_does_not_run_any_more_is_replaced(host: Host, bundle: Bundle) -> None:
    host.install(bundle)
    shutil.rmtree(host.home / VERSIONS / bundle.name / "lib/sesh")
    assert not host.current(bundle)
    host.install(bundle)
    assert (host.versions(), host.current(bundle)) == ([bundle.name], True)


def test_an_archive_that_changed_on_its_way_is_refused_before_it_is_read(host: Host, bundle: Bundle) -> None:
    step, reason = host.failed(bundle, bundle.archive[:-10])
    assert (step, "sha256" in reason, "[ -t 0 ]" in reason) == ("upload", True, True)
    assert host.versions() == []


def test_an_error_of_the_system_is_told_in_words(host: Host, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", fails)
    failed = host.install(bundle)
    assert (failed["step"], failed["reason"]) == ("unpack", "No space left on device")


@pytest.mark.parametrize("end", ["sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_a_version_that_does_not_work_never_comes_into_service(host: Host, bundle: Bundle, end: str) -> None:
    host.install(bundle)
    bad = packed({**_FILES, "lib/sesh/__main__.py": f"import os, sys\ndef start(): {end}\n".encode()})
    assert host.failed(bad)[0] == "smoke_test"
    assert (host.versions(), host.current(bundle)) == ([bundle.name], True)


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_a_program_that_is_not_ours_stays_unless_forced(host: Host, bundle: Bundle, kind: str) -> None:
    program = host.home / PROGRAM
    program.parent.mkdir(parents=True)
    if kind == "file":
        program.write_text("#!/bin/sh\necho mine\n")
    elif kind == "link":
        program.symlink_to("../share/sesh/venv/bin/sesh")
    else:
        program.mkdir()
    before = program.lstat()
    looked = host.look(bundle)
    assert (looked["step"], looked["foreign"], host.versions()) == ("switch", True, [])
    token, name, _, sha256 = host.prepared(bundle, force=True)
    assert host.carried_out([token, name, "keep", sha256])["foreign"]
    after = program.lstat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)  # the time of access may change
    answer = host.install(bundle, force=True)
    if kind == "directory":
        assert (answer["step"], os.listdir(program.parent)) == ("switch", ["sesh"])
    else:
        assert host.current(bundle)


@pytest.mark.parametrize("name", [".local/share/sesh", VERSIONS])
def test_r29_a_directory_that_is_a_link_is_refused(host: Host, bundle: Bundle, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (host.home / name).parent.mkdir(parents=True)
    (host.home / name).symlink_to(elsewhere)
    failed = host.look(bundle)
    assert (failed["step"], name in failed["reason"]) == ("upload", True)
    assert [*elsewhere.iterdir()] == []


def halted(host: Host, order: list[str], module: Any, function: str, calls: int) -> int:
    """Fork a process that stops in call number `calls` of a function; return its pid."""
    mark, left = host.home / "here", [calls]
    called = getattr(module, function)

    def halt(*words: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0]:
            return called(*words, **options)
        # A signal between the mark and a `pause` would be lost: its handler runs only between two steps of Python.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        mark.touch()
        number = signal.sigwait(ENDS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)
        signal.raise_signal(number)
        raise AssertionError("the order goes on after a signal")

    pid = os.fork()
    if not pid:
        try:
            setattr(module, function, halt)
            sys.argv = ["-c", *order]
            install.main()
        finally:
            os._exit(0)
    wait_until(mark.exists, "the step")
    return pid


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(
    ("ends", "module", "function", "calls"),
    [
        (signal.SIGTERM, zipfile, "ZipFile", 1),
        (signal.SIGHUP, compileall, "compile_dir", 1),
        (signal.SIGTERM, subprocess, "run", 1),
        (signal.SIGHUP, os, "rename", 2),
        (signal.SIGTERM, os, "rename", 3),
    ],
    ids=["unpack", "compile", "smoke_test", "switch", "switch between its renames"],
)
def test_each_step_that_is_killed_leaves_what_was_there(
    host: Host, bundle: Bundle, killed: bool, ends: signal.Signals, module: Any, function: str, calls: int
) -> None:
    host.install(bundle)
    new = other()
    pid = halted(host, host.prepared(new), module, function, calls)
    os.kill(pid, signal.SIGKILL if killed else ends)
    os.waitpid(pid, 0)
    assert host.current(bundle)
    subprocess.run([host.home / PROGRAM], capture_output=True, check=True)
    if not killed:
        left = {bundle.name, new.name} if calls == 3 else {bundle.name}
        assert ({*host.versions()}, os.listdir(host.home / ".local/bin")) == (left, ["sesh"])
    for name in host.versions():
        os.utime(host.home / VERSIONS / name, (0, 0))
    host.install(new)
    assert host.versions() == sorted([bundle.name, new.name]), "the next deploy removes what is left"
    assert os.listdir(host.home / ".local/bin") == ["sesh"]


def test_r28_two_deploys_at_once_do_no_harm(host: Host, bundle: Bundle) -> None:
    orders = [host.prepared(each) for each in (bundle, bundle, other())]
    lines = [["sh", "-c", deploy.order_line(order)] for order in orders]
    started = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for line in lines]
    for process in started:
        out, err = process.communicate(timeout=50)
        assert (process.returncode, err, json.loads(out.partition(" ")[2])["step"]) == (0, "", "done")
    assert host.versions() == sorted([bundle.name, other().name])
    assert os.listdir(host.home / ".local/bin") == ["sesh"]
    subprocess.run([host.home / PROGRAM], capture_output=True, check=True)


def test_a_deploy_of_the_same_version_that_is_faster_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had made the version between the look and the rename."""
    monkeypatch.setenv("HOME", str(tmp_path))
    installer = install.Installer("token", "1.0-ab")
    installer.new.mkdir(parents=True)
    answers = iter((False, True))

    def works(self: install.Installer) -> bool:
        if answer := next(answers):
            return answer
        monkeypatch.setattr(os, "rename", renamed)
        return False

    def renamed(source: Path, target: Path) -> None:
        if source == installer.final:
            raise FileNotFoundError
        (target / "lib").mkdir(parents=True)
        os.replace(source, target)

    monkeypatch.setattr(install.Installer, "works", works)
    installer.switch()


def test_what_a_cut_deploy_left_goes_with_a_later_one(host: Host, bundle: Bundle) -> None:
    kept = []
    for name, age in ((".tmp-old", 4000), (".tmp-new", 0)):
        (host.home / VERSIONS / name).mkdir(parents=True)
        (host.home / VERSIONS / name / install.ARCHIVE).touch()
        os.utime(host.home / VERSIONS / name, (time.time() - age,) * 2)
        kept += [name] if name != ".tmp-old" else []
    host.install(bundle)
    assert host.versions() == sorted([*kept, bundle.name])
