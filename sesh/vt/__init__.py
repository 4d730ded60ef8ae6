"""The terminal: bytes in, state out, and the bytes that restore it. It knows nothing of sessions.

The modules, each importing only those above it:

`grammar`                        control functions (ECMA-48) as regular expressions
`column_widths` `graphemes`      a table made by `bench.unicode.column_widths`; widths, and what joins to a grapheme
`pen` `row` `encoded`            attributes and SGR; a row: two parallel lists; a row as text with SGR, and back
`scrollback` `reflow` `images`   the lines that scrolled off; rows rewrapped to another width; cells of images
`charsets` `pages`               G0 to G3; what the main and the alternate screen have each of their own
`grid` `moves` `edit`            the screen, one class on top of the other: rows and pen; the cursor, margins and tabs;
`rectangles` `printing` `modes`  scrolling and erasing; rectangles; printing; modes and saved cursors;
`pyte_face` `screen`             what pyte keeps in other forms; control strings and resizing
`parser` `bulk`                  bytes into what the screen does; lines that scroll by too fast to be seen
`emulator` `lines`               all of it together; an emulator of one row: a program's output as finished lines
`render.replay`                  bytes for a terminal that attaches; `repaint` for one that shows the session already
`render.viewport`                for a terminal of another size: a clipped part of the screen, only what changed
`render.clean_screen` `overlay`  without an emulator: an empty screen; a line of sesh's own over the last row
`render.patch`                   a few cells drawn over a row
`render.export`                  the screen as text, with SGR, as data; where `--logs -f` goes on
"""
