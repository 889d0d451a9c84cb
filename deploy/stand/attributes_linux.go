package stand

import "syscall"

// attributes let no process outlive the suite.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
