#!/bin/sh
# usage: VERSION=v0.2.0 DRY_RUN=0 release.sh
#
# Releases every module of the workspace at one version, in two steps: first the
# modules that others require, then those that require them, so that nobody can
# ask for a program whose libraries are not there yet. With DRY_RUN=1 it prints
# the commands and changes nothing.
#
# A tag is forever: the module proxies keep what they saw under it.
set -eu

GO=${GO:-go}
libraries='client core storage transport'

fail() {
	echo "release: $*" >&2
	exit 1
}

run() {
	echo "+ $*"
	[ "$DRY_RUN" = 1 ] || "$@"
}

tag() {
	for module in $1; do
		run git tag -a "$module/$VERSION" -m "$module $VERSION"
		refs="$refs $module/$VERSION"
	done
	# Pushed together, or not at all.
	# shellcheck disable=SC2086
	run git push --atomic origin $refs
	refs=
}

[ -n "${VERSION-}" ] || {
	VERSION=vX.Y.Z DRY_RUN=1
	echo "name the version to see it checked: make release VERSION=v0.2.0"
}
[ "$DRY_RUN" = 1 ] && echo "these are the commands; DRY_RUN=0 runs them"

programs=
for dir in $("$GO" list -m -f '{{.Dir}}'); do
	module=${dir#"$PWD"/}
	case " $libraries " in
	*" $module "*) ;;
	*) programs="$programs $module" ;;
	esac
done

if [ "$VERSION" != vX.Y.Z ]; then
	case $VERSION in
	v[0-9]*.[0-9]*.[0-9]*) ;;
	*) fail "$VERSION is not a version like v0.2.0" ;;
	esac
	[ -z "$(git tag --list "*/$VERSION")" ] || fail "there are tags of $VERSION already"
	grep -qF "## [${VERSION#v}]" CHANGELOG.md || fail "CHANGELOG.md has no section [${VERSION#v}]"
	[ -z "$(git status --porcelain)" ] || fail "commit or remove what git status shows"
fi

# One commit carries both steps, since no go.sum names our own modules.
run make require VERSION="$VERSION"
run make tidy-check standalone install-check
if [ "$DRY_RUN" = 1 ] || ! git diff --quiet; then
	run git commit --all -m "Release $VERSION"
fi
run git push origin HEAD

refs=
tag "$libraries"
tag "$programs"
