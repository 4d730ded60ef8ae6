# sesh's part of bash: eval "$(sesh shell-init bash)" at the end of ~/.bashrc
#
# A DEBUG trap sees what runs in the shell itself, an ERR trap what fails there, and each command there changes $? and
# PIPESTATUS. So from prompt to prompt only subshells run: `(…)`, `$(…)`, `if`, `&&` and the definition of a function
# fire no trap. What a new login brings is set in the shell itself, once for each login.
if [[ $- == *i* && $- != *c* && -n ${SESH_ENV_FILE-} && ${__sesh_shell-} != "sesh=$$" ]]; then
__sesh_shell="sesh=$$" __sesh_renewed=

# The shims of the session come first in PATH, which a startup file or another login may have set anew.
__sesh_shims() {
  [[ $PATH == "${SESH_ENV_FILE%/*}/bin:"* || ! -e ${SESH_ENV_FILE%/*}/bin/.sesh ]] || PATH=${SESH_ENV_FILE%/*}/bin:$PATH
}
__sesh_shims
# What a login shell has in PROMPT_COMMAND for that acts now, and cuts itself out.
if [[ ${PROMPT_COMMAND[*]-} == *': sesh-begin;'*'exit $__sesh_code)"'* ]]; then
  __sesh_all=${PROMPT_COMMAND[*]}
  __sesh_all=${__sesh_all#*': sesh-begin;'}
  \builtin eval ": sesh-begin;${__sesh_all%'exit $__sesh_code)"'*}exit \$__sesh_code)\""
fi

# Print the functions that a command line names.
__sesh_functions() (
  IFS=$' \t\n;&|(){}<>"`$\''
  \builtin set -f
  \builtin declare -f $1
) 2>/dev/null

# In a subshell, with the command's code in $?: print mark D, with this code only if nothing has run before.
__sesh_end() {
  __sesh_code=$?
  \builtin set +eux
  \builtin trap - DEBUG ERR RETURN
  __sesh_caller=${FUNCNAME[${#FUNCNAME[@]} - 1]}
  case $__sesh_caller,${FUNCNAME[1]-},${precmd_functions[0]-} in
    __sesh_end,*) __sesh_first_hook=$__sesh_hook_end ;;
    *,__sesh_precmd,__sesh_precmd) __sesh_first_hook=$__sesh_caller ;;
    *) __sesh_first_hook=none ;;
  esac
  [[ ${PROMPT_COMMAND[0]-} == "$__sesh_first_hook"* ]] && __sesh_digits=";$__sesh_code" || __sesh_digits=
  \builtin printf '\e]133;D%s;%s\a' "$__sesh_digits" "$__sesh_shell" >/dev/tty
  \builtin exit "$__sesh_code"
}

# The first of precmd_functions, where something runs these (bash-preexec, which stands before each prompt command).
__sesh_precmd() (__sesh_end) >/dev/null 2>&1
# The last of preexec_functions: its mark says that the output begins, behind what others have printed.
__sesh_preexec() (\builtin printf '\e]133;O;%s\a' "$__sesh_shell" >/dev/tty || \builtin :) >/dev/null 2>&1

# In a subshell, as the last prompt command: print mark A if PS1 may lack it; succeed if a login has brought anything.
__sesh_ready() {
  __sesh_code=$?
  \builtin set +eux
  \builtin trap - DEBUG ERR RETURN
  __sesh_all= __sesh_exact=
  for __sesh_each in "${PROMPT_COMMAND[@]}"; do
    __sesh_all+=$__sesh_each$'\n'
    # Before each element bash sets $? to the command's code again, and so does ble.sh.
    [[ $__sesh_each != "$__sesh_hook_ready" || ${#FUNCNAME[@]} != 1 && -z ${BLE_ATTACHED-} ]] || __sesh_exact=1
  done
  __sesh_behind=${__sesh_all##*"$__sesh_hook_ready"$'\n'}
  if [[ ${#FUNCNAME[@]} != 1 ]]; then  # a function reads PS1, too (ble.sh), in which numbers are others
    __sesh_first= __sesh_number=$(HISTTIMEFORMAT='' \builtin history 1)
    [[ $__sesh_number =~ ^[[:space:]]*([0-9]+) ]] && __sesh_number=$((BASH_REMATCH[1] + 1)) || __sesh_number=1
  else
    [[ $__sesh_all == "$__sesh_hook_end"* ]] && __sesh_first=1 || __sesh_first=
    __sesh_number=${HISTCMD-}
  fi
  [[ $__sesh_all == *"$__sesh_hook_end"* ]] || \builtin printf '\e]133;D;%s\a' "$__sesh_shell" >/dev/tty
  # Before the first prompt it is not known who reads PS1.
  if [[ -z $__sesh_first || -n $__sesh_behind || ${PS1-} != *"A;$__sesh_shell"* || -z ${__sesh_next-} ]]; then
    __sesh_mark="133;A;$__sesh_shell"
    [[ -z $__sesh_behind ]] || __sesh_behind+=$(__sesh_functions "$__sesh_behind")
    # What stands behind and changes the history would make the number wrong.
    [[ $__sesh_behind == *history* || $__sesh_behind == *'fc '* ]] || __sesh_mark+=";h=$__sesh_number"
    [[ -n $__sesh_first || -z $__sesh_exact ]] || __sesh_mark+=";code=$__sesh_code"
    \builtin printf '\e]%s\a' "$__sesh_mark" >/dev/tty
  fi
  [[ -n $__sesh_renews ]] || \builtin exit "$__sesh_code"
  __sesh_new=
  [[ -r $SESH_ENV_FILE ]] || \builtin exit 1
  IFS= \builtin read -rd '' __sesh_new <"$SESH_ENV_FILE"
  [[ $__sesh_new != "$__sesh_renewed" ]]
  \builtin exit
}

# In the shell itself, if the file has changed. It fails, so that nothing is run behind it.
__sesh_renew() {
  IFS= \builtin read -rd '' __sesh_renewed <"$SESH_ENV_FILE"
  while IFS= \builtin read -r __sesh_line; do
    case $__sesh_line in
      SSH_AUTH_SOCK=*) [[ -S ${SSH_AUTH_SOCK-} ]] || \builtin export "${__sesh_line?}" ;;
      *=?*) \builtin export "${__sesh_line?}" ;;
      *=) \builtin unset -v "${__sesh_line%=}" ;;
    esac
  done <<<"$__sesh_renewed"
  __sesh_shims
  \builtin return 1
}

# In a subshell of PS0, which leaves $? as it is: print the command's text for mark C, if the history has it.
__sesh_text() {
  __sesh_code=$?
  \builtin set +eux
  __sesh_line=$(
    \builtin trap -p DEBUG
    \builtin trap - DEBUG ERR RETURN
    \builtin echo $'\n\1'
    HISTTIMEFORMAT='' \builtin history 1
  )
  \builtin trap - DEBUG ERR RETURN
  # What stands behind in PS0, or a DEBUG trap, as that which runs preexec_functions, may print into the output.
  __sesh_trap=${__sesh_line%%$'\n\1\n'*} __sesh_line=${__sesh_line#*$'\n\1\n'}
  if [[ -n $__sesh_trap ]]; then
    __sesh_behind=
    for __sesh_each in "${preexec_functions[@]}"; do
      [[ $__sesh_each == __sesh_preexec ]] && __sesh_behind= || __sesh_behind+=" $__sesh_each"
    done
    __sesh_trap+=$__sesh_behind
    __sesh_trap+=$(__sesh_functions "$__sesh_trap")
    __sesh_trap+=$(__sesh_functions "$__sesh_trap")
  fi
  if [[ $PS0 != *"$__sesh_ps0" || ${__sesh_trap//printf -v/} =~ print|echo|tput|'cat '|/dev/(tty|std) ]]; then
    \builtin printf 'mixed=1;' >&3
  fi
  if \builtin shopt -qo history && [[ $__sesh_line =~ ^[[:space:]]*([0-9]+)\*?\ \ (.*)$ ]] &&
    ((BASH_REMATCH[1] >= ${__sesh_next:-0})); then  # else it is an older command
    __sesh_line=${BASH_REMATCH[2]:0:4096}
    case $__sesh_line in
      ' '*|'\builtin test -e '*'.run'|'\builtin test -e '*'.run)"') ;;
      *)
        __sesh_line=${__sesh_line//%/%25} __sesh_line=${__sesh_line//;/%3B}
        __sesh_line=${__sesh_line//$'\n'/%0A} __sesh_line=${__sesh_line//$'\t'/%09}
        \builtin printf 'cmdline_url=%s' "${__sesh_line//[[:cntrl:]]/}" >&3
        ;;
    esac
  fi
  \builtin exit "$__sesh_code"
}

# In a subshell of PS1, where PROMPT_COMMAND is readonly: print the command's code, if PS1 begins with it.
__sesh_front() {
  __sesh_code=$?
  \builtin set +eux
  \builtin trap - DEBUG ERR RETURN
  if [[ $PS1 == "$__sesh_ps1_front"* ]]; then \builtin printf 'code=%s' "$__sesh_code" >&3; fi
  \builtin exit "$__sesh_code"
}

# The texts that stand in PROMPT_COMMAND, PS1 and PS0. `&&` and a function's definition leave $? as it is, and cost no
# process. Since bash 5.1, which restores $? for each element of PROMPT_COMMAND, the last one renews.
__sesh_renews=1
__sesh_hook_end='(__sesh_end)>/dev/null 2>&1&&__sesh_none()(:)'
__sesh_hook_ready='if (__sesh_ready)&&__sesh_renew; then :; fi >/dev/null 2>&1'
# \! is the number that the next command will have in the history; in PS0, the last one's. `${…:…:0}` is empty, and sets
# __sesh_next in the shell itself without a command. If a function reads PS1 (ble.sh), its numbers are others, and it is
# no mark A. Without promptvars a terminal passes over all that is in the marks.
__sesh_ps1_front='\[\e]133;${FUNCNAME[0]+-;}A;'$__sesh_shell';h=\!;${__sesh_shell:(__sesh_next=\!)*0:0}\a\]'
__sesh_ps1_rear='\[\e]133;B;'$__sesh_shell'\a\]'
__sesh_ps0='\e]133;C;'$__sesh_shell';h=\!;$({ __sesh_text; } 3>&1 >/dev/null 2>&1)'
__sesh_ps0+='${__sesh_shell:(__sesh_next=\!+1)*0:0}\a'
__sesh_lacks=
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then  # no PS0
  __sesh_lacks=old-shell
elif ! (\builtin unset -v PS0 && \builtin unset -v PS1); then
  __sesh_lacks=readonly
elif ! \builtin shopt -q promptvars; then
  __sesh_lacks=promptvars
elif \builtin shopt -q restricted_shell; then  # no redirections
  __sesh_lacks=restricted
else
  if ! (\builtin unset -v PROMPT_COMMAND); then
    __sesh_lacks=readonly
    __sesh_ps1_front='\[\e]133;D;'$__sesh_shell'\a'${__sesh_ps1_front#'\['}
    __sesh_ps1_front=${__sesh_ps1_front%'\a\]'}'$({ __sesh_front; } 3>&1 >/dev/null 2>&1)\a\]'
  elif ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501)); then  # a string, in which $? and PIPESTATUS go on
    __sesh_renews=
    __sesh_hook_ready='(__sesh_ready)>/dev/null 2>&1&&__sesh_none()(:)'
    PROMPT_COMMAND=$__sesh_hook_end${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}$'\n'$__sesh_hook_ready
  else
    # bash restores $? and PIPESTATUS before each element. What reads PIPESTATUS gets one of its own. Else the first one
    # goes on behind ours: what assigns PROMPT_COMMAND, or is in it and rewrites it, means this element.
    if [[ ${PROMPT_COMMAND[0]-}$(__sesh_functions "${PROMPT_COMMAND[0]-}") == *PIPESTATUS* ]]; then
      PROMPT_COMMAND=("$__sesh_hook_end" "${PROMPT_COMMAND[@]}")
    else
      PROMPT_COMMAND[0]=$__sesh_hook_end${PROMPT_COMMAND[0]:+$'\n'${PROMPT_COMMAND[0]}}
    fi
    PROMPT_COMMAND+=("$__sesh_hook_ready")
  fi
  if [[ -n ${precmd_functions[0]-}${bash_preexec_imported-}${__bp_imported-} ]]; then
    precmd_functions=(__sesh_precmd ${precmd_functions[@]+"${precmd_functions[@]}"})
    preexec_functions+=(__sesh_preexec)
  fi
  PS0=${PS0-}$__sesh_ps0
  PS1=$__sesh_ps1_front${PS1-}$__sesh_ps1_rear
fi
\builtin printf '\e]7373;integration;bash;%s;%s\a' "$__sesh_lacks" "$$" >/dev/tty
fi 2>/dev/null  # as for a trace
# In POSIX mode a function's name with a dash is an error.
if [[ $- == *i* ]] && ! \builtin shopt -qo posix; then
sesh-pick() { sesh pick; }
sesh-next() { sesh next; }
fi 2>/dev/null
