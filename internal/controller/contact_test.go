package controller

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// answers is an API server that answers as it is told.
type answers struct {
	status int
	err    error
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Body: http.NoBody}, nil
}

func TestContactIsWhetherTheLastRequestWasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := &contact{}, &answers{}
		transport := c.watch(server)
		ask := func(ctx context.Context) {
			time.Sleep(time.Second)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := transport.RoundTrip(request); err == nil {
				_ = response.Body.Close()
			}
			time.Sleep(time.Second)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		late, stop := context.WithTimeout(t.Context(), 0)
		defer stop()
		check := func(when string, words ...string) {
			t.Helper()
			_, err := c.check()
			if len(words) > 0 {
				expectWords(t, err, words...)
			} else if err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		check("before the first request", "not asked yet")
		server.err = errors.New("connection refused")
		ask(t.Context())
		check("never answered", "never answered", "1s ago", "connection refused")
		server.err, server.status = nil, http.StatusNotFound
		ask(t.Context())
		check("answered")
		server.err = context.Canceled
		ask(cancelled)
		check("nobody waits for an answer")
		server.err = context.DeadlineExceeded
		ask(late)
		check("no answer in time", "it has not answered for 1s", "1s ago", "deadline")
		ask(late)
		check("and again", "it has not answered for 3s", "1s ago")
		server.err, server.status = nil, http.StatusInternalServerError
		ask(t.Context())
		check("an answer, if not a good one")
		server.status = http.StatusServiceUnavailable
		ask(t.Context())
		check("not available", "not available", "Service Unavailable")
		server.status = http.StatusOK
		ask(t.Context())
		check("answered again")
	})
}
