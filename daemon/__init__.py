"""The daemon: one process for each session. Imports run down this list.

spawn/     starts a daemon, as a fork of the zygote of its creator's context
reload     continues as another sesh, with the session as one record
server     signals and connections; handler: attached clients; requests: their order and deadlines; verbs and typing:
           a method for each request; delivery: when a text gets its Enter; ending: how the session ends; files
description
           a session as lists and its record show it
session    builds and connects the parts; waits, events, findings: three of them
activity/  the standing of the program, and notifications
shell/     `--run` in the live shell, and the history of commands
clients/   connections, attached clients, and the relay to them
screen/    the emulator behind the output log, and checkpoints
pty/       the program: its pty, its output as a log, its queries and their answers, its input
"""
