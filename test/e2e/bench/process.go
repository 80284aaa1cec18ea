package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a provisioner, or a bare loop, that runs on this machine.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	began time.Time
	ended chan struct{} // closed when it has ended, and err and end say how and when
	err   error
	end   time.Time
}

// launch starts a program with its output in a log.
func launch(name, log, program string, arguments, environment []string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, arguments...) //nolint:noctx // stop ends it
	cmd.Stdout, cmd.Stderr = f, f
	cmd.Env = append(os.Environ(), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{name: name, cmd: cmd, log: log, ended: make(chan struct{}), began: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), f.Close())
	}
	go func() {
		err := cmd.Wait()
		p.end = time.Now()
		p.err = errors.Join(err, f.Close())
		close(p.ended)
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// died is the error of a process that should run.
func (p *process) died() error {
	return fmt.Errorf("%s has ended by itself: %w; its last words: %s", p.name, p.err, lastLine(p.log))
}

// wait waits until the process has ended by itself, and well.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
		if p.err != nil {
			return p.died()
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s does not end: %w", p.name, context.Cause(ctx)), p.kill())
	}
}

// says waits until the last line of its log is this.
func (p *process) says(ctx context.Context, line string) error {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for lastLine(p.log) != line {
		select {
		case <-p.ended:
			return p.died()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// stop asks the process to end, and makes it if it does not.
func (p *process) stop() error {
	const patience = 40 * time.Second
	if err := p.signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s did not end within %v of SIGTERM", p.name, patience), p.kill())
	}
}

func (p *process) kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// resident is the resident set, and the largest that it has been, in bytes.
func (p *process) resident() (now, most float64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	return memoryLine(data, "VmRSS:"), memoryLine(data, "VmHWM:"), nil
}

// memoryLine reads "NAME   1234 kB".
func memoryLine(status []byte, name string) float64 {
	const kib = 1024
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == name {
			n, err := strconv.ParseFloat(fields[1], 64)
			if err == nil {
				return n * kib
			}
		}
	}
	return 0
}

// processor is the processor time that the process has used.
func (p *process) processor() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return processorTime(data)
}

// processorTime reads user and system time of /proc/PID/stat. The name in it may
// hold anything.
func processorTime(stat []byte) (time.Duration, error) {
	const (
		tick         = 10 * time.Millisecond // of every Linux that we know
		user, system = 11, 12                // counted from the field after the name
	)
	_, rest, _ := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(" "))
	fields := strings.Fields(string(rest))
	if len(fields) <= system {
		return 0, fmt.Errorf("not a stat of a process: %q", stat)
	}
	u, errUser := strconv.ParseInt(fields[user], 10, 64)
	s, errSystem := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick, errors.Join(errUser, errSystem)
}

func lastLine(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}
