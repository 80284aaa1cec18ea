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
	answered atomic.Pointer[time.Time]
	failed   atomic.Pointer[failure] // nil if the last request was answered
}

type failure struct {
	at  time.Time
	err error
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
		now := time.Now()
		s.by.answered.Store(&now)
		s.by.failed.Store(nil)
	}
	return response, err
}

func (c *contact) lost(err error) { c.failed.Store(&failure{time.Now(), err}) }

// check fails until the API server has answered for the first time, and while
// the last request got no answer.
func (c *contact) check() (string, error) {
	failed, answered := c.failed.Load(), c.answered.Load()
	switch {
	case failed == nil && answered == nil:
		return "", errors.New("it was not asked yet")
	case failed == nil:
		return fmt.Sprintf("answered %v ago", round(time.Since(*answered))), nil
	case answered == nil:
		return "", fmt.Errorf("it has never answered; %v ago: %w", round(time.Since(failed.at)), failed.err)
	default:
		return "", fmt.Errorf("it answered %v ago, and not since; %v ago: %w",
			round(time.Since(*answered)), round(time.Since(failed.at)), failed.err)
	}
}
