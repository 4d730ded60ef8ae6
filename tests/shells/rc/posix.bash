PS1='\w $ '
# middle
set -o posix
