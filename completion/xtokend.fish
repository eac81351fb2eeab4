# Completes the commands and options of xtokend in fish.

# Succeeds if the command is one of these; an empty one means that there is none yet.
function __xtokend_runs
    set -l words (commandline -opc)
    set -l command ''
    if set -q words[2]
        set command $words[2]
        if string match -q -- '-*' $command
            set command serve
        end
    end
    contains -- "$command" $argv
end

complete -c xtokend -f

complete -c xtokend -n "__xtokend_runs ''" -a serve -d 'answer requests'
complete -c xtokend -n "__xtokend_runs ''" -a init -d 'write a configuration with fresh secrets'
complete -c xtokend -n "__xtokend_runs ''" -a mint -d 'print tokens'
complete -c xtokend -n "__xtokend_runs ''" -a verify -d 'check whether a token would be accepted, or why not'
complete -c xtokend -n "__xtokend_runs ''" -a keygen -d 'print fresh secrets'
complete -c xtokend -n "__xtokend_runs ''" -a revoke -d 'block a user at once'
complete -c xtokend -n "__xtokend_runs ''" -a passwd -d 'create, list or remove app passwords'
complete -c xtokend -n "__xtokend_runs ''" -a check -d 'find problems and their fixes'
complete -c xtokend -n "__xtokend_runs ''" -a reload -d 'reload the service of systemd, for ExecReload='
complete -c xtokend -n "__xtokend_runs ''" -a help -d 'show how to use a command, or a manual page'
complete -c xtokend -n '__xtokend_runs help' -a 'serve init mint verify keygen revoke passwd check reload help'
complete -c xtokend -n '__xtokend_runs help' -a manual -d 'xtokend(1)'
complete -c xtokend -n '__xtokend_runs help' -a configuration -d 'xtokend.toml(5)'
complete -c xtokend -n '__xtokend_runs help' -a prosody -d 'mod_auth_xtoken(5)'

complete -c xtokend -l help -d 'print how to use a command'
complete -c xtokend -n "__xtokend_runs ''" -l version -d 'print the version'
complete -c xtokend -n "__xtokend_runs '' serve init mint verify revoke passwd check" -l config -rF -d 'the configuration'
complete -c xtokend -n "__xtokend_runs '' serve check" -l protocol -x -a 'auto generic ejabberd native' -d 'the protocol of the requests'
complete -c xtokend -n "__xtokend_runs '' serve" -l listen -x -a 'unix:/' -d 'answer on a Unix socket'
complete -c xtokend -n "__xtokend_runs '' serve" -l until-stdin-ends -d 'end when standard input ends'
complete -c xtokend -n '__xtokend_runs init' -l group -x -a '(__fish_complete_groups)' -d 'a group that may read it'
complete -c xtokend -n '__xtokend_runs mint' -l count -x -d 'how many tokens'
complete -c xtokend -n '__xtokend_runs mint' -l key -x -d 'the key'
complete -c xtokend -n '__xtokend_runs mint verify' -l at -x -d 'the time'
complete -c xtokend -n '__xtokend_runs revoke passwd check' -l prosody -rF -d 'configuration of Prosody'
complete -c xtokend -n '__xtokend_runs revoke' -l undo -d 'let the user log in again'
complete -c xtokend -n '__xtokend_runs revoke' -l list -d 'print who is revoked'
complete -c xtokend -n '__xtokend_runs passwd' -l label -x -d 'its name, unique for the user'
complete -c xtokend -n '__xtokend_runs passwd' -l stdin -d 'read the password from standard input'
complete -c xtokend -n '__xtokend_runs passwd' -l list -d 'list app passwords'
complete -c xtokend -n '__xtokend_runs passwd' -l remove -d 'remove the app password with this label'
complete -c xtokend -n '__xtokend_runs passwd' -l all -d 'remove all app passwords of the user'
complete -c xtokend -n '__xtokend_runs check' -l json -d 'print JSON'
complete -c xtokend -n '__xtokend_runs check' -l socket -rF -d 'where xtokend listens'
complete -c xtokend -n '__xtokend_runs check' -l ejabberd -rF -d 'configuration of ejabberd'
complete -c xtokend -n '__xtokend_runs check' -l request -x -a 'isuser: auth:' -d 'send a request to a running xtokend'
