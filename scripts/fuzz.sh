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
printf '%s\n' "$targets" | while read -r package name; do
	echo "== $package $name"
	"$GO" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" </dev/null
done
