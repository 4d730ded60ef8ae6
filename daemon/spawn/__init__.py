"""How a daemon starts: launched by its creator, detached, forked from the zygote, in a systemd scope of its own.

A creator that is interrupted or killed before its daemon has the lock of the directory gets no session: the daemon
looks for it then, and ends. One that comes too late says that the session is there. Over a link the host is asked once
more, by the id that was chosen for the session here (`sesh.reach.links`).
"""
