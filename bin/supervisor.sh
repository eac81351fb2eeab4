# shellcheck shell=sh disable=SC2154
# (SC2154: newline, signals, program, no_debugger, now, empty_at, next, left and fault are set by the file that reads this one in.)
#
# The supervisor: what xtokend does on a terminal that Prosody's stock external module drives (lpty). It starts Node, starts
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

# Ends Node, at the latest after a second, and then the supervisor.
finish() {
    # shellcheck disable=SC2086 # a list
    trap '' HUP USR1 $signals
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
    # SIGUSR1 would end Node until Node sets its own handler.
    (
        trap '' USR1
        XTOKEND_SUPERVISOR="$empty_at $next $$ $PPID" exec node "$no_debugger" "$program" "$@"
    ) <&3 3>&1 >/dev/null &
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

# Sets $server to the process that holds the other end of the terminal, and $waiting to what select(2) has for arguments while
# that waits for an answer. Whatever the server starts inherits the other end: so it is the oldest ancestor that holds it.
# Leaves both empty if none can be seen.
find_server() {
    server=
    waiting=
    terminal=$(readlink "/proc/$$/fd/3")
    ancestor=$PPID
    while :; do
        held=$(grep -ls "^tty-index:[[:space:]]*${terminal##*/}\$" "/proc/$ancestor/fdinfo/"*)
        if [ -z "$held" ]; then return; fi
        held=${held%%"$newline"*}
        server=$ancestor
        waiting=$(printf '0x%x 0x0 0x0' $((${held##*/} + 1)))
        find_parent "$ancestor"
        ancestor=$parent
    done
}

# Sets $sight to what the server is seen to do: "waiting" for an answer (on this terminal, if it may be traced, and asleep
# rather than stopped; proc(5)), "elsewhere" if it has gone on, or "unclear".
look() {
    place=
    here=$waiting
    if read -r _ count _ writes errors _ <"/proc/$server/syscall"; then here="$count $writes $errors"; fi
    read -r place <"/proc/$server/wchan"
    case $place in
    poll_schedule_timeout* | do_select* | core_sys_select*)
        sight='elsewhere'
        if [ "$here" = "$waiting" ]; then sight='waiting'; fi
        ;;
    do_epoll_wait* | ep_poll*) sight='elsewhere' ;;
    *) sight='unclear' ;;
    esac
}

# Leaves in $next whether the input in $1 ends inside a request, and succeeds if it does not.
ends_whole() {
    case $1 in
    . | *"$newline".) next='request' ;;
    *)
        next='tail'
        return 1
        ;;
    esac
}

# Answers 0 to the newest request, all of which was read, if the server is seen waiting for it, has sent nothing more by then, and is
# seen waiting again. Looks $1 times at the most.
refuse_newest() {
    set_terminal min 0 time 0
    tries=$1
    while look && [ $sight != elsewhere ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        if [ $sight = unclear ]; then
            sleep 0.01
            continue
        fi
        rest=$(cat && echo .) || exit 0
        if ! ends_whole "$rest"; then return; fi
        if [ "$rest" != . ]; then
            tries=$1
            continue
        fi
        look
        if [ $sight = waiting ]; then
            printf '0\n'
            return
        fi
    done
}

# Answers 0 to the request in $request if it is one line, and certainly still waiting by its age: for a server that cannot be seen.
refuse_by_age() {
    if [ $((now - empty_at)) -lt $patience ]; then
        case ${request%"$newline".} in *"$newline"*) ;; *) printf '0\n' ;; esac
    fi
}

# Leaves in $parent the process that started process $1.
find_parent() {
    while read -r name parent; do
        if [ "$name" = PPid: ]; then return; fi
    done <"/proc/$1/status"
}

orphaned() {
    find_parent $$
    [ "$parent" != "$PPID" ]
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
    began=$next
    if ends_whole "$request"; then
        if [ -n "$server" ]; then
            refuse_newest 100
            set_terminal min 0 time $read_time
        elif [ "$began" = request ]; then
            refuse_by_age
        fi
    fi
    # A read that is far from full took all there was (a character has four bytes at the most): what the next one finds
    # was written after this one began.
    if [ "$read_characters" -lt 1024 ]; then empty_at=$before; fi
}

# Refuses every request for $1 seconds at least, until Node runs and finds the program whole.
refuse() {
    instant
    until=$((now + $1 * 100))
    probe=
    find_server
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
            node "$no_debugger" "$program" --version </dev/null >/dev/null 3<&- &
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
# shellcheck disable=SC2086 # a list
trap finish $signals
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
    # The server need not wait for a request that Node did not answer.
    find_server
    if [ -n "$server" ] && [ "$next" = request ]; then refuse_newest 5; fi
    count_death
    if [ "$points" -lt $too_many ]; then
        log "the Node process ended with status $status; it is started again"
    else
        log "the Node process ended with status $status soon after its start, again; every login is refused for $pause s. To see why, run as this user: node $program serve </dev/null"
        refuse "$pause"
        pause=$((pause < 60 ? pause * 2 : 60))
    fi
done
