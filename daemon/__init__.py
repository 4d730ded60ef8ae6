"""The daemon: one process for each session. Imports run down this list.

spawn/     starts a daemon; the zygote from which later ones are forked
upgrade/   `--reload`: state out, exec, state in
server     the loop; requests: one function a verb; ending: how the session ends and who learns of it
session    builds and connects the parts; with events, hooks, waits and checkpoint beside it
shell/     `--run` in the live shell, and the history of commands
clients/   connections, attached clients, the relay to them, and the emulator behind it
pty/       the program: its pty, its output as a log, its queries and their answers, what is typed into it
loop/      poller, timers, the log of faults
"""
