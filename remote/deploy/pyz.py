"""`make pyz` builds sesh.pyz, one file that runs without an installation: `python3 sesh.pyz work`.

It is the archive of a deploy with a `__main__`. Daemons need files, so sesh.pyz unpacks itself once, as a deploy would,
and runs from the unpacked files.
"""

from __future__ import annotations

import io
import os
import sys
import zipfile

from sesh.remote.deploy import bundle

_MAIN = '''\
"""Unpack this sesh, the first time, and run it."""

import compileall, os, sys, tempfile, zipfile

if sys.version_info < (3, 10):
    sys.exit("sesh needs Python 3.10 or newer")
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


def build() -> bytes:
    built = bundle.build()
    whole = io.BytesIO(built.archive)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", bundle.EPOCH), _MAIN.format(name=built.name))
    return whole.getvalue()


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(build())
    print(f"made: {os.path.abspath(sys.argv[1])}")
