"""The daemon: one process for each session.

Each module imports only those below it. Where a row names several modules, semicolons separate what they contain:

`spawn`                      starts a daemon: forks the zygote of its creator's context
`reload`                     replaces the daemon's code by another version, and keeps the session
`snapshot`                   the session as data, for another version
`server`                     signals and connections
`requests`                   checks and dispatches requests
`request_methods`            the requests, as methods
`typed_text`                 the requests that type
`delivery`                   typing a text and its Enter at the program's pace
`ending`                     the end of the session, and what each connection gets then
`handler`                    frames of attached clients
`description`                the session as lists, `status` and its record show it
`session`                    builds and connects the parts
`watching`                   requests that wait; copies of the screen on disk
`replier` `findings`         queries in the output, and their replies; titles, bells and marks in it
`activity`                   whether the program works or waits, and notifications
`shell`                      `run` in the live shell, and the history of commands
`clients`                    connections, attached clients, the relay that sends them output, and events
`screen`                     the emulator, which reads the output log, its replies, and what a program reports of itself
`pty`                        the program: its pty, its output log, and its input
`base`                       phase, facts and faults of the session; calls to parts that are built later
"""
