"""The desktop's tools: which are chosen, and how they are called. Each is a stand-in that tells its words."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sesh.desktop import dropped, tools
from sesh.desktop.targets import FILES, PNG, TEXT
from sesh.desktop.tools import NoTool
from sesh.errors import Refused
from sesh.system import platforms
from sesh.system.workers import Stop

_STAND_IN = """#!{python} -IS
import json, os, sys
name = os.path.basename(sys.argv[0])
read = sys.stdin.buffer.read() if {reads!r} else b""
files = {{word: open(word, "rb").read().hex() for word in sys.argv[1:] if "/sesh-" in word}}
with open({log!r}, "a") as log:
    told = dict(words=[name, *sys.argv[1:]], stdin=read.hex(), files=files, tty=os.isatty(1))
    log.write(json.dumps(told) + "\\n")
out, err, code = {answers!r}.get(" ".join(sys.argv[1:]), {answers!r}.get("", ("", "", 0)))
sys.stdout.buffer.write(bytes.fromhex(out))
sys.stderr.write(err)
sys.exit(code)
"""

Make = Callable[..., None]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def make(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes a stand-in; only they are in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def made(name: str, answers: dict[str, tuple[bytes, str, int]] | None = None, *, reads: bool = False) -> None:
        answered = {words: (out.hex(), err, code) for words, (out, err, code) in (answers or {}).items()}
        text = _STAND_IN.format(python=sys.executable, reads=reads, log=str(log), answers=answered)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    return made


def calls(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def words(log: Path) -> list[str]:
    return [" ".join(map(str, call["words"])) for call in calls(log) if isinstance(call["words"], list)]


def found(environment: dict[str, str], *, macos: bool = False) -> tools.Clipboard:
    clip = tools.clipboard(environment, macos=macos)
    assert clip is not None
    return clip


X11, WAYLAND, WSL = {"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, {"WSL_DISTRO_NAME": "Debian"}
GNOME = {**WAYLAND, "XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}


def test_the_tools_are_those_of_the_desktop_that_is_there(make: Make) -> None:
    for name in ("xclip", "xsel", "wl-copy", "wl-paste", "powershell.exe", "pbcopy", "pbpaste", "osascript"):
        make(name)
    assert found(X11).name == "xclip"
    assert found(WAYLAND).name == "wl-clipboard"
    assert found(GNOME).name == "xclip", "there wl-clipboard takes the focus from the terminal"
    assert found({**GNOME, "DISPLAY": ""}).name == "wl-clipboard"
    assert found({**WAYLAND, **WSL}).name == "powershell.exe"
    assert found({}, macos=True).name == "pbcopy"
    assert tools.clipboard({}, macos=False) is None, "without a display they do nothing"


def test_a_tool_that_is_missing_is_replaced_or_named(make: Make) -> None:
    assert tools.clipboard(X11, macos=False) is None
    assert tools.missing(X11, macos=False) == "install xclip"
    assert tools.missing(WAYLAND, macos=False) == "install wl-clipboard"
    assert tools.missing(GNOME, macos=False) == "install xclip"
    make("xsel")
    assert found(X11).name == "xsel"
    assert found(WAYLAND).name == "xsel", "an X11 tool serves where only it is installed"


@pytest.mark.parametrize("environment", [{}, {"WSL_DISTRO_NAME": "Debian"}, {"TERMUX_VERSION": "1"}])
@pytest.mark.parametrize("macos", [True, False])
def test_a_person_who_came_by_plain_ssh_does_not_sit_here(
    environment: dict[str, str], macos: bool, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("powershell.exe", "rundll32.exe", "pbcopy", "pbpaste", "open", "xdg-open", "xclip"):
        make(name)
    for name in ("termux-clipboard-get", "termux-clipboard-set", "termux-open-url"):
        make(name)
    monkeypatch.setattr(platforms, "LINUX", not macos)
    by_ssh = {**environment, "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}
    assert tools.clipboard(by_ssh, macos=macos) is None
    assert tools.browser(by_ssh, macos=macos) is None
    assert not platforms.opens_pages(by_ssh)
    assert tools.missing(by_ssh, macos=macos).endswith(f"attach where you sit: sesh @{os.uname().nodename}")
    forwarded = {**by_ssh, "DISPLAY": "localhost:10.0"}
    assert platforms.opens_pages(forwarded)
    assert tools.browser(forwarded, macos=macos) is not None


def test_xclip_is_asked_for_its_types_before_it_is_read(make: Make, log: Path) -> None:
    """As owner it answers a request for a picture with its text."""
    make("xclip", {"-selection clipboard -o -t TARGETS": (b"TARGETS\nUTF8_STRING\n", "", 0), "": (b"text", "", 0)})
    clip = found(X11)
    assert tools.list_types(clip, Stop()) == [TEXT]
    assert tools.read(clip, PNG, Stop()) == b""
    assert tools.read(clip, TEXT, Stop()) == b"text"
    assert words(log)[-1] == "xclip -selection clipboard -o -t UTF8_STRING"


def test_types_are_listed_under_the_names_that_programs_know(make: Make) -> None:
    listed = b"TIMESTAMP\nTARGETS\nMULTIPLE\nimage/png\nimage/tiff\ntext/plain;charset=utf-8\nUTF8_STRING\ntext/html\n"
    make("wl-copy")
    make("wl-paste", {"--list-types": (listed, "", 0)})
    assert tools.list_types(found(WAYLAND), Stop()) == [PNG, TEXT, "text/html"]


def test_an_empty_clipboard_is_no_error_and_a_display_that_is_gone_is_one(make: Make) -> None:
    make("xclip", {"": (b"", "Error: target TARGETS not available\n", 1)})
    assert tools.list_types(found(X11), Stop()) == []
    assert tools.read(found(X11), TEXT, Stop()) == b""
    make("xclip", {"": (b"", "Error: Can't open display: :0\n", 1)})
    with pytest.raises(NoTool, match="Can't open display"):
        tools.list_types(found(X11), Stop())


def test_wl_paste_adds_no_line_end(make: Make, log: Path) -> None:
    make("wl-copy")
    make("wl-paste", {"--no-newline --type text": (b"text", "", 0)})
    assert tools.read(found(WAYLAND), TEXT, Stop()) == b"text"
    assert words(log) == ["wl-paste --no-newline --type text"]


def test_a_writer_gets_the_bytes_and_no_terminal(make: Make, log: Path) -> None:
    make("xclip", reads=True)
    tools.write(found(X11), TEXT, "größe\n".encode())
    tools.write(found(X11), PNG, b"\x89PNG\0")
    assert words(log) == ["xclip -selection clipboard -i", "xclip -selection clipboard -t image/png -i"]
    assert [bytes.fromhex(str(call["stdin"])) for call in calls(log)] == ["größe\n".encode(), b"\x89PNG\0"]


def test_a_writer_that_fails_says_why(make: Make) -> None:
    make("wl-paste")
    make("wl-copy", {"": (b"", "Failed to connect to a Wayland server\n", 1)}, reads=True)
    with pytest.raises(NoTool, match="Failed to connect to a Wayland server"):
        tools.write(found(WAYLAND), TEXT, b"text")


def test_a_picture_of_macos_is_read_as_hexadecimal_digits_and_written_by_a_file(make: Make, log: Path) -> None:
    for name in ("pbcopy", "pbpaste"):
        make(name, reads=name == "pbcopy")
    make(
        "osascript",
        {
            "-e clipboard info": ("«class PNGf», 5, TIFF picture, 90, «class utf8», 4".encode(), "", 0),
            "-e the clipboard as «class PNGf»": ("«data PNGf89504E47»\n".encode(), "", 0),
        },
    )
    clip = found({}, macos=True)
    assert tools.list_types(clip, Stop()) == [PNG, TEXT]
    assert tools.read(clip, PNG, Stop()) == b"\x89PNG"
    tools.write(clip, PNG, b"\x89PNG")
    files = calls(log)[-1]["files"]
    assert isinstance(files, dict)
    assert [bytes.fromhex(data) for data in files.values()] == [b"\x89PNG"]
    assert not Path(next(iter(files))).exists()
    tools.write(clip, TEXT, b"text")
    assert words(log)[-1] == "pbcopy"


def test_the_address_of_a_file_that_was_copied_on_macos_is_that_of_any_desktop(make: Make) -> None:
    for name in ("pbcopy", "pbpaste"):
        make(name)
    path = "/Users/me/Desktop/Screenshot 2026-11-30 at 10.30.12\u202fAM.png"
    make(
        "osascript",
        {
            "-e clipboard info": ("«class furl», 90, «class utf8», 40, «class PNGf», 900".encode(), "", 0),
            "-e POSIX path of (the clipboard as «class furl»)": (f"{path}\n".encode(), "", 0),
        },
    )
    clip = found({}, macos=True)
    assert tools.list_types(clip, Stop()) == [PNG, FILES, TEXT]
    assert [path] in dropped.readings(tools.read(clip, FILES, Stop()))


def test_windows_gets_text_and_pictures_on_stdin_and_gives_them_as_base64(make: Make, log: Path) -> None:
    make("powershell.exe", {"": (b"YQ0KYg==\r\n", "", 0)}, reads=True)
    clip = found(WSL)
    assert tools.read(clip, TEXT, Stop()) == b"a\nb"
    tools.write(clip, TEXT, b"'; calc; '")
    assert calls(log)[-1]["stdin"] == b"'; calc; '".hex()
    assert not any("calc" in word for word in words(log))


def test_termux_has_text_alone(make: Make, log: Path) -> None:
    make("termux-clipboard-get", {"": (b"text", "", 0)})
    make("termux-clipboard-set", reads=True)
    clip = found({})
    assert tools.list_types(clip, Stop()) == [TEXT]
    assert tools.read(clip, PNG, Stop()) == b""
    with pytest.raises(NoTool):
        tools.write(clip, PNG, b"\x89PNG")


def test_a_bmp_becomes_png_and_another_type_is_left_out_without_a_tool(make: Make, tmp_path: Path) -> None:
    make("wl-copy")
    bmp = bytes.fromhex("424d3a0000000000000036000000280000000100000001000000010018000000000004000000" + "00" * 16)
    make(
        "wl-paste",
        {"--list-types": (b"image/bmp\n", "", 0), "--no-newline --type image/bmp": (bmp + b"\1\2\3\0", "", 0)},
    )
    assert tools.list_types(found(WAYLAND), Stop()) == [PNG]
    assert tools.read(found(WAYLAND), PNG, Stop()).startswith(b"\x89PNG")
    make("wl-paste", {"--list-types": (b"image/tiff\n", "", 0), "--no-newline --type image/tiff": (b"tiff", "", 0)})
    assert tools.list_types(found(WAYLAND), Stop()) == []
    make("magick", {"- png:-": (b"\x89PNG of it", "", 0)}, reads=True)
    assert tools.list_types(found(WAYLAND), Stop()) == [PNG]
    assert tools.read(found(WAYLAND), PNG, Stop()) == b"\x89PNG of it"


def test_more_than_20_mib_are_not_read(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("xclip", {"-selection clipboard -o -t TARGETS": (b"UTF8_STRING\n", "", 0), "": (b"text" * 10, "", 0)})
    monkeypatch.setattr(tools, "MAX_BYTES", 30)
    with pytest.raises(tools.TooLarge):
        tools.read(found(X11), TEXT, Stop())


def test_latin_1_becomes_utf_8(make: Make) -> None:
    make("xclip", {"-selection clipboard -o -t TARGETS": (b"STRING\n", "", 0), "": (b"gr\xf6\xdfe", "", 0)})
    assert tools.read(found(X11), TEXT, Stop()) == "größe".encode()


@pytest.mark.parametrize(
    ("name", "environment", "macos"),
    [("xdg-open", X11, False), ("open", {}, True), ("termux-open-url", {}, False)],
)
def test_a_page_is_opened_by_one_word(
    name: str, environment: dict[str, str], macos: bool, make: Make, log: Path
) -> None:
    make(name)
    browser = tools.browser(environment, macos=macos)
    assert browser is not None
    tools.open_page(browser, "https://example.org/?a=$(b)&c='d'")
    assert calls(log)[0]["words"] == [name, "https://example.org/?a=$(b)&c='d'"]


def test_windows_opens_a_page_without_a_script_that_reads_it(make: Make, log: Path) -> None:
    make("wslview")
    browser = tools.browser(WSL, macos=False)
    assert browser is not None
    tools.open_page(browser, "https://example.org/?a=$(calc)&c='d'`;%41")
    assert words(log) == ["wslview https://example.org/?a=%24%28calc%29&c=%27d%27%60%3B%41"]
    make("rundll32.exe")
    browser = tools.browser(WSL, macos=False)
    assert browser is not None
    tools.open_page(browser, "https://example.org/")
    assert words(log)[-1] == "rundll32.exe url.dll,FileProtocolHandler https://example.org/"


def test_no_browser_is_started_without_a_display(make: Make) -> None:
    """It would be a text browser, which takes the terminal."""
    make("xdg-open")
    assert tools.browser({}, macos=False) is None


def test_a_browser_that_fails_at_once_is_an_error_and_no_other_address_is_opened(make: Make, log: Path) -> None:
    make("xdg-open", {"": (b"", "", 3)})
    browser = tools.browser(X11, macos=False)
    assert browser is not None
    with pytest.raises(NoTool, match="exit code 3"):
        tools.open_page(browser, "https://example.org/")
    for address in ("--help", "file:///etc/passwd", "javascript:1"):
        with pytest.raises(Refused):
            tools.open_page(browser, address)
    assert len(calls(log)) == 1
