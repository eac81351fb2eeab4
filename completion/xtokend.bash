# Completes the commands and options of xtokend in bash 4 and later.
# shellcheck shell=bash

_xtokend() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=serve words=
    # Bash makes three words of --protocol=auto.
    if [[ $word == = ]]; then
        word=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then command=${COMP_WORDS[1]}; fi
    COMPREPLY=()
    case $previous in
    --config | --prosody | --ejabberd | --socket)
        compopt -o default
        return
        ;;
    --protocol) words='auto generic ejabberd native' ;;
    --group) words=$(compgen -g) ;;
    --listen) words='unix:/' ;;
    --request) words='isuser: auth:' ;;
    --at | --count | --key | --label) ;;
    *) words=$(_xtokend_words "$command" "$word") ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# Prints what can follow a command, or be one.
_xtokend_words() {
    local commands='serve init mint verify keygen revoke passwd check reload help'
    if [[ $2 == -* ]]; then
        case $1 in
        serve) echo --config --protocol --listen --until-stdin-ends ;;
        init) echo --config --group ;;
        mint) echo --config --count --key --at ;;
        verify) echo --config --at ;;
        revoke) echo --config --prosody --undo --list ;;
        passwd) echo --config --label --stdin --list --remove --all --prosody ;;
        check) echo --config --json --socket --prosody --ejabberd --request --protocol ;;
        esac
        echo --help
        if ((COMP_CWORD == 1)); then echo --version; fi
    elif ((COMP_CWORD == 1)); then
        echo "$commands"
    elif [[ $1 == help && $COMP_CWORD == 2 ]]; then
        echo "$commands" manual configuration prosody
    fi
}

complete -F _xtokend xtokend
