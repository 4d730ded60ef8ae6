"""The terminal: bytes in, state out, and the bytes that restore it. It knows nothing of sessions.

What the rest of sesh uses, each to be imported from its own module:

`emulator.Emulator`              the terminal: `feed`, `resize`, `text`, `last_lines`, `state`, `from_state`
`render.replay.replay`           bytes for a terminal that attaches; `repaint` for one that shows the session already
`render.viewport.Viewport`       bytes for a terminal of another size: a clipped part of the screen, only what changed
`render.clean_screen`            bytes for an empty screen, without an emulator
`render.export`                  the screen as text, with SGR, as data; where `--logs -f` goes on
`lines.LineReader`               a program's output as finished lines, without a screen
`packed.Packed`                  bytes compressed in memory
`grammar`                        regular expressions for control functions; the stack of titles

The modules, each importing only those above it:

`grammar`                        control functions (ECMA-48) as regular expressions; the stack of titles (XTWINOPS)
`breaks` `column_widths`         tables made by scripts of these names in `bench.unicode`
`graphemes` `packed`             widths and clusters (UAX 29); compressed bytes
`modes`                          the modes that are remembered, and their defaults
`cell` `lines`                   cells, pens and SGR, and cells as text with SGR; output as lines
`marks` `images`                 prompt marks; the rows that images take
`logical` `row`                  a line whatever the width; a row of cells
`blocks` `scrollback`            lines in bulk; the lines that scrolled off
`reflow`                         rows rewrapped to another width
`grid` `edit` `rectangles`       the screen, one class on top of the other: cursor and tabs; scrolling and erasing;
`text` `screen`                  rectangles; printing; modes, control strings and resizing
`fast_path` `tokenizer`          lines that scroll by too fast to be seen; bytes into what the screen does
`emulator`                       all of it together; the state as plain data
`render/`                        bytes and data made from the state
"""
