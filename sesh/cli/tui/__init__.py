"""Lists and questions, which take the whole terminal. They know no verbs, and return the choice."""
