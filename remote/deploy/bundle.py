"""Build the bundle: an archive of this sesh and its packages, for any machine.

Packages are copied from this environment without their optional binary modules. The build is reproducible.

Any Python runs the archive, as `python3 sesh.pyz work` (`make pyz`). Daemons need files, so the archive unpacks itself
once, as a deploy would, and sesh runs from the unpacked files.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError

from sesh import about
from sesh.about import DISTRIBUTION, __version__
from sesh.errors import Refused
from sesh.remote.deploy.install import START

# fabric only deploys, and a deployed sesh does so without it. rich loads the others to print source code and Markdown;
# they would double the archive, and the time that it takes a host to compile it.
_LEFT_OUT = ("fabric", "markdown-it-py", "pygments")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the modification time of every file: the earliest that a zip archive can hold
_START = b"""\
\"\"\"Starts the sesh in the directory of this file.\"\"\"

import os
import sys

version = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(version, "lib"))
sys.argv[0] = os.path.normpath(os.path.join(version, "../../../../bin/sesh"))  # the launcher, ~/.local/bin/sesh

from sesh.__main__ import start

start()
"""

_MAIN = '''\
"""Unpack this sesh, the first time, and run it."""

import compileall, os, sys, tempfile, zipfile

if sys.version_info < (3, 9):
    sys.exit("sesh needs Python 3.9 or newer")
versions = os.path.expanduser("~/.local/share/sesh/versions")
final = os.path.join(versions, "{name}")
if not os.path.isdir(final):
    try:
        os.makedirs(versions, 0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=versions) as scratch:
            version = os.path.join(scratch, "version")
            with zipfile.ZipFile(os.path.dirname(os.path.abspath(__file__))) as archive:
                archive.extractall(version)
            compileall.compile_dir(os.path.join(version, "lib"), quiet=2, stripdir=version, prependdir=final)
            os.rename(version, final)
    except OSError as error:
        if not os.path.isdir(final):  # otherwise another process was faster
            sys.exit(f"sesh: cannot unpack to {{versions}}: {{error.strerror}}")
os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", os.path.join(final, "start.py"), *sys.argv[1:]])
'''


@dataclass(frozen=True)
class Bundle:
    name: str  # the name of its directory on a host, VERSION-HASH
    archive: bytes


@functools.cache
def build() -> Bundle:
    """Build the bundle once. Raises Refused if a package's files cannot be found."""
    return packed(files())


def files() -> dict[str, bytes]:
    """Read the files of this version, by path. Raises Refused."""
    found, names = about.files(), [DISTRIBUTION]
    for name in names:  # the loop reaches what it appends
        try:
            package = Distribution.from_name(name)
        except PackageNotFoundError:
            continue  # another system or Python needs it
        if name == DISTRIBUTION:  # `about` has its files, and a deployed sesh reads here what it requires
            lines = "".join(f"Requires-Dist: {line}\n" for line in package.requires or ())
            found[f"{name.replace('-', '_')}.dist-info/METADATA"] = f"Name: {name}\n{lines}".encode()
        else:
            found |= _read(name, package)
        # Markers are left aside, as the host's Python may be another one; an extra is wanted by nobody.
        required = [re.split(r"[^\w.-]", line)[0].lower() for line in package.requires or () if "extra ==" not in line]
        names += [each for each in required if each not in (*names, *_LEFT_OUT)]
    return {f"lib/{path}": data for path, data in found.items()}


def packed(contents: dict[str, bytes]) -> Bundle:
    """Pack the files of a version, and name it by their hash."""
    whole, digest = io.BytesIO(), hashlib.sha256()  # not of the archive, whose form differs between machines
    with zipfile.ZipFile(whole, "w") as archive:

        def add(path: str, data: bytes) -> None:
            member = zipfile.ZipInfo(path, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)

        for path, data in sorted({**contents, START: _START}.items()):
            digest.update(f"{hashlib.sha256(data).hexdigest()} {path}\n".encode())
            add(path, data)
        name = f"{__version__}-{digest.hexdigest()[:12]}"
        add("__main__.py", _MAIN.format(name=name).encode())
    return Bundle(name, whole.getvalue())


def _read(name: str, package: Distribution) -> dict[str, bytes]:
    """Read the modules, the metadata and the licences of a package, by path."""
    if package.files is None:
        raise Refused(f"{name} is installed here without a file list; install sesh with pip, as `make install` does")
    chosen = [path for path in package.files if path.suffix == ".py" or path.name.startswith(("METADATA", "LICENSE"))]
    found = {path.as_posix(): path.read_binary() for path in chosen}
    # The list of files, from which a deployed sesh makes the bundle for another host.
    record = next(f"{path.parent}/RECORD" for path in chosen if path.name == "METADATA")
    return {**found, record: "".join(f"{path}\n" for path in sorted(found)).encode()}
