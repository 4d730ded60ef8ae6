# middle
. /usr/share/liquidprompt/liquidprompt
