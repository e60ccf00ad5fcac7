//go:build !linux

package process_test

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
