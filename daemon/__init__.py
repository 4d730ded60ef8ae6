"""The daemon: one process for each session. Imports run down this list.

spawn/     starts a daemon: forks the zygote of its creator's context
reload     replaces the daemon's code by another version, and keeps the session
server     signals and connections
requests   checks and dispatches requests; verbs, typing: one method for each; delivery: when a text gets its Enter
ending     the end of the session; files: its socket and record
handler    frames of attached clients
description
           the session as lists, `--status` and its record show it
session    builds and connects the parts; checkpoint, waits, findings: three of them
activity/  whether the program works or waits, and notifications
shell/     `--run` in the live shell, and the history of commands; events: the session's events, numbered
clients/   connections, attached clients, and the relay that sends them output
screen/    the emulator, which reads the output log, and what else a terminal keeps
pty/       the program: its pty, output log, queries and their answers, and input
phase      how far the session has come; observers: calls to parts that are built later
"""
