"""The daemon's room: one process a session, with its pty, screen, scrollback, replay and server loop."""
