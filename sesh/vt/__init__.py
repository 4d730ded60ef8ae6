"""The terminal: bytes in, state out, and the bytes that restore it. It knows nothing of sessions.

What the rest of sesh uses, each to be imported from its own module (nothing is loaded here):

`emulator.Emulator`              the terminal: `feed`, `resize`, `text`, `last_lines`, `state`, `from_state`
`render.replay.replay`           bytes for a terminal that attaches; `repaint` for one that shows the session already
`render.viewport.Viewport`       bytes for a terminal of another size: a clipped part of the screen, only what changed
`render.clean_screen`            bytes for an empty screen; whether raw output may be sent again as it is. No emulator
`render.export`                  the screen as text, with SGR, as data; where `--logs -f` goes on
`render.pictures`                the screen as SVG and HTML, from the data of `export`
`lines.LineReader`               a program's output as finished lines, without a screen
`packed.Packed`                  bytes compressed in memory
`grammar`                        regular expressions for control functions, as plain strings

The modules, each importing only those above it:

`grammar` `graphemes` `packed`   control functions (ECMA-48); widths and clusters (UAX 29); compressed bytes
`cell` `ansi`                    cells, pens and SGR; cells as text with SGR, and back
`row` `scrollback`               a row of cells; the lines that scrolled off
`reflow`                         rows wrapped anew at another width
`grid` `scroll` `edit` `text` `modes` `screen`     the screen, one class upon the other
`dispatch` `fast_path` `tokenizer`                 what each sequence calls; bulk output; bytes into tokens
`snapshot` `emulator`            the state as plain data; all of it together
`render/`                        bytes and pictures made from the state
"""
