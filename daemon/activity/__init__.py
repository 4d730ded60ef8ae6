"""The state of a session, such as waiting for a person, and notifications about it."""
