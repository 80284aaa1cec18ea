package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// A contact knows whether the API server answers, from the requests that are
// made anyway: the lease is asked for all the time, and without a lease the
// watches notice.
type contact struct {
	answered atomic.Bool             // at least once; when, is not worth a look at the clock for each request
	failed   atomic.Pointer[failure] // nil if the last request was answered
}

type failure struct {
	since, at time.Time // of the first and of the last request without an answer
	err       error
}

var errUnavailable = errors.New("the API server says that it is not available")

// watch makes a contact see the requests that go through a transport.
func (c *contact) watch(transport http.RoundTripper) http.RoundTripper {
	return seenTransport{transport, c}
}

type seenTransport struct {
	http.RoundTripper
	by *contact
}

// WrappedRoundTripper lets client-go find the connections.
func (s seenTransport) WrappedRoundTripper() http.RoundTripper { return s.RoundTripper }

func (s seenTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.RoundTripper.RoundTrip(request)
	switch {
	case err != nil && errors.Is(request.Context().Err(), context.Canceled):
		// Whoever asked wants no answer any more.
	case err != nil:
		s.by.lost(err)
	case response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusServiceUnavailable ||
		response.StatusCode == http.StatusGatewayTimeout:
		s.by.lost(fmt.Errorf("%w: %s", errUnavailable, response.Status))
	default:
		s.by.answered.Store(true)
		s.by.failed.Store(nil)
	}
	return response, err
}

func (c *contact) lost(err error) {
	now := time.Now()
	last := &failure{now, now, err}
	if before := c.failed.Load(); before != nil {
		last.since = before.since
	}
	c.failed.Store(last)
}

// check fails until the API server has answered for the first time, and while
// the last request got no answer.
func (c *contact) check() (string, error) {
	failed, answered := c.failed.Load(), c.answered.Load()
	switch {
	case failed == nil && !answered:
		return "", errors.New("it was not asked yet")
	case failed == nil:
		return "it has answered the last request", nil
	case !answered:
		return "", fmt.Errorf("it has never answered; %v ago: %w", round(time.Since(failed.at)), failed.err)
	default:
		return "", fmt.Errorf("it has not answered for %v; %v ago: %w", round(time.Since(failed.since)), round(time.Since(failed.at)), failed.err)
	}
}
