package process_test

import "syscall"

// dieWithParent has a process end with the test, even when that is killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
