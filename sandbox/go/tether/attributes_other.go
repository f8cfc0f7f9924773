//go:build !linux

package main

import "syscall"

// attributes puts the command in a group of its own.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
