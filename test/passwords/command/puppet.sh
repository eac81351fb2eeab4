# A program for the generic protocol that does what the password of each request tells it: comma-separated output in
# octal escapes, dSECONDS to wait, xSTATUS to exit, h to hang. Its arguments are done at the start.
# shellcheck shell=sh

# shellcheck disable=SC2059 # the escapes are a format
perform() {
    IFS=,
    for step in $1; do
        case $step in
        d*) sleep "${step#d}" ;;
        x*) exit "${step#x}" ;;
        h) sleep 1000000 ;;
        *) printf "$step" ;;
        esac
    done
}

set -f
for plan; do perform "$plan"; done
while IFS= read -r line; do perform "${line#*:*:*:}"; done
