// Command tether runs a command that must not outlive the process that started it:
//
//	tether -- command [arguments]
//
// It writes the command's process id and a newline to its file descriptor 3. The starter keeps the other end of tether's standard input open. When that closes, because the starter closed it or
// died in whatever way, the command and all that it started are killed.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	if len(os.Args) < 3 || os.Args[1] != "--" {
		fmt.Fprintln(os.Stderr, "usage: tether -- command [arguments]")
		os.Exit(2)
	}
	// The command must not inherit the descriptor that only tether uses.
	syscall.CloseOnExec(3)
	// The kernel ties "parent died" to the thread that started the command, so that thread must stay.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)

	command := exec.Command(os.Args[2], os.Args[3:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = attributes()
	if err := command.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "tether:", err)
		os.Exit(127)
	}
	report := os.NewFile(3, "pid")
	fmt.Fprintln(report, command.Process.Pid)
	_ = report.Close()
	group := -command.Process.Pid
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = syscall.Kill(group, syscall.SIGKILL)
	}()
	go func() {
		for received := range signals {
			_ = syscall.Kill(command.Process.Pid, received.(syscall.Signal))
		}
	}()

	err := command.Wait()
	// What the command may have left behind in its group goes with it.
	_ = syscall.Kill(group, syscall.SIGKILL)
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		os.Exit(exit.ExitCode())
	case errors.As(err, &exit):
		os.Exit(128 + int(exit.Sys().(syscall.WaitStatus).Signal()))
	default:
		fmt.Fprintln(os.Stderr, "tether:", err)
		os.Exit(1)
	}
}
