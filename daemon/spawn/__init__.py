"""The start of a daemon: a fork of the zygote of its creator's context.

Under the lock of the sessions directory, the daemon checks that its creator is still connected. If the creator was
interrupted or killed before, the daemon exits and creates no session. A creator that is interrupted later reports that
the session exists. Over a link, the client repeats its request, with the id that it chose for the session
(`sesh.reach.host_target`).
"""
