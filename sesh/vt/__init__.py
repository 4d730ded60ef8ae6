"""The terminal: bytes in, state out, and the bytes that restore it. It knows nothing of sessions.

What the rest of sesh uses, each to be imported from its own module:

`emulator.Emulator`              the terminal: `feed`, `resize`, `text`, `last_lines`
`render.replay.replay`           bytes for a terminal that attaches; `repaint` for one that shows the session already
`render.viewport.Viewport`       bytes for a terminal of another size: a clipped part of the screen, only what changed
`render.clean_screen`            bytes for an empty screen, without an emulator
`render.export`                  the screen as text, with SGR, as data; where `--logs -f` goes on
`render.saved`                   an emulator as plain data
`lines.LineReader`               a program's output as finished lines
`packed.Packed`                  bytes compressed in memory
`grammar`                        regular expressions for control functions; the stack of titles

The modules, each importing only those above it:

`grammar` `packed`               control functions (ECMA-48) as regular expressions; compressed bytes
`column_widths` `graphemes`      a table made by `bench.unicode.column_widths`; widths, and what joins to a grapheme
`pen` `row` `encoded`            attributes and SGR; a row: two parallel lists; a row as text with SGR, and back
`scrollback` `reflow` `images`   the lines that scrolled off; rows rewrapped to another width; cells of images
`charsets` `pages`               G0 to G3; what the main and the alternate screen have each of their own
`grid` `moves` `edit`            the screen, one class on top of the other: rows and pen; the cursor, margins and tabs;
`rectangles` `printing` `modes`  scrolling and erasing; rectangles; printing; modes and saved cursors;
`pyte_face` `screen`             what pyte keeps in other forms; control strings and resizing
`parser` `bulk`                  bytes into what the screen does; lines that scroll by too fast to be seen
`emulator` `lines`               all of it together; an emulator of one row, for lines
`render/`                        bytes and data made from the state
"""
