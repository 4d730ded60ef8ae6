# sesh's part of zsh: eval "$(sesh shell-init zsh)" at the end of ~/.zshrc
if [[ -o interactive && -n ${SESH_ENV_FILE-} && -z ${__sesh_shell-} ]]; then
typeset -g __sesh_shell=1 __sesh_ran=

__sesh_refresh() {
  emulate -L zsh
  local line
  [[ -r $SESH_ENV_FILE ]] || return 0
  while IFS= read -r line; do
    case $line in
      SSH_AUTH_SOCK=*) [[ -S ${SSH_AUTH_SOCK-} ]] || export "$line" ;;
      *=?*) export "$line" ;;
      *=) unset "${line%=}" ;;
    esac
  done <$SESH_ENV_FILE
}

__sesh_precmd() {
  local code=$?
  emulate -L zsh
  if [[ -n $__sesh_ran ]]; then
    __sesh_ran=
    print -n "\e]133;D;$code\a" >/dev/tty
  fi
  __sesh_refresh
  print -n '\e]133;A\a' >/dev/tty
  # Themes rebuild the prompt each time, so the function that adds the mark is moved to the end, behind theirs.
  precmd_functions=(${precmd_functions:#__sesh_prompt} __sesh_prompt)
  return $code
}

__sesh_prompt() {
  local code=$?
  [[ $PS1 == *'133;B'* ]] || PS1+=$'%{\e]133;B\a%}'
  return $code
}

__sesh_preexec() {
  emulate -L zsh
  local text=${${1:-$3}[1,4096]}
  __sesh_ran=1
  if [[ -z $text || $text == ' '* ]]; then
    print -n '\e]133;C\a' >/dev/tty
    return 0
  fi
  text=${text//\%/%25} text=${text//;/%3B} text=${text//$'\n'/%0A} text=${text//$'\t'/%09}
  print -rn -- $'\e]133;C;cmdline_url='"${text//[[:cntrl:]]/}"$'\a' >/dev/tty
}

typeset -ga precmd_functions preexec_functions
precmd_functions=(__sesh_precmd $precmd_functions __sesh_prompt)
preexec_functions+=(__sesh_preexec)
fi
if [[ -o interactive ]]; then
# Widgets for a key of your choice: their stdin is /dev/null, and `zle -I` leaves the mode in which zsh runs them.
sesh-pick() {
  if sesh pick <$TTY || [[ $? != 1 ]]; then
    print -n '\e[A' >$TTY  # because zle -I goes down a row, below `[detached from NAME]`
    zle -I
  else
    zle reset-prompt  # nothing was chosen, and the prompt is still on the screen
  fi
}
zle -N sesh-pick
sesh-next() {
  zle -I
  sesh next <$TTY
}
zle -N sesh-next
fi
