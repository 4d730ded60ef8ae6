"""The bundle: this version of sesh, with all that it needs, as one archive for another machine.

Packages are copied from this environment; if their binary parts would not run there, pip fetches a wheel. The same
input gives the same bytes.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser

from packaging import tags
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from sesh import about, paths, programs
from sesh.about import __version__
from sesh.errors import Refused
from sesh.remote.deploy.survey import Platform, Python

REQUIRED = (
    "ptyprocess>=0.7,<0.8",
    "pyte>=0.8.2,<0.9",
    "typer>=0.26,<0.29",
    "wcwidth>=0.2.13,<0.3",
    "rich>=13",
    "packaging>=24.1",
    "tomli>=2; python_version < '3.11'",
)
"""Requirements of sesh there: its own without fabric, which only deploying needs, and ssh can replace."""
LEFT_OUT = {
    # Nothing highlights source code there, and this is a fifth of the whole.
    "pygments": ("pygments/lexers/", ("pygments/lexers/__init__.py", "pygments/lexers/_mapping.py")),
}
PURE_FALLBACK = ("wcwidth",)
"""Packages that do the same in pure Python if their binary part is missing."""
EPOCH = 315532800
"""The modification time of every file: 1980, the earliest that all archive formats can hold."""
MANIFEST = "MANIFEST"
START = "start.py"

_START = b"""\
\"\"\"Starts the sesh that lies beside this file.\"\"\"

import os
import sys

version = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(version, "lib"))
sys.argv[0] = os.path.normpath(os.path.join(version, "../../../../bin/sesh"))  # the launcher, ~/.local/bin/sesh

from sesh.__main__ import start

start()
"""
_BINARY = (".so", ".dylib", ".pyd")
_KEPT_DIST_INFO = ("METADATA", "WHEEL")


class Bundle:
    """The bundle for machines of one kind.

    `name`: of its directory there, VERSION-HASH. `manifest`: a line `sha256 mode path` for each file, sorted, by which
    the host verifies its copy; the hash in the name is the manifest's. `size`: bytes of the files.
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
        """The archive (tar, gzip), made once."""
        with self._lock:
            if self._packed is None:
                self._packed = _archive({MANIFEST: self.manifest, **self.files})
            return self._packed


def _archive(files: dict[str, bytes]) -> bytes:
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
    """The bundle for an interpreter on a platform; several hosts of one kind share it.

    Raises Refused if a part of it is not here and cannot be fetched.
    """
    key = (str(platform), python.version)
    with _building:
        if key not in _bundles:
            files = {f"lib/{path}": data for path, data in {**_dependencies(platform, python), **about.files()}.items()}
            _bundles[key] = Bundle(files)
        return _bundles[key]


def is_native(platform: Platform, python: Python) -> bool:
    """Return whether the binary parts of this environment run there, so that nothing must be fetched."""
    return all(
        _runs(package, platform, python)
        for package in _closure(platform.environment(python))
        if isinstance(package, importlib.metadata.Distribution) and canonicalize_name(package.name) not in PURE_FALLBACK
    )


def _dependencies(platform: Platform, python: Python) -> dict[str, bytes]:
    """The files of all packages that sesh needs there, by their paths in a directory of packages."""
    files: dict[str, bytes] = {}
    for package in _closure(platform.environment(python)):
        if isinstance(package, Requirement):  # needed there only, so not installed here
            files |= _fetched_files(f"{package.name}{package.specifier}", platform, python)
            continue
        name, version = package.name, package.version
        needed = ",".join(package.metadata.get_all("Requires-Python") or ())
        if not SpecifierSet(needed).contains(python.version):
            raise Refused(f"{name} {version} needs Python {needed}, but the host has {python.version}")
        runs = _runs(package, platform, python)
        if runs or canonicalize_name(name) in PURE_FALLBACK:
            copied = {path: data for path, data in _installed_files(package) if runs or not path.endswith(_BINARY)}
            files |= _with_record(copied)
        else:
            files |= _fetched_files(f"{name}=={version}", platform, python)
    return files


def _closure(environment: dict[str, str]) -> list[importlib.metadata.Distribution | Requirement]:
    """All packages that sesh needs there, by name: as installed here, or the requirement for one that is not."""
    packages: dict[str, importlib.metadata.Distribution | Requirement] = {}
    wanted = list(REQUIRED)
    while wanted:
        requirement = Requirement(wanted.pop())
        name = canonicalize_name(requirement.name)
        if name in packages or not (requirement.marker is None or requirement.marker.evaluate(environment)):
            continue
        try:
            packages[name] = distribution = importlib.metadata.distribution(name)
            wanted += distribution.requires or ()
        except importlib.metadata.PackageNotFoundError:
            packages[name] = requirement
    return [packages[name] for name in sorted(packages)]


def _runs(package: importlib.metadata.Distribution, platform: Platform, python: Python) -> bool:
    """Return whether a package as it is installed here runs there: without binary parts, or from a wheel that fits."""
    wheel = HeaderParser().parsestr(package.read_text("WHEEL") or "")
    binary = any(str(path).endswith(_BINARY) for path in package.files or ())
    return not binary or fits(wheel.get_all("Tag", []), platform, python)


def _installed_files(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a package as installed here: path, content. Raises Refused if it has no list of them."""
    name = distribution.name
    if distribution.files is None:
        raise Refused(f"{name} is installed here without a file list; install sesh with pip, as `make install` does")
    for path in map(str, distribution.files):
        located = str(distribution.locate_file(path))
        if _is_needed(name, path) and os.path.isfile(located):
            with open(located, "rb") as file:
                yield path, _without_description(path, file.read())


def _without_description(path: str, data: bytes) -> bytes:
    """The content of a file; of METADATA its headers only."""
    return data.partition(b"\n\n")[0].rstrip() + b"\n" if path.endswith(".dist-info/METADATA") else data


def _is_needed(name: str, path: str) -> bool:
    parts = path.split("/")
    hidden = any(part in ("", "__pycache__") or part.startswith(".") for part in parts)  # also `..`, and the root
    if hidden or path.endswith((".pyc", ".pyi", ".pth")):
        return False
    if parts[0].endswith(".dist-info"):
        return parts[-1] in _KEPT_DIST_INFO or "licen" in path.lower() or "copying" in path.lower()
    prefix, kept = LEFT_OUT.get(canonicalize_name(name), ("\0", ()))
    return not path.startswith(prefix) or path in kept


def _with_record(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with the package's RECORD of them, so that a deployed sesh can deploy in its turn."""
    for info in {path.split("/")[0] for path in files if ".dist-info/" in path}:
        path = f"{info}/RECORD"
        listed = sorted({*files, path})
        files[path] = "".join(f'"{name}",,\n' if "," in name else f"{name},,\n" for name in listed).encode()
    return files


def _fetched_files(requirement: str, platform: Platform, python: Python) -> dict[str, bytes]:
    """The files of a wheel for that platform, and of what only that wheel needs."""
    with zipfile.ZipFile(fetch_wheel(requirement, platform, python)) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        package = Requirement(requirement).name
        needed = [name for name in names if _is_needed(package, name)]
        return _with_record({name: _without_description(name, wheel.read(name)) for name in needed})


# -- wheels

PIP_TIMEOUT = 180.0
"""Seconds for pip to fetch one wheel."""
_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
"""The names from before PEP 600, by the minor version of glibc 2 that they need."""
_NEWEST = {"glibc": 60, "musl": 20, "macOS": 40}
"""Greatest releases (the minor one of libc, the major one of macOS) for which names of platforms are made: the host
says its release itself."""


def fits(wheel_tags: Iterable[str], platform: Platform, python: Python) -> bool:
    """Return whether a wheel with one of these tags (`cp311-cp311-manylinux_2_17_x86_64`; PEP 425) runs there."""
    names = platform_tags(platform)
    supported = {
        *tags.cpython_tags(python.minor, [python.abi], names),
        *tags.compatible_tags(python.minor, python.abi, names),
    }
    return any(not supported.isdisjoint(tags.parse_tag(tag.strip())) for tag in wheel_tags)


def platform_tags(platform: Platform) -> list[str]:
    """Return the names (PEP 425, 600, 656) of all platforms whose wheels run on this one, the best first."""
    machine = platform.machine
    major, minor = (*platform.release, 0, 0)[:2]
    if platform.system == "Darwin":
        return list(tags.mac_platforms((min(major or 11, _NEWEST["macOS"]), minor), machine))
    if platform.libc == "musl":
        return [f"musllinux_1_{number}_{machine}" for number in range(min(minor or 1, _NEWEST["musl"]), -1, -1)]
    names = []
    for number in range(min(minor or 17, _NEWEST["glibc"]), 4, -1):
        names.append(f"manylinux_2_{number}_{machine}")
        if number in _LEGACY:
            names.append(f"{_LEGACY[number]}_{machine}")
    return names


def cache_directory() -> str:
    """The directory of fetched wheels: the next deploy of this kind needs no network."""
    return os.path.join(paths.cache_directory(), "wheels")


def fetch_wheel(requirement: str, platform: Platform, python: Python) -> str:
    """The path of a wheel that runs there, from the cache or fetched by pip, for a requirement as pip takes it.

    Raises Refused if pip finds none, and for a cache that another user can change.
    """
    label = re.sub(r"[^\w.=<>~-]", "_", f"{requirement}-{python.abi}-{platform_tags(platform)[0]}")
    folder = os.path.join(cache_directory(), label)
    paths.check_safe_path(folder, "XDG_CACHE_HOME")
    if (cached := _wheel_in(folder)) is not None:
        return cached
    argv = [*_pip(), "--disable-pip-version-check", "--no-input", "download", "-q"]
    argv += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python.version]
    if python.abi.endswith("t"):
        argv += ["--abi", python.abi, "--abi", "none"]
    for name in platform_tags(platform):
        argv += ["--platform", name]
    os.makedirs(cache_directory(), mode=0o700, exist_ok=True)
    # Not into its place at once: what pip was interrupted at, or another deploy's pip is still copying, pip would keep.
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix=".tmp-") as temporary:
        target = os.path.join(temporary, "wheel")
        reason = _run_pip([*argv, "--dest", target, "--", requirement])
        if _wheel_in(target) is None:
            raise Refused(
                f"cannot download {requirement} for {platform}, Python {python.version} ({reason}); "
                "this needs pip and network access once"
            )
        try:
            os.rename(target, folder)
        except OSError:
            if _wheel_in(folder) is None:  # else another deploy was faster
                raise
    return str(_wheel_in(folder))


def _pip() -> list[str]:
    """The command of pip: this environment's; uv makes environments without one, then another that is in PATH."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    pip = programs.find("pip3") or programs.find("pip")
    return [pip] if pip else ["uv", "tool", "run", "pip"]


def _run_pip(argv: list[str]) -> str:
    """Run pip; return the reason in one line if it failed."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=programs.environment(),
            timeout=PIP_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        return "there is no pip"
    except subprocess.TimeoutExpired:
        return f"pip took more than {PIP_TIMEOUT:g} s"
    reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named" in line]
    return reasons[-1].removeprefix("ERROR: ") if reasons else f"pip ended with {done.returncode}"


def _wheel_in(folder: str) -> str | None:
    """The path of a wheel in a folder, if there is one that is complete."""
    wheels = sorted(glob.glob(os.path.join(glob.escape(folder), "*.whl")))
    return next(filter(zipfile.is_zipfile, wheels), None)
