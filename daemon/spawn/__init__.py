"""The start of a daemon: a fork of the zygote of its creator's context.

A daemon that holds the lock of the directory of sessions asks whether its creator still waits. If the creator was
interrupted or killed before, the daemon ends and there is no session. A creator that is interrupted later reports that
the session is there. Over a link the client asks the host once more, by the id that it chose for the session
(`sesh.reach.links`).
"""
