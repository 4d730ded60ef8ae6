"""Files that are copied to a host before a session starts there."""
