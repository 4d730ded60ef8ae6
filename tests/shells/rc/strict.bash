PS1='\w $ '
# middle
set -u -o pipefail -o noclobber
