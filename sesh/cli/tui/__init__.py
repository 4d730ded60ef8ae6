"""What takes the whole terminal: a list, a question, the pager. It knows no verbs: what is chosen is handed back."""
