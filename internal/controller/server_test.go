package controller

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHealthAnswersInTheFormOfKubernetes(t *testing.T) {
	good := check{name: "lease", test: func() (string, error) { return "", nil }}
	more := check{name: "work", test: func() (string, error) { return "2 calls are under way", nil }}
	bad := check{name: "caches", test: func() (string, error) { return "", errors.New("not read yet") }}
	ill := check{name: "share a", informative: true, test: func() (string, error) { return "", errors.New("silent") }}
	for name, c := range map[string]struct {
		checks []check
		query  string
		status int
		body   string
	}{
		"no checks":      {nil, "", http.StatusOK, "ok\n"},
		"all well":       {[]check{good}, "", http.StatusOK, "ok\n"},
		"all, verbose":   {[]check{good, more}, "?verbose", http.StatusOK, "[+]lease ok\n[+]work ok: 2 calls are under way\n"},
		"a share is ill": {[]check{good, ill}, "", http.StatusOK, "ok\n"},
		"ill, verbose":   {[]check{good, ill}, "?verbose", http.StatusOK, "[+]lease ok\n[!]share a: silent\n"},
		"one fails":      {[]check{good, bad}, "", http.StatusServiceUnavailable, "[+]lease ok\n[-]caches failed: not read yet\n"},
		"fails verbose":  {[]check{bad}, "?verbose", http.StatusServiceUnavailable, "[-]caches failed: not read yet\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			answer(c.checks)(w, httptest.NewRequest(http.MethodGet, "/healthz"+c.query, nil))
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
		})
	}
}

func TestHealthIsServedUntilTheEnd(t *testing.T) {
	fails := check{name: "caches", test: func() (string, error) { return "", errors.New("not yet") }}
	m, err := newMetrics("1.2.3", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newServer(t.Context(), "127.0.0.1:0", nil, []check{fails}, m.handler())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusOK, "/": http.StatusNotFound} {
		response, err := http.Get("http://" + h.listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	h, err := newServer(t.Context(), "127.0.0.1:0", nil, nil, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer h.listener.Close() //nolint:errcheck // nothing was served
	_, err = newServer(t.Context(), h.listener.Addr().String(), nil, nil, http.NotFoundHandler())
	expectWords(t, err, "--listen-address", h.listener.Addr().String())
}
