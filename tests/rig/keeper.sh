#!/bin/sh
# Runs one component in DIR for as long as standard input stays open, then ends it and removes DIR.
#   keeper.sh DIR COMMAND...
# The test process holds the other end of that pipe. However it dies (a panic, Ctrl-C, kill -9), the pipe
# closes, and nothing of the component outlives it: no process, no mount, no file.
set -u
dir=$1
shift

"$@" </dev/null >"$dir/log" 2>&1 &
component=$!
echo "$component" >"$dir/pid"

cat >/dev/null

trap '' TERM
kill -TERM "$component" 2>/dev/null
(sleep 20 && kill -KILL "$component" 2>/dev/null) >/dev/null 2>&1 &
wait "$component" 2>/dev/null

# Children that the component left in our process group, then what it left mounted, deepest first.
kill -TERM 0
awk -v under="$dir/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
  while read -r mount; do umount -l "$mount"; done
rm -rf "$dir"
kill -KILL 0
