#!/bin/sh
# usage: fuzz.sh TIME
#
# Runs every fuzz target of the workspace, one after the other, each for TIME.
set -eu

GO=${GO:-go}
time=$1

# go test -list prints the targets of a package, then "ok" and the package.
list=$("$GO" test -list '^Fuzz' work)
targets=$(printf '%s\n' "$list" | awk '
	/^Fuzz/ { names[++n] = $1 }
	$1 == "ok" { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')

if [ -z "$targets" ]; then
	echo "fuzz: there is no fuzz target" >&2
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run_target fuzzes one target. When the time is up, go test may cut off a worker
# that is busy and call that a failure; an input that fails is written down.
run_target() {
	"$GO" test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" </dev/null >"$log" 2>&1 && failed=0 || failed=1
	cat "$log"
	[ "$failed" -eq 0 ] && return
	grep -q 'Failing input written' "$log" && return 1
	grep -qx '    context deadline exceeded' "$log" && echo "(that is the end of the time, not a finding)"
}

printf '%s\n' "$targets" | while read -r package name; do
	echo "== $package $name"
	run_target "$package" "$name"
done
