package main

import "syscall"

// attributes puts the command in a group of its own, and has the kernel kill it if tether itself is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
