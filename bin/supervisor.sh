# shellcheck shell=sh disable=SC2154
# (SC2154: bin/xtokend, which sources this file, sets newline, signals, program, no_debugger, now, drained_at, next, left and fault.)
#
# The supervisor: runs xtokend on a terminal of Prosody's stock external module (lpty). It starts Node and restarts it when
# it dies. It always exits with 0: otherwise the module refuses every login until it is reloaded. See docs/terminal.md.

# The maximum age of a request that is refused here, in hundredths of a second: the minimum of answer_within or less.
reply_deadline=100
# The timeout of a read: in tenths of a second for stty, and in hundredths.
read_time=5
read_time_hundredths=50
# An exit within a second of the start almost certainly has a permanent cause; one within a minute may have one.
immediate_exit=100
early_exit=6000
# After two immediate exits or four early ones, the supervisor refuses requests for a while.
max_failure_points=4

log() {
    # In the background and with a timeout, so that a log that hangs delays no answer.
    timeout 10 logger -t xtokend -p auth.err -- "$1" </dev/null >/dev/null 3<&- &
}

# Terminates Node, with SIGKILL after a second, and exits.
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

# Forwards a signal to Node if Node handles it. Otherwise SIGHUP would end Node, and SIGUSR1 would open its debugger to all
# local users. Dropping it is safe: Node has not read the configuration yet.
forward() {
    if [ -n "$node" ] && catches_hangup; then kill "-$1" "$node"; fi
}

# Succeeds if Node handles SIGHUP, the last bit of the mask (proc(5)).
# This can run between any two commands, so no other function may use these variables.
catches_hangup() {
    while read -r mask caught; do
        case $mask$caught in SigCgt:*[13579bdf]) return ;; esac
    done <"/proc/$node/status"
    false
}

# Runs Node until it exits. Sets $status to its exit code, and $lifetime to its run time in hundredths of a second.
run() {
    read_uptime
    started=$now
    set_terminal min 1 time 0
    # Answers have their own descriptor, so that no other output reaches the terminal. A background command has no standard
    # input unless it is redirected. SIGUSR1 would end Node before Node sets its own handler.
    (
        trap '' USR1
        XTOKEND_SUPERVISOR="$drained_at $next $$ $PPID" exec node "$no_debugger" "$program" "$@"
    ) <&3 3>&1 >/dev/null &
    node=$!
    while :; do
        wait "$node"
        status=$?
        # A signal also ends the wait.
        kill -0 "$node" || break
    done
    node=
    read_uptime
    lifetime=$((now - started))
}

# Sets $server to the process that has the other end of the terminal open, and $waiting_call to the arguments of its
# select(2) while it waits for an answer. Child processes of the server inherit that end, so the server is the oldest
# ancestor that has it. Leaves both empty if there is none.
find_server() {
    server=
    waiting_call=
    terminal=$(readlink "/proc/$$/fd/3")
    ancestor=$PPID
    while :; do
        held=$(grep -ls "^tty-index:[[:space:]]*${terminal##*/}\$" "/proc/$ancestor/fdinfo/"*)
        if [ -z "$held" ]; then return; fi
        held=${held%%"$newline"*}
        server=$ancestor
        waiting_call=$(printf '0x%x 0x0 0x0' $((${held##*/} + 1)))
        find_parent "$ancestor"
        ancestor=$parent
    done
}

# Sets $server_state (proc(5)): "waiting" if the server sleeps in select(2) for an answer, "elsewhere" if it sleeps in
# another call, "unclear" if neither is certain, for example if it is stopped. If this process may not trace the server,
# "waiting" can be for another terminal.
observe_server() {
    wait_channel=
    current_call=$waiting_call
    if read -r _ count _ writes errors _ <"/proc/$server/syscall"; then current_call="$count $writes $errors"; fi
    read -r wait_channel <"/proc/$server/wchan"
    case $wait_channel in
    poll_schedule_timeout* | do_select* | core_sys_select*)
        server_state='elsewhere'
        if [ "$current_call" = "$waiting_call" ]; then server_state='waiting'; fi
        ;;
    do_epoll_wait* | ep_poll*) server_state='elsewhere' ;;
    *) server_state='unclear' ;;
    esac
}

# Succeeds if the input in $1 ends with a complete request. Sets $next to what the next input starts with.
ends_whole() {
    case $1 in
    . | *"$newline".) next='request' ;;
    *)
        next='tail'
        return 1
        ;;
    esac
}

# Answers 0 to the newest request, which has been read completely, if the server waits for it, has sent nothing more, and
# then still waits. Tries at most $1 times.
refuse_newest() {
    set_terminal min 0 time 0
    tries=$1
    while observe_server && [ $server_state != elsewhere ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        if [ $server_state = unclear ]; then
            sleep 0.01
            continue
        fi
        rest=$(cat && echo .) || exit 0
        if ! ends_whole "$rest"; then return; fi
        if [ "$rest" != . ]; then
            tries=$1
            continue
        fi
        observe_server
        if [ $server_state = waiting ]; then
            printf '0\n'
            return
        fi
    done
}

# Answers 0 to the request in $request if it is one line, and so recent that the server must still be waiting. Used if the
# server can't be observed.
refuse_by_age() {
    if [ $((now - drained_at)) -lt $reply_deadline ]; then
        case ${request%"$newline".} in *"$newline"*) ;; *) printf '0\n' ;; esac
    fi
}

# Sets $parent to the parent of process $1.
find_parent() {
    while read -r name parent; do
        if [ "$name" = PPid: ]; then return; fi
    done <"/proc/$1/status"
}

orphaned() {
    find_parent $$
    [ "$parent" != "$PPID" ]
}

# Reads once, and refuses the request that was read.
read_and_refuse() {
    before=$now
    request=$(dd bs=4096 count=1 && echo .) || exit 0
    read_uptime
    read_characters=${#request}
    if [ "$request" = . ]; then
        # A read that is empty before its timeout means that the other end of the terminal is closed.
        if [ $((now - before)) -lt $((read_time_hundredths / 2)) ]; then finish; fi
        drained_at=$((before + read_time_hundredths - 1))
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
    # A read that is shorter than its buffer took all input (a character has at most four bytes), so the next read returns
    # only input that was written after this one began.
    if [ "$read_characters" -lt 1024 ]; then drained_at=$before; fi
}

# Refuses every request for at least $1 seconds, until Node can run the program.
refuse() {
    read_uptime
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

# Adds to $failure_points, which measure how likely it is that a restart doesn't fix the fault.
count_exit() {
    if [ "$lifetime" -ge $early_exit ]; then
        failure_points=0
        pause=1
    fi
    failure_points=$((failure_points + 1))
    if [ "$lifetime" -lt $immediate_exit ]; then failure_points=$((failure_points + 1)); fi
}

node=
exec 3<&0
# shellcheck disable=SC2086 # a list
trap finish $signals
# SIGHUP reloads the configuration. The terminal also sends it when it is closed, which Node detects by itself.
trap 'forward HUP' HUP
trap 'forward USR1' USR1

case " $* " in
*' --protocol ejabberd '* | *' --protocol=ejabberd '* | *' --protocol native '* | *' --protocol=native '*)
    log "Prosody's external module on a terminal needs the generic protocol: remove --protocol, and set external_auth_protocol = \"generic\""
    exit 0
    ;;
esac

pause=1
failure_points=0
while :; do
    find_fault
    if [ -n "$fault" ]; then
        log "$fault Every login is refused until this is fixed."
        refuse 1
        continue
    fi
    run "$@"
    if [ "$status" -eq 0 ]; then exit 0; fi
    drain
    # Refuse the request that Node left unanswered, so that the server does not wait until its timeout.
    find_server
    if [ -n "$server" ] && [ "$next" = request ]; then refuse_newest 5; fi
    count_exit
    if [ "$failure_points" -lt $max_failure_points ]; then
        log "the Node process ended with status $status; it is started again"
    else
        log "the Node process ended with status $status soon after its start, again; every login is refused for $pause s. To see why, run as this user: node $program serve </dev/null"
        refuse "$pause"
        pause=$((pause < 60 ? pause * 2 : 60))
    fi
done
