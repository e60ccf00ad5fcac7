#!/bin/sh
# usage: [HOST=localhost] cluster.sh KEYVAL DIR [FLAG...]
#
# Runs three nodes on this machine, at the address HOST, with their data in DIR
# and prints what each has to say behind its name. Ctrl-C stops them.
set -eu

keyval=$1 dir=$2 host=${HOST:-localhost}
shift 2

pipes=$(mktemp -d)
pids=
stop() {
	for pid in $pids; do kill -TERM "$pid" 2>/dev/null || :; done
}
trap : INT # which the terminal sends to the nodes as well
trap stop TERM HUP
trap 'rm -rf "$pipes"' EXIT

# label prints its input line by line, at once, which neither sed nor awk promises.
label() {
	while IFS= read -r line; do printf '%s | %s\n' "$1" "$line"; done
}

# start runs a node behind a pipe, not in a pipeline, for the sake of its pid.
start() {
	name=$1
	shift
	mkfifo "$pipes/$name"
	label "$name" <"$pipes/$name" &
	labels="${labels-} $!"
	"$keyval" -id "$name" "$@" "$dir/$name" >"$pipes/$name" 2>&1 &
	pids="$pids $!"
}

mkdir -p "$dir"
start node0 "$@" -haddr "$host":11000 -raddr "$host":12000
start node1 "$@" -haddr "$host":11001 -raddr "$host":12001 -join "$host":11000
start node2 "$@" -haddr "$host":11002 -raddr "$host":12002 -join "$host":11000

# A trapped signal ends a wait early, so each is asked for again until it is gone.
failed=0
for pid in $pids; do
	while :; do
		code=0
		wait "$pid" || code=$?
		kill -0 "$pid" 2>/dev/null || break
	done
	[ "$code" -eq 0 ] || failed=1
done
for pid in $labels; do wait "$pid" || :; done
exit $failed
