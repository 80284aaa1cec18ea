package controller

import (
	"context"
	"net/http"
	"net/http/pprof"
)

// newProfiler serves what the Go runtime knows of this process, below
// /debug/pprof. It has a listener of its own, so that whoever may read metrics
// may not read memory.
func newProfiler(ctx context.Context, address string) (*server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// A profile is written for as long as it is asked for.
	return listen(ctx, "--pprof-address", address, &http.Server{Handler: mux, ReadHeaderTimeout: slowClient})
}
