package controller

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// How soon a connection counts as dead whose other end is silent: as soon as
// client-go gives up one of HTTP/2.
const (
	probeAfter = 15 * time.Second
	silence    = 30 * time.Second
	// idleFor is less than the API server's, and most load balancers', 90 s and 60 s:
	// a request that meets the end of its connection fails.
	idleFor = 30 * time.Second
)

// separately lets a client's requests have a connection each, of which it keeps
// so many. Over HTTP/2 all go through a single one, and through a single
// goroutine at either end that has nothing else to do than to pass them on: under a
// burst that is a fifth of the API server's processor time, and of ours.
//
// What is returned closes those that nobody uses at the moment.
func separately(config *rest.Config, connections int) (closeIdle func()) {
	closeIdle = func() {}
	config.NextProtos = []string{"http/1.1"}
	config.Dial = (&net.Dialer{
		Timeout:         silence,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeAfter},
		Control:         endsInSilence,
	}).DialContext
	config.Wrap(func(transport http.RoundTripper) http.RoundTripper {
		if t := connectionsOf(transport); t != nil {
			t.MaxIdleConnsPerHost, t.IdleConnTimeout = connections, 0
			closeIdle = t.CloseIdleConnections
		}
		return transport
	})
	return func() { closeIdle() }
}

// tidy closes connections of requests that have been idle, until ctx ends. A
// transport that does so itself sets and reads a clock for each request.
func (c clients) tidy(ctx context.Context) {
	tick := time.NewTicker(idleFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.closeIdle()
		}
	}
}

// connectionsOf finds what has the connections of a transport of client-go.
func connectionsOf(transport http.RoundTripper) *http.Transport {
	for {
		switch t := transport.(type) {
		case *http.Transport:
			return t
		case utilnet.RoundTripperWrapper:
			transport = t.WrappedRoundTripper()
		default:
			return nil
		}
	}
}

// endsInSilence has the kernel end a connection whose other end does not confirm
// what was sent to it; by itself it tries for a quarter of an hour.
func endsInSilence(_, _ string, connection syscall.RawConn) error {
	var set error
	err := connection.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	return errors.Join(err, set)
}
