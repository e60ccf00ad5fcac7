package app

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker in a release; `go install` needs no such help.
var version string

const modulePath = "github.com/forkbikash/keyval/apps/keyval"

// buildVersion is the version of keyval in this program, which may be another's
// main module.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}

func versionLine() string {
	return fmt.Sprintf("keyval %s %s %s/%s", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
