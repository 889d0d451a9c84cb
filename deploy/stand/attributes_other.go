//go:build !linux

package stand

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
