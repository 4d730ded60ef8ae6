"""Binary parts for another machine: whether those of this machine would run there, and where else they come from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile

from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sesh.remote.survey import Platform, Python

PATIENCE = 180.0
"""Seconds for pip to fetch one wheel."""
_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_OLDEST_GLIBC, _NEWEST_GLIBC = 17, 60


def fits(tags: Iterable[str], platform: Platform, python: Python) -> bool:
    """Whether a wheel with one of these tags (`cp311-cp311-manylinux_2_17_x86_64`) runs over there."""
    return any(_fits(tag.strip(), platform, python) for tag in tags)


def _fits(tag: str, platform: Platform, python: Python) -> bool:
    interpreters, abi, systems = tag.split("-", 2)
    return any(_python_fits(each, abi, python) for each in interpreters.split(".")) and any(
        _platform_fits(each, platform) for each in systems.split(".")
    )


def _python_fits(interpreter: str, abi: str, python: Python) -> bool:
    if abi == "none":
        return interpreter in ("py3", "py2.py3", f"py{python.minor[0]}{python.minor[1]}", python.abi)
    if abi == "abi3":
        match = re.fullmatch(r"cp3(\d+)", interpreter)
        return match is not None and int(match[1]) <= python.minor[1] and not python.abi.endswith("t")
    return abi == python.abi


def _platform_fits(system: str, platform: Platform) -> bool:
    if system == "any":
        return True
    if (match := re.fullmatch(r"macosx_(\d+)_(\d+)_(\w+)", system)) is not None:
        fat = match[3] == "universal2" and platform.machine in ("x86_64", "arm64")
        enough = platform.release >= (int(match[1]), int(match[2])) or platform.release == (int(match[1]),)
        return platform.system == "Darwin" and enough and (fat or match[3] == platform.machine)
    if platform.system != "Linux":
        return False
    if (match := re.fullmatch(r"(many|musl)linux_(\d+)_(\d+)_(\w+)", system)) is not None:
        libc = {"many": "glibc", "musl": "musl"}[match[1]]
        old_enough = platform.release >= (int(match[2]), int(match[3]))
        return platform.libc == libc and old_enough and match[4] == platform.machine
    name, _, machine = system.partition("_")
    return platform.libc == "glibc" and machine == platform.machine and platform.release >= _LEGACY.get(name, (99,))


def names_of(platform: Platform) -> list[str]:
    """What pip calls this platform, the newest first."""
    machine = platform.machine
    if platform.system == "Darwin":
        major, minor = (*platform.release, 0, 0)[:2] if platform.release else (11, 0)
        return [f"macosx_{major}_{0 if major > 10 else minor}_{machine}"]
    if platform.libc == "musl":
        newest = platform.release[1] if len(platform.release) > 1 else 1
        return [f"musllinux_1_{minor}_{machine}" for minor in range(newest, -1, -1)]
    newest = platform.release[1] if len(platform.release) > 1 else _OLDEST_GLIBC
    minors = range(min(newest, _NEWEST_GLIBC), _OLDEST_GLIBC - 1, -1)
    return [*(f"manylinux_2_{minor}_{machine}" for minor in minors), *(f"{name}_{machine}" for name in _LEGACY)]


def cache() -> str:
    """Where fetched wheels are kept, so that the same deploy needs no network twice."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "sesh", "wheels")


def fetched(requirement: str, platform: Platform, python: Python) -> str:
    """The path of a wheel that runs over there, fetched by pip here and now unless the cache has it.

    `requirement`: `name==version`, or any other that pip takes. Raises Refused where pip finds none.
    """
    label = re.sub(r"[^\w.=<>~-]", "_", f"{requirement}-{python.abi}-{names_of(platform)[0]}")
    folder = os.path.join(cache(), label)
    if (known := _wheel_in(folder)) is not None:
        return known
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "-q"]
    words += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python.version]
    if python.abi.endswith("t"):
        words += ["--abi", python.abi, "--abi", "none"]
    for name in names_of(platform):
        words += ["--platform", name]
    os.makedirs(cache(), mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".tmp-") as temporary:
        target = os.path.join(temporary, "wheel")
        told = _ran([*words, "--dest", target, "--", requirement])
        if _wheel_in(target) is None:
            raise Refused(
                f"{requirement} for {platform}, Python {python.version}, could not be fetched here "
                f"({told}); it takes pip and the network once"
            )
        try:
            os.rename(target, folder)
        except OSError:
            if _wheel_in(folder) is None:  # else another deploy was quicker
                raise
    return str(_wheel_in(folder))


def _ran(words: list[str]) -> str:
    """Runs pip; its reason where it failed, in one line."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"pip took more than {PATIENCE:g} s"
    reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named" in line]
    return reasons[-1].removeprefix("ERROR: ") if reasons else f"pip ended with {done.returncode}"


def _wheel_in(folder: str) -> str | None:
    """The whole wheel in a folder, if there is one."""
    if not os.path.isdir(folder):
        return None
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".whl") and zipfile.is_zipfile(path):
            return path
    return None
