#!/bin/sh
# Keeps sockets open, as systemd does, while what listens on them is started again: at every USR1, until TERM.
#
# socket-holder.sh PROGRAM [ARGUMENT…], started by systemd-socket-activate(1). Says the exit status of each PROGRAM.
trap 'kill -TERM "$child"' USR1
trap 'over=yes; kill -TERM "$child"' TERM
over=
while [ -z "$over" ]; do
    # shellcheck disable=SC2016 # it is the inner shell's own
    sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" &
    child=$!
    while :; do
        wait "$child"
        status=$?
        # A signal to us ends the waiting, not the program.
        if [ "$status" -le 128 ] || ! kill -0 "$child"; then break; fi
    done
    echo "ended with $status"
done
