#!/bin/sh
# Keeps sockets open, as systemd does, while the program that listens on them restarts. Restarts it on USR1, and ends it on TERM.
#
# socket-holder.sh PROGRAM [ARGUMENT…], started by systemd-socket-activate(1). Prints each exit status of PROGRAM.
trap 'kill -TERM "$child"' USR1
trap 'over=yes; kill -TERM "$child"' TERM
over=
while [ -z "$over" ]; do
    # shellcheck disable=SC2016 # the inner shell expands it
    sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" &
    child=$!
    while :; do
        wait "$child"
        status=$?
        # A signal to this shell interrupts wait, but does not end the program.
        if [ "$status" -le 128 ] || ! kill -0 "$child"; then break; fi
    done
    echo "ended with $status"
done
