"""This very sesh, with all that it needs, as one archive for another machine. The same input gives the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import os
import tarfile
import threading
import zipfile
from email.parser import HeaderParser

import sesh
from sesh import __version__
from sesh.errors import Refused
from sesh.remote import wheels
from sesh.remote.requirements import Requirement, admits, holds, normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesh.remote.survey import Platform, Python

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
        not _is_binary(each) or wheels.fits(_tags(each), platform, python)
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
        if not _is_binary(found) or wheels.fits(_tags(found), platform, python):
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
    with zipfile.ZipFile(wheels.fetched(requirement, platform, python)) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        package = Requirement(requirement).name
        return _with_record({name: _shortened(name, wheel.read(name)) for name in names if _goes_along(package, name)})
