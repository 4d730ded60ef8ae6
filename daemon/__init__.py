"""The daemon: one process for each session. Imports run down this list.

spawn/     starts a daemon, as a fork of the zygote of its creator's context
reload     goes on as another sesh; handover: the session as one record
server     the loop; handler: attached clients; requests: one function a verb; typing: those that type, with
           delivery: when a text gets its Enter; ending: how the session ends, who learns of it, and its files
description
           a session as lists and its record show it
session    builds and connects the parts; with events and waits beside it
activity/  how the program stands, and who is told of it where
shell/     `--run` in the live shell, and the history of commands
clients/   connections, attached clients, and the relay to them
screen/    the emulator behind the output log, and checkpoints
pty/       the program: its pty, its output as a log, its queries and their answers, what is typed into it
sesh/loop  poller, timers
"""
