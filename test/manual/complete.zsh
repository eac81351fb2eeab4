# Prints what zsh offers after each command line, one word a line, and then "END": zsh -f complete.zsh DIRECTORY DUMP LINE…
# Runs another zsh on a pseudo-terminal, because the completion needs the line editor.

zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= fpath=(${(q)1} \$fpath) && autoload -Uz compinit && compinit -u -d ${(q)2}"
# Also prints the words that it offers.
zpty -w shell 'compadd() { local -a found; if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    builtin compadd -A found "$@"; builtin compadd "$@"; print -rl -- $'"'<'"'${^found}$'"'>'"' }'
zpty -w shell 'finish() { print "<""END>"; comppostfuncs=(finish) }; finish; stty -echo; bindkey "^I" complete-word; print "<""READY>"'
zpty -r -m shell output '*<READY>*'
for line in "${@:3}"; do
    # Ctrl-U removes the line.
    zpty -w -n shell "$line"$'\t\025'
    zpty -r -m shell output '*<END>*'
    print -r -- "$output" | sed -n 's/^[^<]*<\([^<>]*\)>.*$/\1/p'
done
zpty -d shell
