# sesh's part of bash: eval "$(sesh shell-init bash)" at the end of ~/.bashrc
if [[ $- == *i* && -n ${SESH_ENV_FILE-} && -z ${__sesh_shell-} ]]; then
__sesh_shell=1 __sesh_ran= __sesh_line= __sesh_none=

__sesh_refresh() {
  local line
  [[ -r $SESH_ENV_FILE ]] || return 0
  while IFS= read -r line; do
    case $line in
      SSH_AUTH_SOCK=*) [[ -S ${SSH_AUTH_SOCK-} ]] || export "${line?}" ;;
      *=?*) export "${line?}" ;;
      *=) unset "${line%=}" ;;
    esac
  done <"$SESH_ENV_FILE"
} 2>/dev/null

__sesh_precmd() {
  local code=$?
  { local - && set +x; } 2>/dev/null
  if [[ -n $__sesh_ran ]]; then
    __sesh_ran=
    printf '\e]133;D;%s\a' "$code"
  fi 2>/dev/null >/dev/tty
  __sesh_line=$(HISTTIMEFORMAT='' builtin history 1 2>/dev/null)
  __sesh_refresh
  printf '\e]133;A\a' 2>/dev/null >/dev/tty
  __sesh_move_prompt
  return "$code"
}

__sesh_prompt() {
  local code=$?
  { local - && set +x; } 2>/dev/null
  [[ ${PS1-} == *'133;B'* ]] || PS1="${PS1-}"'\[\e]133;B\a\]'
  return "$code"
}

__sesh_move_prompt() {  # to the end, behind themes, which rebuild the prompt each time
  local each commands=()
  if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
    for each in "${PROMPT_COMMAND[@]}"; do [[ $each == __sesh_prompt ]] || commands+=("$each"); done
    PROMPT_COMMAND=("${commands[@]}" __sesh_prompt)
  else
    PROMPT_COMMAND="${PROMPT_COMMAND//$'\n'__sesh_prompt}"$'\n'__sesh_prompt
  fi
}

__sesh_preexec() {
  { set +x; } 2>/dev/null
  local line text
  line=$(HISTTIMEFORMAT='' builtin history 1 2>/dev/null)
  text=$line
  # The history does not change if the command repeats the last one (ignoredups), or begins with a space (ignorespace).
  if [[ $line == "$__sesh_line" && ( ${HISTCONTROL-} != *ignoredups* || ${HISTCONTROL-} == *ignorespace* ) ]]; then
    text=
  fi
  if [[ $text =~ ^[[:space:]]*[0-9]+\*?\ \ (.*)$ ]]; then text=${BASH_REMATCH[1]}; else text=; fi
  case $text in
    ''|' '*|'\[ -e '*'.run') printf '\e]133;C\a'; return ;;
  esac
  text=${text:0:4096}
  text=${text//%/%25} text=${text//;/%3B} text=${text//$'\n'/%0A} text=${text//$'\t'/%09}
  printf '\e]133;C;cmdline_url=%s\a' "${text//[[:cntrl:]]/}"
}

if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND=(__sesh_precmd "${PROMPT_COMMAND[@]}")
else
  PROMPT_COMMAND="__sesh_precmd${PROMPT_COMMAND:+
$PROMPT_COMMAND}"
fi
__sesh_move_prompt
if shopt -q promptvars; then PS0='${__sesh_none:(__sesh_ran=1)*0:0}$(__sesh_preexec)'"${PS0-}"; fi
fi
# In POSIX mode a function's name with a dash is an error.
if [[ $- == *i* ]] && ! shopt -qo posix; then
sesh-pick() { sesh pick; }
sesh-next() { sesh next; }
fi
