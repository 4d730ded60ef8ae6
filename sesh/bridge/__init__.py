"""The far end of a link, on the host."""
