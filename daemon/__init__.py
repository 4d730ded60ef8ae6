"""The daemon: one process for each session.

Each module imports only those below it. Where a row names several modules, semicolons separate what they contain:

`spawn`        starts a daemon: forks the zygote of its creator's context
`reload`       replaces the daemon's code by another version, and keeps the session
`snapshot`     the session as data, for another version: the state of each part
`server`       the turn, in which all that happens to a session happens; signals and sockets
`requests`     the requests of callers: their checks, their methods, and those that type
`life`         the session as lists, `status` and its record show it; its end, and what each connection gets then
`session`      builds the parts
`watching`     requests that wait; copies of the screen on disk
`frames`       clients as they come, act and leave; queries in the output, and who replies; what else is found in it
`activity`     whether the program works or waits, and notifications
`shell`        `run` in the live shell, and the history of commands
`clients`      connections; attached clients, what they are sent, and how fast; the filter of replies; events
`screen`       the emulator, which reads the output log; its replies, and what a program reports of itself
`pty`          the program: its pty, its output log with marks, and its input
`base`         phase, facts and faults of the session
"""
