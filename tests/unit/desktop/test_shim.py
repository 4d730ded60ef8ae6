"""A shim understands what programs call, and answers as the real tools do."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.desktop import shim, targets
from sesh.desktop.install import BROWSERS, NAMES
from sesh.desktop.shim import Act, Answer, Call

LIST, READ, WRITE, OPEN = Act
TEXT, PNG = "text/plain", "image/png"
PNG_DATA = b"\x89PNG\r\n\x1a\n\n"
URL = "https://auth.example.org/?a=b&c=d"

CALLS = {
    # Claude Code, of several versions: pictures, text, primary
    "xclip -selection clipboard -o -t TARGETS": (LIST, "", False),
    "xclip -selection clipboard -t TARGETS -o": (LIST, "", False),
    "xclip -selection clipboard -o -t image/png": (READ, PNG, False),
    "xclip -selection clipboard -t image/bmp -o": (READ, "image/bmp", False),
    "wl-paste --list-types": (LIST, "", False),
    "wl-paste -l": (LIST, "", False),
    "wl-paste --type image/png": (READ, PNG, False),
    "wl-paste --no-newline": (READ, TEXT, False),
    "wl-paste --no-newline --primary": (READ, TEXT, True),
    "xclip -selection clipboard -o": (READ, TEXT, False),
    "xclip -selection primary -o": (READ, TEXT, True),
    "xsel --clipboard --output": (READ, TEXT, False),
    "xsel --primary --output": (READ, TEXT, True),
    "wl-copy": (WRITE, TEXT, False),
    "wl-copy --primary": (WRITE, TEXT, True),
    "xclip -selection clipboard": (WRITE, TEXT, False),
    "xclip -selection primary": (WRITE, TEXT, True),
    "xsel --clipboard --input": (WRITE, TEXT, False),
    "xsel --primary --input": (WRITE, TEXT, True),
    "xclip -selection clipboard -t image/png -i shot.png": (WRITE, PNG, False),
    # Gemini CLI, OpenCode
    "wl-paste --no-newline --type image/png": (READ, PNG, False),
    "wl-paste --type text/plain --no-newline": (READ, TEXT, False),
    "wl-paste -t image/png": (READ, PNG, False),
    "xclip -selection clipboard -t image/png -o": (READ, PNG, False),
    # Pillow, pyperclip
    "wl-paste -t image": (READ, PNG, False),
    "wl-paste -n -t text": (READ, TEXT, False),
    "xclip -selection c -o": (READ, TEXT, False),
    "xclip -selection c": (WRITE, TEXT, False),
    "xsel -b -o": (READ, TEXT, False),
    "xsel -b -i": (WRITE, TEXT, False),
    # neovim, helix, micro, Go programs
    "xclip -o -selection clipboard": (READ, TEXT, False),
    "xsel -o -b": (READ, TEXT, False),
    "lemonade paste": (READ, TEXT, False),
    "lemonade copy": (WRITE, TEXT, False),
    "wl-copy --foreground --type text/plain": (WRITE, TEXT, False),
    "wl-copy --type text/plain": (WRITE, TEXT, False),
    "xclip -quiet -i -selection clipboard": (WRITE, TEXT, False),
    "xsel --nodetach -i -b": (WRITE, TEXT, False),
    "xclip -out -selection clipboard": (READ, TEXT, False),
    "xsel --output --clipboard": (READ, TEXT, False),
    # dotfiles
    "xclip -in -selection clipboard": (WRITE, TEXT, False),
    "xclip -selection clipboard -i": (WRITE, TEXT, False),
    "xclip -sel clip": (WRITE, TEXT, False),
    "xclip -se c -rmlastnl": (WRITE, TEXT, False),
    "xclip -r -o": (READ, TEXT, True),
    "xclip -l 1 -silent -sel c": (WRITE, TEXT, False),
    "xclip": (WRITE, TEXT, True),
    "xclip -o": (READ, TEXT, True),
    "xsel -ib": (WRITE, TEXT, False),
    "xsel -ob": (READ, TEXT, False),
    "xsel -bc": (WRITE, TEXT, False),
    "xsel -b -t 500 -o": (READ, TEXT, False),
    "xsel -b": (WRITE, TEXT, False),
    "wl-copy -n -o": (WRITE, TEXT, False),
    "wl-copy --sensitive": (WRITE, TEXT, False),
    "wl-copy -c": (WRITE, TEXT, False),
    "wl-copy some text": (WRITE, TEXT, False),
    "wl-paste -nt image/png": (READ, PNG, False),
    "wl-paste --list": (LIST, "", False),
    "pbcopy": (WRITE, TEXT, False),
    "pbpaste": (READ, TEXT, False),
    "pbpaste -Prefer txt -pboard general": (READ, TEXT, False),
}
NOT_OURS = (
    "xclip -version", "xclip -help", "xclip -d :1 -o", "xclip -selection secondary", "xclip -selection buffer-cut -o",
    "xclip -f", "xclip -noutf8 -o", "xclip -s c", "xclip -sel", "xclip --out", "xclip -t TARGETS -i", "xsel --version",
    "xsel -a", "xsel -s -o", "xsel -x", "xsel -k", "xsel -f -i", "xsel -z", "xsel -io", "xsel -pb", "xsel --display :1",
    "xsel word", "wl-paste -w cat", "wl-paste --watch cat", "wl-paste -s seat0", "wl-paste --version", "wl-paste word",
    "wl-copy --help", "wl-copy -s seat0", "lemonade", "lemonade server", "lemonade --host a copy", "lemonade paste a",
    "lemonade open file:///a", "pbcopy -pboard find", "pbpaste -Prefer rtf", "pbcopy -help", "pbcopy -pboard",
    "xdg-open", "xdg-open a.html", "xdg-open file:///a.html", "xdg-open --help", f"xdg-open {URL} {URL}",
    "xdg-open mailto:a@example.org", "sensible-browser -v", "x-www-browser --new-window", "sesh-browser -h", "vi a",
)  # fmt: skip


def call(line: str) -> Call:
    name, *words = shlex.split(line)
    found = shim.parse(name, words)
    assert found is not None
    return found


@pytest.mark.parametrize("line", CALLS)
def test_calls_of_programs_are_understood(line: str) -> None:
    act, type_, primary = CALLS[line]
    found = call(line)
    assert (found.act, found.primary) == (act, primary)
    if act is READ:
        assert targets.choose(found.target, [TEXT, "image/bmp", PNG]) == type_
    if act is WRITE:
        assert found.type_of(b"some text") == type_


@pytest.mark.parametrize("line", NOT_OURS)
def test_what_is_not_ours_is_for_the_next_program(line: str) -> None:
    name, *words = line.split()
    assert shim.parse(name, words) is None


@pytest.mark.parametrize("name", [*BROWSERS, "lemonade open"])
def test_one_page_is_opened(name: str) -> None:
    assert call(f"{name} '{URL}'").url == URL
    assert call(f"{name} HTTP://example.org").act is OPEN


@given(st.sampled_from(NAMES), st.lists(st.text() | st.sampled_from(["-", "--", "-o", "-t", "-sel", "c"])))
def test_no_words_break_a_shim(name: str, words: list[str]) -> None:
    shim.parse(name, words)


def test_without_a_direction_xsel_reads_if_it_is_called_at_a_terminal() -> None:
    found = shim.parse("xsel", ["-b"], stdin_is_terminal=True)
    assert found is not None
    assert found.act is READ


def test_what_is_written_may_stand_in_words_and_files() -> None:
    assert call("wl-copy some 'more  text'").text == b"some more  text"
    assert call("wl-copy -n -- -x").text == b"-x"
    assert call("wl-copy -n a").trims
    assert call("wl-copy").text is None
    assert call("lemonade copy 'a b'").text == b"a b"
    assert call("xclip -sel c a b").files == ("a", "b")
    assert call("xsel -bc").text == call("wl-copy -c").text == b""


def test_only_wl_copy_guesses_the_type() -> None:
    assert call("wl-copy").type_of(PNG_DATA) == PNG
    assert call("wl-copy").type_of(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert call("wl-copy -t text/html").type_of(PNG_DATA) == "text/html"
    assert call("xclip -sel c").type_of(PNG_DATA) == TEXT
    assert call("xclip -sel c -t UTF8_STRING").type_of(b"") == TEXT


# -- answers


def test_a_list_has_the_types_that_are_there() -> None:
    lines = shim.listed(call("xclip -o -t TARGETS"), [PNG]).out.decode().splitlines()
    assert lines == ["TARGETS", PNG]
    lines = shim.listed(call("xclip -o -t TARGETS"), [TEXT]).out.decode().splitlines()
    assert lines[0] == "TARGETS"
    assert {"UTF8_STRING", "STRING", TEXT} < {*lines}
    assert shim.listed(call("wl-paste -l"), ["text/html", "image/webp"]).out == b"text/html\nimage/webp\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("xclip -o -t TARGETS", Answer(error="Error: target TARGETS not available", code=1)),
        ("xclip -o -sel c", Answer(error="Error: target STRING not available", code=1)),
        ("xclip -o -sel c -t image/png", Answer(error="Error: target image/png not available", code=1)),
        ("xsel -ob", Answer()),
        ("wl-paste", Answer(error="Nothing is copied", code=1)),
        ("wl-paste -l", Answer(error="Nothing is copied", code=1)),
        ("wl-paste -t image/png", Answer(error="Nothing is copied", code=1)),
        ("lemonade paste", Answer()),
        ("pbpaste", Answer()),
    ],
)
def test_a_reader_of_nothing_hears_what_an_empty_clipboard_says(line: str, answer: Answer) -> None:
    assert shim.nothing(call(line)) == answer


def test_a_reader_of_another_type_hears_what_the_real_tool_says() -> None:
    advice = 'Use "wl-paste --list-types" to view available types.'
    error = f'Clipboard content is not available as requested type "image/png"\n{advice}'
    assert shim.nothing(call("wl-paste -t image/png"), [TEXT]) == Answer(error=error, code=1)
    no_suitable = Answer(error="No suitable type of content copied", code=1)
    assert shim.nothing(call("wl-paste -t image"), [TEXT]) == no_suitable
    error = "Error: target image/png not available"
    assert shim.nothing(call("xclip -o -t image/png"), [TEXT]) == Answer(error=error, code=1)


PILLOW = ("Nothing is copied", "No selection", "No suitable type of content copied", " not available",
          "cannot convert ", "xclip: Error: There is no owner for the ")  # fmt: skip


@pytest.mark.parametrize("line", ["wl-paste -t image", "xclip -selection clipboard -t image/png -o"])
@pytest.mark.parametrize("types", [[], [TEXT]])
def test_pillow_knows_each_answer_of_nothing(line: str, types: list[str]) -> None:
    answer = shim.nothing(call(line), types)
    assert answer.code != 0
    assert any(words in answer.error for words in PILLOW)


def test_newlines_are_those_of_the_real_tools() -> None:
    def out(line: str, type_: str, data: bytes) -> bytes:
        return shim.delivered(call(line), type_, data).out

    assert out("wl-paste", TEXT, b"a") == b"a\n"
    assert out("wl-paste", TEXT, b"a\n") == b"a\n\n"
    assert out("wl-paste -n", TEXT, b"a\n") == b"a\n"
    assert out("wl-paste -t image", PNG, PNG_DATA) == PNG_DATA
    assert out("wl-paste -t text/html", "text/html", b"a") == b"a\n"
    assert out("xclip -o", TEXT, b"a\n") == b"a\n"
    assert out("xclip -o -r", TEXT, b"a\n\n") == b"a\n"
    assert out("xclip -o -t image/png", PNG, PNG_DATA) == PNG_DATA
    assert out("xsel -o", TEXT, b"a\n") == b"a\n"
    assert out("lemonade paste", TEXT, b"a\n") == b"a\n"


@pytest.mark.parametrize("line", ["xsel -ob", "pbpaste", "lemonade paste"])
def test_a_tool_of_text_prints_no_picture(line: str) -> None:
    assert targets.choose(call(line).target, [PNG]) == ""
    assert shim.delivered(call(line), PNG, PNG_DATA) == Answer()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("xclip", "Error: Can't open display: (null)"),
        ("xsel -ib", "xsel: Can't open display: (null)"),
        ("wl-copy", "Failed to connect to a Wayland server"),
        ("lemonade copy", ""),
        ("pbcopy", ""),
    ],
)
def test_a_writer_without_a_person_hears_that_there_is_no_display(line: str, error: str) -> None:
    assert shim.not_written(call(line)) == Answer(error=error, code=1)
    assert shim.written(call(line)) == Answer()


def test_a_page_that_is_not_shown_is_printed_and_no_other_browser_tried() -> None:
    assert shim.not_opened(call(f"xdg-open '{URL}'")) == Answer(error=URL, code=0)


@given(st.lists(st.sampled_from([TEXT, "text/html", PNG, "image/jpeg", "image/tiff", "application/json"]), unique=True))
def test_what_is_chosen_is_there_and_is_listed(types: list[str]) -> None:
    for wanted in ("", "text", "image", "UTF8_STRING", "text/plain;charset=utf-8", PNG):
        chosen = targets.choose(wanted, types)
        assert chosen in ("", *types)
        assert chosen or wanted or not types
        assert not chosen or chosen in targets.names(types)
    assert targets.choose("image", ["image/tiff", "image/jpeg", PNG]) == PNG
