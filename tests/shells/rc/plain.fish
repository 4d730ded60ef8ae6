# middle
