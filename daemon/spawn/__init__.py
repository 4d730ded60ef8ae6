"""The start of a daemon: a fork of the zygote of its creator's context."""
