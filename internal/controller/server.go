package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/klog/v2"
)

// A check is one line of what a health endpoint reports.
type check struct {
	name        string
	test        func() (detail string, err error)
	informative bool // its failure is told, and is none of the endpoint
}

// slowClient is how long a client may take for what it sends, and for what it
// reads.
const slowClient = 5 * time.Second

// A server serves HTTP at one address.
type server struct {
	listener net.Listener
	server   *http.Server
}

// newServer serves /healthz, which says whether the process works, /readyz,
// which says whether it can do its job, and /metrics. None of them asks a share;
// they tell what its last operation has seen.
func newServer(ctx context.Context, address string, live, ready []check, metrics http.Handler) (*server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(live))
	mux.HandleFunc("GET /readyz", answer(ready))
	mux.Handle("GET /metrics", metrics)
	return listen(ctx, "--listen-address", address, &http.Server{Handler: mux, ReadHeaderTimeout: slowClient, WriteTimeout: slowClient})
}

func listen(ctx context.Context, flag, address string, s *http.Server) (*server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", flag, address, err)
	}
	return &server{listener, s}, nil
}

// run serves until ctx ends.
func (h *server) run(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- h.server.Serve(h.listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve %s: %w", h.listener.Addr(), err)
	case <-ctx.Done():
		err := h.server.Close()
		if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}

// answer reports the checks: "ok", or what fails. With ?verbose every check
// has a line, as in Kubernetes' own components.
func answer(checks []check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var lines string
		failed := false
		for _, c := range checks {
			switch detail, err := c.test(); {
			case err == nil && detail == "":
				lines += fmt.Sprintf("[+]%s ok\n", c.name)
			case err == nil:
				lines += fmt.Sprintf("[+]%s ok: %s\n", c.name, detail)
			case c.informative:
				lines += fmt.Sprintf("[!]%s: %v\n", c.name, err)
			default:
				failed = true
				lines += fmt.Sprintf("[-]%s failed: %v\n", c.name, err)
			}
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, verbose := r.URL.Query()["verbose"]
		switch {
		case failed:
			// Whoever asks, such as a kubelet, may keep no more than the status.
			klog.FromContext(r.Context()).Info("A check of health fails", "path", r.URL.Path, "checks", lines)
			w.WriteHeader(http.StatusServiceUnavailable)
		case !verbose:
			lines = "ok\n"
		}
		if _, err := fmt.Fprint(w, lines); err != nil {
			klog.FromContext(r.Context()).V(2).Info("Health answer not delivered", "err", err)
		}
	}
}
