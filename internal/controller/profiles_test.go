package controller

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreServedAtAnAddressOfTheirOwnOnly(t *testing.T) {
	c := valid()
	c.ListenAddress = "127.0.0.1:0"
	r := &runner{Config: c, caches: cachesOf(t), work: &work{}}
	if err := r.buildMetrics(); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"": 1, "127.0.0.1:0": 2} {
		r.PprofAddress = address
		servers, err := r.listen(t.Context())
		if err != nil || len(servers) != want {
			t.Fatalf("%d servers (%v), want %d", len(servers), err, want)
		}
		for i, s := range servers {
			go func() { _ = s.server.Serve(s.listener) }()
			response, err := http.Get("http://" + s.listener.Addr().String() + "/debug/pprof/goroutine?debug=1")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Error(err)
			}
			_ = response.Body.Close()
			if isProfile := strings.Contains(string(body), "goroutine profile"); isProfile != (i == 1) {
				t.Errorf("server %d: %.80q", i, body)
			}
			if err := s.server.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	r.PprofAddress = "nowhere:no-port"
	_, err := r.listen(t.Context())
	expectWords(t, err, "--pprof-address", "nowhere:no-port")
}
