"""The desktop's tools of this machine: its clipboard by programs, and its browser.

Sources: xclip(1), xsel(1), wl-clipboard's pages, pbcopy(1), AppleScript's `clipboard info` and `the clipboard as`,
System.Windows.Forms.Clipboard, Termux:API.

Each call blocks for a bounded time, so a client makes it in a thread of `sesh.system.workers`. No program gets a shell,
a terminal or a descriptor of sesh's: xclip and wl-copy live on, and would hold a pipe open.
"""

from __future__ import annotations

import binascii
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import quote

from sesh.desktop import pictures
from sesh.desktop.targets import FILES, PICTURES, PNG, TEXT
from sesh.errors import Refused
from sesh.system import descriptors, platforms, programs
from sesh.system.workers import Stop
from sesh.wire.pieces import MAX_BYTES

LIST_TIME, READ_TIME, WRITE_TIME = 2.5, 25.0, 10.0  # seconds for a tool
OPEN_TIME = 1.5  # seconds in which a browser's starter fails, if it fails
_OTHER_TYPES = ("text/html", FILES)
_TEXT_NAMES = frozenset(("utf8_string", "string", "text", "text/plain", "compound_text"))
_NO_DESKTOP = (b"display", b"wayland server", b"compositor")  # in what a tool says that cannot reach its desktop
_READ = 64 << 10
_MAX_ERROR = 4 << 10
_PLAIN_OF_SCRIPTS = ":/?#[]@!*+,=-._~%&"  # characters of an address that mean nothing within quotes in PowerShell


class NoTool(Refused):
    """This machine has no tool for a wish, or its desktop cannot be reached."""


class TooLarge(Refused):
    """The clipboard has more than `MAX_BYTES`."""


@dataclass(frozen=True)
class Command:
    """The words of a tool. `decode`: makes the content of its output; `encode`: its input of the content."""

    words: tuple[str, ...]
    decode: Callable[[bytes], bytes] = bytes
    encode: Callable[[bytes], bytes] = bytes
    variables: Mapping[str, str] = field(default_factory=dict)
    by_file: bool = False  # the content to write is in a file, whose path is the last word


@dataclass(frozen=True)
class Clipboard:
    """The programs of one clipboard. `list`: None where it has only text; `types`: makes the types of its output.

    `pictures`: the types that it reads. `guesses`: it may answer a request for a type with another one.
    """

    name: str
    list: Optional[Command]
    types: Callable[[bytes], Iterable[str]]
    read: Callable[[str], Optional[Command]]
    write: Callable[[str], Optional[Command]]
    pictures: tuple[str, ...] = PICTURES
    guesses: bool = False


@dataclass(frozen=True)
class Browser:
    """The program that opens a page; the address is its last word. `quotes`: it puts the address into a script."""

    words: tuple[str, ...]
    quotes: bool = False


# -- which are there


def clipboard(environment: Mapping[str, str], *, macos: bool = not platforms.LINUX) -> Clipboard | None:
    """Return the clipboard of an environment's desktop; None without tools for it."""
    if _is_elsewhere(environment):
        return None
    if _is_wsl(environment) and programs.find("powershell.exe"):
        return _WINDOWS
    xclip = _XCLIP if environment.get("DISPLAY") and programs.find("xclip") else None
    if environment.get("WAYLAND_DISPLAY") and programs.find("wl-copy") and programs.find("wl-paste"):
        return xclip if xclip is not None and _is_gnome(environment) else _WAYLAND
    if xclip is not None:
        return xclip
    if environment.get("DISPLAY") and programs.find("xsel"):
        return _XSEL
    if macos and programs.find("pbcopy") and programs.find("pbpaste"):
        return _MACOS
    if programs.find("termux-clipboard-get") and programs.find("termux-clipboard-set"):
        return _TERMUX
    return None


def browser(environment: Mapping[str, str], *, macos: bool = not platforms.LINUX) -> Browser | None:
    """Return the browser of an environment's desktop; None without one: a text browser would take the terminal."""
    if _is_elsewhere(environment):
        return None
    if _is_wsl(environment) and programs.find("rundll32.exe"):
        return Browser(("rundll32.exe", "url.dll,FileProtocolHandler"))
    if _is_wsl(environment) and programs.find("wslview"):
        return Browser(("wslview",), quotes=True)
    if macos and programs.find("open"):
        return Browser(("open",))
    if programs.find("termux-open-url"):
        return Browser(("termux-open-url",))
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        if programs.find("xdg-open"):
            return Browser(("xdg-open",))
        return Browser((sys.executable, "-I", "-m", "webbrowser"))
    return None


def missing(environment: Mapping[str, str], *, macos: bool = not platforms.LINUX) -> str:
    """Return what to do where there is no clipboard."""
    if _is_elsewhere(environment):
        return f"it is reached by plain ssh; attach where you sit: sesh @{os.uname().nodename}"
    if environment.get("WAYLAND_DISPLAY") and not (environment.get("DISPLAY") and _is_gnome(environment)):
        return "install wl-clipboard"
    if environment.get("DISPLAY"):
        return "install xclip"
    return "pbcopy and pbpaste are not in PATH" if macos else "there is no display"


def _is_gnome(environment: Mapping[str, str]) -> bool:
    """Return whether the compositor is GNOME's, which gives the clipboard only to the window that has the focus.

    There, each call of wl-clipboard takes the focus from the person's terminal, with the keys of that moment. xclip
    takes none: GNOME passes all of X11's clipboard on.
    """
    return "GNOME" in environment.get("XDG_CURRENT_DESKTOP", "").split(":")


def _is_elsewhere(environment: Mapping[str, str]) -> bool:
    """Return whether the person sits at another machine, whose display is not this one's either."""
    return bool(environment.get("SSH_CONNECTION")) and not platforms.brings_display(environment)


def _is_wsl(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("WSL_DISTRO_NAME") or environment.get("WSL_INTEROP"))


# -- what they do


def list_types(clip: Clipboard, stop: Stop) -> list[str]:
    """Return the MIME types that can be read of what the clipboard has. Raises NoTool."""
    if clip.list is None:
        return [TEXT] if read(clip, TEXT, stop) else []
    return _readable(_listed(clip, stop))


def _listed(clip: Clipboard, stop: Stop) -> list[str]:
    """Return the MIME types that the clipboard has."""
    assert clip.list is not None  # noqa: S101 (the callers look)
    return list(dict.fromkeys(map(_mime, clip.types(_output(clip.list, LIST_TIME, stop)))))


def _readable(listed: list[str]) -> list[str]:
    """Return the types that programs get: their own, and PNG of a picture of another type."""
    types = [mime for mime in listed if mime in PICTURES or mime in _OTHER_TYPES or mime == TEXT]
    return types + [PNG] * (not any(mime in PICTURES for mime in types) and _source(listed) != "")


def _source(listed: list[str]) -> str:
    """Return the type of a picture that can be made into PNG; empty without one."""
    if pictures.BMP in listed:
        return pictures.BMP
    others = [mime for mime in listed if mime.startswith("image/")]
    return others[0] if others and _converter() else ""


def _converter() -> tuple[str, ...]:
    """Return the words of a tool that makes a picture on stdin into PNG on stdout."""
    return ("magick", "-", "png:-") if programs.find("magick") else ()


def read(clip: Clipboard, mime: str, stop: Stop) -> bytes:
    """Return what the clipboard has of a type; empty if it has none of it. Raises NoTool, TooLarge."""
    wanted = mime
    if clip.list is not None and (clip.guesses or mime != TEXT):
        listed = _listed(clip, stop)
        if mime not in listed:
            wanted = _source(listed) if mime in _readable(listed) else ""
    command = clip.read(wanted) if wanted else None
    if command is None:
        return b""
    data = command.decode(_output(command, READ_TIME, stop))
    if len(data) > MAX_BYTES and wanted == mime:
        raise TooLarge(f"the clipboard has more than {MAX_BYTES >> 20} MiB")
    if mime == TEXT:
        return _utf8(data)
    return data if wanted == mime or not data else _as_png(wanted, data, stop)


def _as_png(mime: str, data: bytes, stop: Stop) -> bytes:
    made = pictures.png_of_bmp(data) if mime == pictures.BMP else b""
    if not made and (words := _converter()):
        made = _output(Command(words), READ_TIME, stop, data)
    return made


def _utf8(data: bytes) -> bytes:
    """Return text as UTF-8: a program of old may have offered Latin-1 alone."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()
    return data


def write(clip: Clipboard, mime: str, data: bytes) -> None:
    """Put data on the clipboard; the tool lives on where it holds it. Raises NoTool."""
    command = clip.write(mime)
    if command is None:
        raise NoTool(f"{clip.name} takes no {mime}")
    if command.by_file:
        with tempfile.NamedTemporaryFile(prefix="sesh-") as file:
            file.write(data)
            file.flush()
            _put((*command.words, file.name), command, b"")
    else:
        _put(command.words, command, command.encode(data))


def open_page(how: Browser, address: str) -> None:
    """Open an address that begins with http. Raises NoTool if the browser's starter fails at once."""
    if not address.startswith(("http://", "https://")):
        raise Refused("only pages of http and https are opened")
    if how.quotes:
        address = quote(address, safe=_PLAIN_OF_SCRIPTS)
    try:
        process = _start((*how.words, address), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise NoTool(f"cannot run {how.words[0]}: {error.strerror}") from error
    try:
        code = process.wait(OPEN_TIME)
    except subprocess.TimeoutExpired:  # some starters stay as long as the browser
        threading.Thread(target=process.wait, daemon=True).start()
        return
    if code:
        raise NoTool(f"{os.path.basename(how.words[0])} cannot open a page here: exit code {code}")


def _put(words: Sequence[str], command: Command, data: bytes) -> None:
    with tempfile.TemporaryFile() as errors:
        try:
            process = _start(
                words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, variables=command.variables
            )
        except OSError as error:
            raise NoTool(f"cannot run {words[0]}: {error.strerror}") from error
        try:
            process.communicate(data, WRITE_TIME)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise NoTool(f"{words[0]} does not end") from None
        if process.returncode:
            raise NoTool(_reason(words[0], _said(errors.fileno())))


def _output(command: Command, seconds: float, stop: Stop, data: bytes = b"") -> bytes:
    """Return the output of a reader; empty if it fails otherwise than for want of a desktop. `data`: its input."""
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        try:
            process = _start(
                command.words,
                stdin=given.fileno() if data else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                variables=command.variables,
            )
        except OSError as error:
            raise NoTool(f"cannot run {command.words[0]}: {error.strerror}") from error
        content = bytearray()
        deadline = time.monotonic() + seconds
        try:
            assert process.stdout is not None  # noqa: S101 (stdout is a pipe)
            outbound = process.stdout.fileno()
            with stop.calling(process.kill):
                while descriptors.polled([(outbound, select.POLLIN)], deadline):
                    block = os.read(outbound, _READ)
                    content += block
                    if not block or len(content) > 2 * MAX_BYTES + _READ:  # some tools print hexadecimal digits
                        break
                else:
                    raise NoTool(f"{command.words[0]} does not answer")
            if len(content) > 2 * MAX_BYTES:
                raise TooLarge(f"the clipboard has more than {MAX_BYTES >> 20} MiB")
            code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise NoTool(f"{command.words[0]} does not end") from None
        finally:
            _kill(process)
        if code:
            said = _said(errors.fileno())
            if any(word in said.lower() for word in _NO_DESKTOP):
                raise NoTool(_reason(command.words[0], said))
            return b""
        return bytes(content)


def _start(
    words: Sequence[str], *, stdin: int, stdout: int, stderr: object = None, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a tool in a session of its own: a Ctrl-C, or the terminal's end, is not its own."""
    return programs.start(
        words,
        env={**programs.environment(), **(variables or {})},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr or subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a tool that has not ended, with what it has started."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _said(descriptor: int) -> bytes:
    return os.pread(descriptor, _MAX_ERROR, 0)


def _reason(name: str, said: bytes) -> str:
    first = said.strip().splitlines()[:1]
    return f"{name}: {first[0].decode(errors='replace') if first else 'failed'}"


# -- types


def _mime(name: str) -> str:
    """Return the MIME type of what a tool lists."""
    base = name.strip().partition(";")[0].lower()
    return TEXT if base in _TEXT_NAMES else base


def _lines(output: bytes) -> list[str]:
    return output.decode(errors="replace").splitlines()


# -- X11 and Wayland


def _xclip(mime: str, *, writes: bool) -> Command | None:
    words = ("xclip", "-selection", "clipboard")
    if mime == TEXT:
        return Command((*words, "-i") if writes else (*words, "-o", "-t", "UTF8_STRING"))
    return Command((*words, "-t", mime, "-i" if writes else "-o"))


_XCLIP = Clipboard(
    "xclip",
    Command(("xclip", "-selection", "clipboard", "-o", "-t", "TARGETS")),
    _lines,
    lambda mime: _xclip(mime, writes=False),
    lambda mime: _xclip(mime, writes=True),
    guesses=True,
)
_XSEL = Clipboard(
    "xsel",
    None,
    _lines,
    lambda mime: Command(("xsel", "--clipboard", "--output")) if mime == TEXT else None,
    lambda mime: Command(("xsel", "--clipboard", "--input")) if mime == TEXT else None,
    (),
)
_WAYLAND = Clipboard(
    "wl-clipboard",
    Command(("wl-paste", "--list-types")),
    _lines,
    lambda mime: Command(("wl-paste", "--no-newline", "--type", "text" if mime == TEXT else mime)),
    lambda mime: Command(("wl-copy", "--type", mime)),
)

# -- macOS

_UTF8 = {"LC_ALL": "en_US.UTF-8"}  # else pbcopy and pbpaste take text for the bytes of another character set
_APPLE_TEXT, _APPLE_PICTURES = ("utf8", "string", "Unicode text"), ("PNGf", "TIFF", "JPEG", "GIF", "8BPS")


def _apple_types(output: bytes) -> list[str]:
    """Return the types of AppleScript's `clipboard info`: every picture comes as PNG."""
    text = output.decode(errors="replace")
    found = [PNG] * any(name in text for name in _APPLE_PICTURES)
    return found + [FILES] * ("furl" in text) + [TEXT] * any(name in text for name in _APPLE_TEXT)


def _apple_data(output: bytes) -> bytes:
    """Return the bytes of `«data PNGf8950…»`; empty for any other output."""
    _, found, digits = output.partition(b"data PNGf")
    with suppress(binascii.Error):
        return binascii.a2b_hex(digits.strip().rstrip("»".encode()).strip()) if found else b""
    return b""


def _apple_files(output: bytes) -> bytes:
    """Return the address of the path that AppleScript prints."""
    path = output.removesuffix(b"\n")
    return b"file://" + quote(path).encode() if path else b""


def _apple_read(mime: str) -> Command | None:
    if mime == TEXT:
        return Command(("pbpaste",), variables=_UTF8)
    if mime == FILES:
        return Command(("osascript", "-e", "POSIX path of (the clipboard as «class furl»)"), _apple_files)
    return Command(("osascript", "-e", "the clipboard as «class PNGf»"), _apple_data) if mime == PNG else None


def _apple_write(mime: str) -> Command | None:
    if mime == TEXT:
        return Command(("pbcopy",), variables=_UTF8)
    script = (
        "on run argv",
        "set the clipboard to (read (POSIX file (item 1 of argv)) as «class PNGf»)",
        "end run",
    )
    words = ("osascript", *(word for line in script for word in ("-e", line)))
    return Command(words, by_file=True) if mime == PNG else None


_MACOS = Clipboard(
    "pbcopy", Command(("osascript", "-e", "clipboard info")), _apple_types, _apple_read, _apple_write, (PNG,)
)

# -- Windows, from WSL

_FORMS = "Add-Type -AssemblyName System.Windows.Forms,System.Drawing;$c=[System.Windows.Forms.Clipboard];"
_STDIN = "$m=New-Object IO.MemoryStream;[Console]::OpenStandardInput().CopyTo($m);"
_WINDOWS_LIST = "if($c::ContainsImage()){'image/png'};if($c::ContainsText()){'text/plain'}"
_WINDOWS_TEXT = "[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($c::GetText()))"
_WINDOWS_PICTURE = (
    "$i=$c::GetImage();if($i){$m=New-Object IO.MemoryStream;"
    "$i.Save($m,[Drawing.Imaging.ImageFormat]::Png);[Convert]::ToBase64String($m.ToArray())}"
)
_WINDOWS_SET_TEXT = "$t=[Text.Encoding]::UTF8.GetString($m.ToArray());if($t){$c::SetText($t)}else{$c::Clear()}"
_WINDOWS_SET_PICTURE = "$c::SetImage([Drawing.Image]::FromStream($m))"


def _powershell(script: str, decode: Callable[[bytes], bytes] = bytes) -> Command:
    return Command(("powershell.exe", "-NoProfile", "-NonInteractive", "-Sta", "-Command", _FORMS + script), decode)


def _base64(output: bytes) -> bytes:
    with suppress(binascii.Error):
        return binascii.a2b_base64(output)
    return b""


def _windows_text(output: bytes) -> bytes:
    return _base64(output).replace(b"\r\n", b"\n")


def _windows_read(mime: str) -> Command | None:
    if mime == TEXT:
        return _powershell(_WINDOWS_TEXT, _windows_text)
    return _powershell(_WINDOWS_PICTURE, _base64) if mime == PNG else None


def _windows_write(mime: str) -> Command | None:
    if mime == TEXT:
        return _powershell(_STDIN + _WINDOWS_SET_TEXT)
    return _powershell(_STDIN + _WINDOWS_SET_PICTURE) if mime == PNG else None


_WINDOWS = Clipboard("powershell.exe", _powershell(_WINDOWS_LIST), _lines, _windows_read, _windows_write, (PNG,))

# -- Android

_TERMUX = Clipboard(
    "Termux:API",
    None,
    _lines,
    lambda mime: Command(("termux-clipboard-get",)) if mime == TEXT else None,
    lambda mime: Command(("termux-clipboard-set",)) if mime == TEXT else None,
    (),
)
