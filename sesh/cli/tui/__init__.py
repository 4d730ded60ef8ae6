"""Lists, questions and the pager, which take the whole terminal. They know no verbs, and return the choice."""
