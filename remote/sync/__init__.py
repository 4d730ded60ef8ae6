"""Push the user's files to a host before a session starts on it."""
