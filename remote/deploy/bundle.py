"""This very sesh, with all that it needs, as one archive for another machine. The same input gives the same bytes.

Binary parts for another machine: whether those of this machine would run there, and where else they come from.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from email.parser import HeaderParser

import sesh
from sesh import __version__
from sesh.errors import Refused
from sesh.remote.deploy.survey import Requirement, admits, holds, normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sesh.remote.deploy.survey import Platform, Python

REQUIRED = ("ptyprocess>=0.7", "pyte>=0.8.2", "rich>=13", "typer>=0.29", "tomli>=2; python_version < '3.11'")
"""What goes along: what sesh itself requires, less fabric: only deploying takes it, and ssh can stand in for it."""
LEFT_OUT = {
    # Nobody colours source text over there, and this is a fifth of the whole.
    "pygments": ("pygments/lexers/", ("pygments/lexers/__init__.py", "pygments/lexers/_mapping.py")),
}
PURE_AS_WELL = ("wcwidth",)
"""Packages that do the same in Python where their binary part is missing."""
EPOCH = 315532800
"""The time of every file: 1980, the first that all archives can say."""
MANIFEST = "MANIFEST"
START = "start.py"

_START = b"""\
\"\"\"Starts the sesh that lies beside this file.\"\"\"

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

from sesh.__main__ import main

sys.exit(main())
"""
_BINARY = (".so", ".dylib", ".pyd")
_KEPT_OF_INFO = ("METADATA", "WHEEL")


class Bundle:
    """What one kind of machine gets.

    `name`: its directory over there, VERSION-HASH. `manifest`: a line `sha256 mode path` for each file, sorted, by
    which the far side knows a whole copy from a broken one; the hash in the name is the manifest's. `size`: bytes of
    the files. `packed` makes the archive, once.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(sorted({**files, START: _START}.items()))
        lines = (f"{hashlib.sha256(data).hexdigest()} 644 {path}\n" for path, data in self.files.items())
        self.manifest = "".join(lines).encode()
        self.version = __version__
        self.hash = hashlib.sha256(self.manifest).hexdigest()
        self.name = f"{self.version}-{self.hash[:12]}"
        self.size = sum(len(data) for data in self.files.values()) + len(self.manifest)
        self._packed: bytes | None = None
        self._lock = threading.Lock()

    def packed(self) -> bytes:
        """The archive, a tar under gzip."""
        with self._lock:
            if self._packed is None:
                self._packed = _packed({MANIFEST: self.manifest, **self.files})
            return self._packed


def _packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=whole, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.mode = len(data), EPOCH, 0o644
            archive.addfile(member, io.BytesIO(data))
    return whole.getvalue()


_bundles: dict[tuple[str, str], Bundle] = {}
_building = threading.Lock()


def build(platform: Platform, python: Python) -> Bundle:
    """The bundle for an interpreter on a platform. Several hosts of one kind share it.

    Raises Refused where something that it takes is not here and cannot be fetched.
    """
    key = (str(platform), python.version)
    with _building:
        if key not in _bundles:
            files = {f"lib/{path}": data for path, data in {**_dependencies(platform, python), **_own()}.items()}
            _bundles[key] = Bundle(files)
        return _bundles[key]


def native(platform: Platform, python: Python) -> bool:
    """Whether the binary parts of this environment run over there, so that nothing has to be fetched."""
    return all(
        not _is_binary(each) or fits(_tags(each), platform, python)
        for each in _closure(platform.environment(python))
        if isinstance(each, importlib.metadata.Distribution) and normal(each.metadata["Name"]) not in PURE_AS_WELL
    )


def _own() -> dict[str, bytes]:
    """The package sesh itself, its rooms reached through their links, without caches."""
    top = os.path.dirname(os.path.abspath(sesh.__file__))
    files: dict[str, bytes] = {}
    for folder, folders, names in os.walk(top, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.startswith(".") or name.endswith((".pyc", "~")) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                files[os.path.join("sesh", os.path.relpath(path, top))] = file.read()
    return files


def _dependencies(platform: Platform, python: Python) -> dict[str, bytes]:
    """The files of all packages that sesh needs over there, by their paths in a directory of packages."""
    files: dict[str, bytes] = {}
    for found in _closure(platform.environment(python)):
        if isinstance(found, Requirement):  # only needed over there, so not installed here
            files |= _fetched(f"{found.name}{found.specifier}", platform, python)
            continue
        name, version = found.metadata["Name"], found.metadata["Version"]
        needed = found.metadata["Requires-Python"] or ""
        if not admits(needed, python.version):
            raise Refused(f"{name} {version}, which goes along, needs Python {needed}, and there is {python.version}")
        copied = dict(_installed(found))
        if not _is_binary(found) or fits(_tags(found), platform, python):
            files |= _with_record(copied)
        elif normal(name) in PURE_AS_WELL:
            files |= _with_record({path: data for path, data in copied.items() if not path.endswith(_BINARY)})
        else:
            files |= _fetched(f"{name}=={version}", platform, python)
    return files


def _closure(environment: dict[str, str]) -> list[importlib.metadata.Distribution | Requirement]:
    """All that REQUIRED leads to in that environment, sorted by name; a requirement where nothing is installed."""
    found: dict[str, importlib.metadata.Distribution | Requirement] = {}
    wanted = [Requirement(line) for line in REQUIRED]
    while wanted:
        requirement = wanted.pop()
        if requirement.name in found or not holds(requirement.marker, environment):
            continue
        try:
            distribution = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found[requirement.name] = requirement
            continue
        found[requirement.name] = distribution
        wanted += [Requirement(line) for line in distribution.requires or ()]
    return [found[name] for name in sorted(found)]


def _is_binary(distribution: importlib.metadata.Distribution) -> bool:
    return any(str(path).endswith(_BINARY) for path in distribution.files or ())


def _tags(distribution: importlib.metadata.Distribution) -> list[str]:
    """The tags of the wheel that it was installed from."""
    return HeaderParser().parsestr(distribution.read_text("WHEEL") or "").get_all("Tag", [])


def _installed(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """The files of a package as it is installed here. Raises Refused where no list of them was kept."""
    name = distribution.metadata["Name"]
    if distribution.files is None:
        raise Refused(
            f"{name} is installed here without a list of its files; install sesh by pip, as `make install` does"
        )
    for path in distribution.files:
        located = str(distribution.locate_file(path))
        if _goes_along(name, str(path)) and os.path.isfile(located):
            with open(located, "rb") as file:
                yield str(path), _shortened(str(path), file.read())


def _shortened(path: str, data: bytes) -> bytes:
    """A package's METADATA without the long description below its headers."""
    return data.partition(b"\n\n")[0].rstrip() + b"\n" if path.endswith(".dist-info/METADATA") else data


def _goes_along(name: str, path: str) -> bool:
    """Whether a file of a package is of use over there."""
    parts = path.split("/")
    hidden = any(part.startswith(".") for part in parts)  # also what would lead out of the directory
    if hidden or "__pycache__" in parts or path.startswith("/") or path.endswith((".pyc", ".pyi", ".pth")):
        return False
    if parts[0].endswith(".dist-info"):
        return parts[-1] in _KEPT_OF_INFO or "licen" in path.lower() or "copying" in path.lower()
    prefix, kept = LEFT_OUT.get(normal(name), ("\0", ()))
    return not path.startswith(prefix) or path in kept


def _with_record(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with a list of them in the place where packages keep one: a deployed sesh can deploy in its turn."""
    infos = {path.split("/")[0] for path in files if ".dist-info/" in path}
    for info in infos:
        path = f"{info}/RECORD"
        listed = sorted({*files, path})
        files[path] = "".join(f'"{each}",,\n' if "," in each else f"{each},,\n" for each in listed).encode()
    return files


def _fetched(requirement: str, platform: Platform, python: Python) -> dict[str, bytes]:
    """The files of a wheel for that platform, and of what only that wheel needs."""
    with zipfile.ZipFile(fetched(requirement, platform, python)) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        package = Requirement(requirement).name
        return _with_record({name: _shortened(name, wheel.read(name)) for name in names if _goes_along(package, name)})


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
