# shellcheck shell=sh disable=SC2154
# (SC2154: newline, program, now, empty_at, next and fault are set by the file that reads this one in.)
#
# The keeper: what xtokend does on a terminal that Prosody's stock external module drives (lpty). It starts Node, starts
# it again when it dies, and ends with 0 whatever happens: after any other end the module refuses every login for good.
# docs/terminal.md says why.

# How old a request may be that is refused here, in hundredths of a second: no more than the least answer_within.
patience=100
# How long a read waits for a request, in tenths of a second as stty takes it, and in hundredths.
read_time=5
read_time_hundredths=50
# A Node that dies within a second of its start has a lasting fault, surely; within a minute, perhaps.
instant_death=100
early_death=6000
# So many points lead to refusal: two instant deaths, or four early ones.
too_many=4

log() {
    # In the background, and not for ever: a log that hangs must not keep anybody from an answer.
    timeout 10 logger -t xtokend -p auth.err -- "$1" </dev/null >/dev/null 3<&- &
}

# Ends Node, at the latest after a second, and then the keeper.
finish() {
    trap '' TERM HUP USR1
    if [ -n "$node" ]; then
        kill -TERM "$node"
        (trap - TERM && sleep 1 && kill -KILL "$node") </dev/null >/dev/null 3<&- &
        wait "$node"
        kill "$!"
    fi
    exit 0
}

# Hands a signal on to Node once it catches them: until then SIGHUP would end it, and SIGUSR1 open its debugger to everybody
# on the machine. A Node that does not has not read the configuration yet.
forward() {
    if [ -n "$node" ] && catches_hangup; then kill "-$1" "$node"; fi
}

# Whether Node has a handler for SIGHUP, the last bit of the mask (proc(5)). A signal can come at any command: these names are no others'.
catches_hangup() {
    while read -r mask caught; do
        case $mask$caught in SigCgt:*[13579bdf]) return ;; esac
    done <"/proc/$node/status"
    false
}

# Runs Node until it ends; leaves its exit code in $status, and in $lived how long it lived.
run() {
    instant
    started=$now
    set_terminal min 1 time 0
    # Answers go out on a descriptor of their own: whatever else prints to standard output must not get there. A command in
    # the background has no standard input unless it is given one.
    XTOKEND_KEEPER="$empty_at $next $$ $PPID" node "$program" "$@" <&3 3>&1 >/dev/null &
    node=$!
    while :; do
        wait "$node"
        status=$?
        # A signal ends a wait, too.
        kill -0 "$node" || break
    done
    node=
    instant
    lived=$((now - started))
}

# Answers 0 to each request in $request that is certainly still waiting.
refuse_request() {
    while :; do
        case $request in *"$newline"*) ;; *) break ;; esac
        request=${request#*"$newline"}
        if [ "$next" = request ] && [ $((now - empty_at)) -lt $patience ]; then printf '0\n'; fi
        next='request'
    done
    # The rest of a request that was cut in two is not another request.
    if [ "$request" != . ]; then next='tail'; fi
}

orphaned() {
    while read -r name value; do
        if [ "$name" = PPid: ]; then
            [ "$value" != "$PPID" ]
            return
        fi
    done <"/proc/$$/status"
}

# Reads once, and refuses what was read.
read_and_refuse() {
    before=$now
    request=$(dd bs=4096 count=1 && echo .) || exit 0
    instant
    read_characters=${#request}
    if [ "$request" = . ]; then
        # Nothing at once, instead of after some time: the terminal's other end is gone.
        if [ $((now - before)) -lt $((read_time_hundredths / 2)) ]; then finish; fi
        empty_at=$((before + read_time_hundredths - 1))
        return
    fi
    refuse_request
    # A read that is far from full took all there was (a character has four bytes at the most): what the next one finds
    # was written after this one began.
    if [ "$read_characters" -lt 1024 ]; then empty_at=$before; fi
}

# Refuses every request for $1 seconds at least, until Node runs and finds the program whole.
refuse() {
    instant
    until=$((now + $1 * 100))
    probe=
    set_terminal min 0 time $read_time
    while :; do
        read_and_refuse
        if orphaned; then finish; fi
        if [ -n "$probe" ] && ! kill -0 "$probe"; then
            if wait "$probe"; then return; fi
            probe=
            until=$((now + 1000))
        fi
        if [ -z "$probe" ] && [ "$now" -ge "$until" ]; then
            find_fault
            if [ -n "$fault" ]; then continue; fi
            node "$program" --version </dev/null >/dev/null 3<&- &
            probe=$!
        fi
    done
}

# Leaves in $points how much speaks for a fault that a new start does not mend.
count_death() {
    if [ "$lived" -ge $early_death ]; then
        points=0
        pause=1
    fi
    points=$((points + 1))
    if [ "$lived" -lt $instant_death ]; then points=$((points + 1)); fi
}

node=
exec 3<&0
trap finish TERM
# A new configuration; or the terminal's other end is gone, which Node sees for itself.
trap 'forward HUP' HUP
trap 'forward USR1' USR1

case " $* " in
*' --protocol ejabberd '* | *' --protocol=ejabberd '*)
    log "--protocol ejabberd cannot work on a terminal, which stops at NUL bytes: set external_auth_protocol = \"generic\""
    exit 0
    ;;
esac

pause=1
points=0
while :; do
    find_fault
    if [ -n "$fault" ]; then
        log "$fault Every login is refused until then."
        refuse 1
        continue
    fi
    run "$@"
    if [ "$status" -eq 0 ]; then exit 0; fi
    drain
    count_death
    if [ "$points" -lt $too_many ]; then
        log "the Node process ended with status $status; it is started again"
    else
        log "the Node process ended with status $status soon after its start, again; every login is refused for $pause s. To see why, run as this user: node $program serve </dev/null"
        refuse "$pause"
        pause=$((pause < 60 ? pause * 2 : 60))
    fi
done
