package process_test

import (
	"syscall"
	"testing"
)

// unprivileged would make a process that of a user whom permissions bind.
// Windows has other permissions than the test sets.
func unprivileged(t *testing.T, _ string) *syscall.SysProcAttr {
	t.Helper()
	t.Skip("the mode of a directory does not keep anyone out here")
	return nil
}
