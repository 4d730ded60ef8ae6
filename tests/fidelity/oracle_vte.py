# mypy: ignore-errors
"""A second emulator: VTE, as in GNOME's terminals, for the system's Python under Xvfb.

Read one JSON request per line, {columns, rows, data: base64}, and answer with one line of JSON: what the terminal shows
and holds in the end. VTE gives its text, and its text with attributes as HTML. What is in neither (the colour of an
underline, the cursor) is in its picture. What does not show is in its answers to queries.
"""

import base64
import hashlib
import json
import sys
import time

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Vte", "2.91")
from gi.repository import Gdk, GLib, Gtk, Pango, Vte  # noqa: E402

MODES = (1, 5, 6, 7, 9, 25, 69, 1000, 1002, 1003, 1004, 1006, 1007, 2004)
"""Private modes that DECRQM asks for."""
PATIENCE = 5.0
"""Seconds for the answers to all queries."""
LAST = b"\x1b[5n"
"""A query: its answer shows that VTE has processed all that came before."""
ANSWERED = "\x1b[0n"
"""The answer to `LAST`."""
QUERIES = (
    "\x1b[6n\x1b[4$p\x1b[20$p"
    + "".join(f"\x1b[?{mode}$p" for mode in MODES)
    + "\x1bP$q q\x1b\\\x1bP$qr\x1b\\\x1bP$qs\x1b\\"
    + "".join(f"\x1b]4;{number};?\x1b\\" for number in (1, 2, 200))
    + "".join(f"\x1b]{number};?\x1b\\" for number in (10, 11, 12))
).encode() + LAST
"""Queries for the cursor, modes, the cursor's shape, margins and colours."""


def settle(done, patience=PATIENCE):
    """Run the main loop until `done()` is true; return whether it became true in time."""
    context = GLib.MainContext.default()
    end = time.monotonic() + patience
    GLib.timeout_add(int(patience * 1000), lambda: False)
    while not done() and time.monotonic() < end:
        context.iteration(True)
    return done()


def text_of(terminal):
    """The text of scrollback and screen, without blanks and empty rows at the end."""
    columns, rows = terminal.get_column_count(), terminal.get_row_count()
    last = terminal.get_cursor_position()[1] + rows  # rows are counted from the first row ever
    text, _ = terminal.get_text_range(0, 0, last, columns - 1, None, None)
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def hold(columns, rows, data):
    window = Gtk.OffscreenWindow()
    terminal = Vte.Terminal()
    answers = []
    drawn = []
    terminal.set_font(Pango.FontDescription("Monospace 8"))
    terminal.set_cursor_blink_mode(Vte.CursorBlinkMode.OFF)
    terminal.set_text_blink_mode(Vte.TextBlinkMode.NEVER)
    terminal.set_scrollback_lines(2000)
    terminal.set_allow_hyperlink(True)
    terminal.set_size_request(columns * terminal.get_char_width() + 2, rows * terminal.get_char_height() + 2)
    terminal.connect("commit", lambda _terminal, text, _size: answers.append(text))
    window.add(terminal)
    window.show_all()
    settle(lambda: (terminal.get_column_count(), terminal.get_row_count()) == (columns, rows))
    assert (terminal.get_column_count(), terminal.get_row_count()) == (columns, rows)
    # CAN ends an unfinished sequence, which would swallow the queries. Answers to queries in the data do not count.
    for asked in (data + b"\x18" + LAST, QUERIES):
        answers.clear()
        terminal.feed(asked)
        if not settle(lambda: ANSWERED in answers):
            raise RuntimeError(f"no answer to the last query: {answers}")
    terminal.get_window().get_frame_clock().connect("after-paint", lambda _clock: drawn.append(True))
    terminal.queue_draw()
    if not settle(lambda: drawn):
        raise RuntimeError("it draws nothing")
    settle(lambda: not GLib.MainContext.default().pending())
    picture = window.get_pixbuf()
    terminal.select_all()
    terminal.copy_clipboard_format(Vte.Format.HTML)
    copied = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).wait_for_contents(Gdk.Atom.intern("text/html", False))
    text = copied.get_data().decode("utf-16") if copied else ""
    answer = {
        "answers": answers,
        "text": [line.rstrip() for line in text.removeprefix("<pre>").removesuffix("</pre>").split("\n")],
        # The text of all rows, because the picture does not show rows that have scrolled off.
        "rows": text_of(terminal),
        "picture": hashlib.sha256(picture.get_pixels()).hexdigest(),
        "title": terminal.get_window_title(),
        "directory": terminal.get_current_directory_uri(),
    }
    window.destroy()
    return answer


print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        result = hold(request["columns"], request["rows"], base64.b64decode(request["data"]))
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
