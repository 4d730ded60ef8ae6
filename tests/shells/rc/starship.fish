# middle
starship init fish | source
