# sesh's part of zsh: eval "$(sesh shell-init zsh)" at the end of ~/.zshrc
#
# A DEBUG trap sees each list of commands in a function, before it or (without debug_before_cmd) behind it. So a hook of
# ours is one list, `a && b || c && …`: that option is off where it begins and on where it ends, so no trap sees it.
# What `emulate -o … -c` defines has these options in each call, whatever the user has set, and leaves the user's.
if [[ -o interactive && -z ${ZSH_EXECUTION_STRING-} && -n ${SESH_ENV_FILE-} && -z ${functions[__sesh_precmd]-} ]]; then
if [[ $ZSH_VERSION == [1-4].* ]]; then
'builtin' 'printf' '\e]7373;integration;zsh;old-shell;%s\a' $$ >/dev/tty
else
'builtin' 'emulate' zsh -o no_aliases -o no_debug_before_cmd -o no_xtrace -o extended_glob -c '
typeset -g +x __sesh_ran= __sesh_had_eol_mark=1 __sesh_renewed= &&
# SHLVL is higher in a shell within a command, which may get an exported PROMPT_EOL_MARK: it prints nothing.
typeset -g +x __sesh_end="%($((SHLVL + 1))L..%{${(g::):-\\e]133;D;%?;sesh=$$\\a}%})" &&
typeset -g +x __sesh_line="%{${(g::):-\\e]133;B;sesh=$$\\a}%}" &&
typeset -g +x __sesh_default="%B%S%#%s%b" &&

# Put our hooks where they belong, as other start files and themes assign these arrays anew.
__sesh_place() {
  [[ -n ${(M)precmd_functions:#__sesh_precmd} || ${(t)precmd_functions} == *readonly* ]] ||
    precmd_functions=(__sesh_precmd $precmd_functions) &&
  [[ $preexec_functions[-1] == __sesh_preexec || ${(t)preexec_functions} == *readonly* ]] ||
    preexec_functions=(${preexec_functions:#__sesh_preexec} __sesh_preexec) &&
  setopt debug_before_cmd
} &&

# Become the last of preexec_functions, as others do in their precmd: this is called once, between that and preexec.
__sesh_zshaddhistory() {
  zshaddhistory_functions=(${zshaddhistory_functions:#__sesh_zshaddhistory}) &&
  [[ -n $zshaddhistory_functions ]] || unset zshaddhistory_functions &&
  __sesh_place
} &&

# End the command, unless PROMPT_EOL_MARK has done so. Where others may have printed, D has no code, but A has it.
__sesh_precmd() {
  local code=$? end= known= &&
  [[ -z $__sesh_ran || ( -o prompt_sp && -o prompt_cr && ${PROMPT_EOL_MARK-} == "$__sesh_end"* ) ]] || end="D;$code" &&
  [[ -z $end || ( ( ! -o prompt_sp || ! -o prompt_cr ) && -o notify && -z ${functions[precmd]-} &&
    $precmd_functions[1] == __sesh_precmd ) ]] || end=D known=";code=$code" &&
  builtin printf "%b\e]133;A;sesh=%s\a" "${end:+\\e]133;$end;sesh=$$\\a}" "$$$known" 2>/dev/null >/dev/tty || : &&
  [[ $__sesh_had_eol_mark == 1 || ${PROMPT_EOL_MARK-} != "$__sesh_end$__sesh_default" ]] || unset PROMPT_EOL_MARK &&
  [[ ${PROMPT_EOL_MARK-} != "$__sesh_end"* ]] || PROMPT_EOL_MARK=${PROMPT_EOL_MARK#"$__sesh_end"} &&
  [[ ! -o prompt_percent || ${PS1//\%\%} == *%(|-)[0-9]# || $PS1 == *"$__sesh_line" || ${(t)PS1} == *readonly* ]] ||
    PS1+=$__sesh_line &&
  __sesh_ran= __sesh_had_eol_mark=1 &&
  [[ ! -r ${SESH_ENV_FILE-} || $(<$SESH_ENV_FILE) == "$__sesh_renewed" ]] || __sesh_renew &&
  [[ ${(t)zshaddhistory_functions} == *readonly* || -n ${(M)zshaddhistory_functions:#__sesh_zshaddhistory} ]] ||
    zshaddhistory_functions+=(__sesh_zshaddhistory) &&
  __sesh_place
} &&

# Begin a command. Without text it is not recorded. `report`: zsh adds a line to the output of a command that has used so
# many seconds of processor time. `mixed`: others, or zsh for a job, may print into the output at any time.
# Whether zsh has refused the line (zshaddhistory, hist_no_store, …) shows in a subshell: the next line then takes its
# number. It lists the traps, and drops them before one sees it. With one of DEBUG their words, and functions named
# there, may print.
__sesh_preexec() {
  local text= report= mixed= seen= traps= MATCH MBEGIN MEND &&
  seen=$(builtin trap && builtin trap - && seen=$HISTCMD && builtin print -s x && (( HISTCMD > seen )) &&
    builtin print kept) || : &&
  [[ $seen != *DEBUG* ]] || traps=$seen$(builtin trap - && builtin functions ${(Qz)${(Qz)seen}} 2>/dev/null) || : &&
  [[ -z $1 || $1 == " "* || $#1 -gt 4096 || $seen != *kept ]] || text=$1 &&
  text=${text//([[:cntrl:]]~[[:ascii:]])/} &&
  text=${text//(#m)[%;[:cntrl:]]/%${(l:2::0:)$(([##16]#MATCH))}} &&
  [[ ${REPORTTIME-} == (|-*) ]] || report=${${(M)REPORTTIME:#<->}:-0} &&
  [[ -z $report || ${(%):-%j} == 0 ]] || mixed=1 &&
  [[ ${REPORTMEMORY-} == (|-*) && $preexec_functions[-1] == __sesh_preexec &&
    ${traps//(print|echo)[^[:cntrl:];|&]#\>[^&]/} != *(print|echo|tput|cat |/dev/(tty|std))* ]] || mixed=1 &&
  builtin printf "\e]133;C;sesh=%s\a" "$$${report:+;report=$report}${mixed:+;mixed=1}${text:+;cmdline_url=$text}" \
    2>/dev/null >/dev/tty || : &&
  __sesh_ran=1 __sesh_had_eol_mark=${+PROMPT_EOL_MARK} &&
  [[ ${PROMPT_EOL_MARK-} == "$__sesh_end"* || ${(t)PROMPT_EOL_MARK} == *readonly* ]] ||
    PROMPT_EOL_MARK=$__sesh_end${PROMPT_EOL_MARK-$__sesh_default} &&
  [[ $PS1 != *"$__sesh_line"* || ${(t)PS1} == *readonly* ]] || PS1=${PS1//"$__sesh_line"} &&
  __sesh_place
} &&

# The shims of the session come first in PATH, which a startup file or another login may have set anew.
__sesh_shims() {
  [[ $PATH == ${SESH_ENV_FILE%/*}/bin:* || ! -e ${SESH_ENV_FILE%/*}/bin/.sesh || ${(t)PATH} == *readonly* ]] ||
    PATH=${SESH_ENV_FILE%/*}/bin:$PATH
} &&

__sesh_renew() {
  local line
  __sesh_renewed=$(<$SESH_ENV_FILE)
  for line in ${(f)__sesh_renewed}; do
    case $line in
      SSH_AUTH_SOCK=*) [[ -S ${SSH_AUTH_SOCK-} ]] || export "$line" ;;
      *=?*) [[ ${(tP)line%%=*} == *readonly* ]] || export "$line" ;;
      *=) [[ ${(tP)line%=} == *readonly* ]] || unset "${line%=}" ;;
    esac
  done
  __sesh_shims
} &&

__sesh_shims &&
typeset -ga precmd_functions preexec_functions &&
[[ ${(t)zshaddhistory_functions} == *readonly* ]] || zshaddhistory_functions+=(__sesh_zshaddhistory) &&
builtin printf "\e]7373;integration;zsh;%s;%s\a" \
  "${${(M)${:-${(t)PS1}${(t)PROMPT_EOL_MARK}${(t)precmd_functions}${(t)preexec_functions}}:#*readonly*}:+readonly}" $$ \
  >/dev/tty &&
__sesh_place
'
fi
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
