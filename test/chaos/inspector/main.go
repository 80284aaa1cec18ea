// Command inspector looks after the canaries of a chaos run, on a node that
// has the exports mounted. It is asked over HTTP.
//
// A server that hangs holds up what touches its export and nothing else. What
// was begun cannot be taken back, so each operation has a name: who asks again,
// with the same name, waits for the one that runs instead of beginning another.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: inspector ADDRESS FOLDER-OF-SHARES")
		os.Exit(2)
	}
	i := &inspector{shares: os.Args[2], running: map[string]*operation{}}
	http.HandleFunc("POST /{name}", i.serve)
	server := &http.Server{Addr: os.Args[1], ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

type inspector struct {
	shares string // the folder below which each share is mounted

	mu      sync.Mutex
	running map[string]*operation
}

// An operation that was begun. Its result stays until somebody has got it.
type operation struct {
	done   chan struct{}
	result any
	err    error
}

// patience is how long an answer is waited for before the caller is told to
// ask again.
const patience = 2 * time.Second

// serve answers 200 with a result, 202 when there is none yet, and 500 with
// an error.
func (i *inspector) serve(w http.ResponseWriter, r *http.Request) {
	var ask request
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PathValue("name")
	i.mu.Lock()
	o, ok := i.running[name]
	if !ok {
		o = &operation{done: make(chan struct{})}
		i.running[name] = o
		go func() {
			defer close(o.done)
			o.result, o.err = i.do(ask)
		}()
	}
	i.mu.Unlock()
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-o.done:
	case <-wait.C:
		w.WriteHeader(http.StatusAccepted)
		return
	case <-r.Context().Done():
		return
	}
	var err error
	if o.err != nil {
		http.Error(w, o.err.Error(), http.StatusInternalServerError)
	} else {
		err = json.NewEncoder(w).Encode(o.result)
	}
	if err == nil {
		i.mu.Lock()
		delete(i.running, name)
		i.mu.Unlock()
	}
}
