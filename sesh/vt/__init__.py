"""The terminal emulator: parses bytes into a screen's state, and renders the state as bytes.

It knows nothing of sessions. Each module imports only those above it. Where a row names several modules, semicolons
separate what they contain:

`grammar`                        control functions (ECMA-48) as regular expressions
`column_widths` `graphemes`      generated table of widths; widths and the joining of characters into graphemes
`pen` `row` `encoded`            attributes and SGR; a row: two parallel lists; a row as text with SGR, and back
`scrollback` `reflow` `images`   lines that scrolled off; rewrapping to another width; sizes of images in cells
`charsets` `pages`               G0 to G3; the separate state of main and alternate screen
`grid`                           rows of both screens, cursor, pen; down to `screen` each class extends the one above
`moves`                          cursor movements, margins, tab stops
`edit` `rectangles`              line feeds, scrolling, erasing, inserting; copying and filling rectangles
`printing`                       characters into cells, wrapping
`modes`                          modes, saved cursors, keyboard protocols
`pyte_face` `screen`             pyte's interface; control strings, images, resizing
`parser` `bulk`                  bytes into calls of the screen; a shortcut for bulk output
`emulator` `lines`               the whole terminal; an emulator of one row, which yields finished lines
`render.clean_screen`            bytes that empty a terminal's screen, without an emulator
`render.replay`                  bytes for a terminal that attaches, or (`repainting`) that already shows the session
`render.viewport`                a clipped part of the screen for a terminal of another size; only changed rows
`render.patch`                   a few cells drawn over a row
`render.screen_data`             the screen as data
`render.export`                  the screen as text, text with SGR, or data; the start of `--logs -f`
"""
