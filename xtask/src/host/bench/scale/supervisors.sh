# Runs a supervisor per config of a folder until standard input ends, however its other end was let go of.
#
#   sh -c THIS SUPERVISOR FOLDER
trap : TERM
running=
for config in "$1"/*.yaml; do
    "$0" --config "$config" </dev/null >/dev/null 2>&1 &
    running="$running $!"
done
read -r _
trap '' TERM
# This process group, and more than once: one that was only just forked loses a signal. Agents have groups of their own, which their
# supervisors stop.
while :; do
    kill -TERM 0
    sleep 0.2
done &
again=$!
# shellcheck disable=SC2086 # One word each.
wait $running
kill -KILL "$again"
