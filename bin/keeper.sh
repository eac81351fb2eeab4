# shellcheck shell=sh disable=SC2154
# (SC2154: newline, program, bin, now, empty_at, next and fault are set by the file that reads this one in.)
#
# The keeper: what xtokend does on a terminal that Prosody's stock external module drives (lpty). It starts Node, starts
# it again when it dies, and ends with 0 whatever happens: after any other end the module refuses every login for good.
# docs/terminal.md says why.

# Hundredths of a second: a request that may be older is not answered. Prosody's module waits 5 s.
patience=400
# A Node that dies sooner after its start has a lasting fault.
short_life=100

log() {
    # In the background: a log that hangs must not keep anybody from an answer.
    logger -t xtokend -p auth.err -- "$1" </dev/null >/dev/null 3<&- &
}

# Ends Node, at the latest after a second, and then the keeper.
finish() {
    trap '' TERM HUP
    if [ -n "$node" ]; then
        kill -TERM "$node"
        (sleep 1 && kill -KILL "$node") </dev/null >/dev/null 3<&- &
        wait "$node"
        kill "$!"
    fi
    exit 0
}

# Runs Node until it ends; leaves its exit code in $status, and in $lived how long it lived.
run() {
    instant
    started=$now
    stty min 1 time 0
    # A command in the background has no standard input unless it is given one.
    XTOKEND_KEEPER="$empty_at $next $$ $PPID" node "$program" "$@" <&3 3<&- &
    node=$!
    wait "$node"
    status=$?
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

# Refuses every request for $1 seconds at least, until Node runs and finds the program whole.
refuse() {
    instant
    until=$((now + $1 * 100))
    probe=
    # A read of nothing ends after one second.
    stty min 0 time 10
    while :; do
        before=$now
        request=$(dd bs=4096 count=1; echo .)
        instant
        # Nothing at once, instead of after a second: the terminal's other end is gone.
        if [ "$request" = . ] && [ $((now - before)) -lt 50 ]; then finish; fi
        refuse_request
        # A read takes all there is: what the next one finds was written after this one began.
        empty_at=$before
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

node=
trap finish TERM HUP
exec 3<&0

case " $* " in
*' ejabberd '* | *=ejabberd*)
    log "--protocol ejabberd cannot work on a terminal, which stops at NUL bytes: set external_auth_protocol = \"generic\""
    exit 0
    ;;
esac

pause=1
short_lives=0
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
    if [ "$lived" -ge $short_life ]; then
        pause=1
        short_lives=0
    fi
    short_lives=$((short_lives + 1))
    if [ "$short_lives" -lt 2 ]; then
        log "the Node process ended with status $status; it is started again"
    else
        log "the Node process ended with status $status as soon as it was started; every login is refused for $pause s. To see why, run as this user: node $program serve </dev/null"
        refuse "$pause"
        pause=$((pause < 60 ? pause * 2 : 60))
    fi
done
