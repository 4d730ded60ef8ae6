# middle
theme() { PS1=$'\\n\\[\\e[7m\\]\\w\\[\\e[0m\\]\\n\\[\\e]0;\\w\\a\\]$ '; }
PROMPT_COMMAND=theme
