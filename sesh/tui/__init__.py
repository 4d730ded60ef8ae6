"""Views on the whole terminal: the board of sessions, and a question. They know no verbs, and return the choice."""
