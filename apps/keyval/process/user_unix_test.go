//go:build unix

package process_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// unprivileged makes a process that of a user whom permissions bind, and gives
// that user dir and a way to it. Unless the test is root's, it
// is the test's own user.
func unprivileged(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	attr := dieWithParent()
	if os.Geteuid() != 0 {
		return attr
	}
	const nobody = 65534
	chmod(t, filepath.Dir(dir), 0o755) // which t.TempDir made private
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return attr
}
