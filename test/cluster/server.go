package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// A server is a process that tests may take away and give back while the rest
// of the cluster runs on.
type server struct {
	role  string
	start func(c *cluster, s settings) error
}

var (
	ganesha   = server{ganeshaRole, func(c *cluster, _ settings) error { return c.startGanesha() }}
	apiServer = server{apiServerRole, (*cluster).startAPIServer}
)

// actions are what can be done to a server. Each is done when it returns, and
// does nothing to a server that is so already.
//
//	start     it serves again
//	stop      SIGTERM: it has ended, after what it does for an orderly end
//	kill      SIGKILL: it has ended, in the midst of what it did
//	pause     SIGSTOP: it keeps its connections, and answers nothing
//	continue  SIGCONT: it goes on, with what was asked meanwhile
const actions = "start|stop|kill|pause|continue"

// endTimeout is how long a server may take to end. An API server waits for
// the requests that are in flight.
const endTimeout = 90 * time.Second

func (v server) run(c *cluster, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if err := c.mustRun(); err != nil {
		return err
	}
	switch args[0] {
	case "start":
		s, err := c.settings()
		if err != nil {
			return err
		}
		return v.restore(c, s)
	case "stop":
		// One that is paused has to go on, to notice.
		return errors.Join(v.signal(c, syscall.SIGTERM), v.signal(c, syscall.SIGCONT), v.awaitEnd(c))
	case "kill":
		return errors.Join(v.signal(c, syscall.SIGKILL), v.awaitEnd(c))
	case "pause":
		return v.signal(c, syscall.SIGSTOP)
	case "continue":
		return v.signal(c, syscall.SIGCONT)
	}
	return errUsage
}

// restore starts a server that has ended and continues one that is paused.
func (v server) restore(c *cluster, s settings) error {
	if _, ok := c.findRole(v.role); ok {
		return v.signal(c, syscall.SIGCONT)
	}
	return v.start(c, s)
}

// signal sends a signal, if the server runs.
func (v server) signal(c *cluster, signal syscall.Signal) error {
	p, ok := c.findRole(v.role)
	if !ok {
		return nil
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", v.role, err)
	}
	return nil
}

func (v server) awaitEnd(c *cluster) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return poll(ctx, nil, func(context.Context) error {
		if p, ok := c.findRole(v.role); ok {
			return fmt.Errorf("%s (process %d) still runs", v.role, p.pid)
		}
		return nil
	})
}

// repair restores the servers, unless something else is missing too.
func (c *cluster) repair(s settings) error {
	missing, err := c.missingRoles(s)
	if err != nil {
		return err
	}
	servers := []server{apiServer, ganesha}
	for _, role := range missing {
		if !slices.ContainsFunc(servers, func(v server) bool { return v.role == role }) {
			return fmt.Errorf("%s does not run", role)
		}
	}
	for _, v := range servers {
		if err := v.restore(c, s); err != nil {
			return err
		}
	}
	return nil
}
