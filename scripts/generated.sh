#!/bin/sh
# usage: generated.sh BUF
#
# Fails, and shows why, unless the generated code is what generating it now gives.
set -eu

buf=$1
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$buf" generate -o "$fresh"

{
	(cd "$fresh" && find . -type f | sed 's|^\./||')
	git ls-files --cached --others --exclude-standard -- '*.pb.go'
} | sort -u | {
	stale=0
	while read -r file; do
		diff -u "$file" "$fresh/$file" || stale=1
	done
	[ "$stale" -eq 0 ] || { echo "generated code is not current: run make generate" >&2; exit 1; }
}
