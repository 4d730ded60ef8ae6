"""What takes the whole terminal: the board of sessions, and a question. It knows no verbs, and returns the choice."""
