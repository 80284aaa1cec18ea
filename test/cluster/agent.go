package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The agent is how the host asks a node to do something. It is this program,
// run inside the guest as "cluster agent ADDRESS TOKENFILE".
const (
	agentPort  = "7070"
	agentToken = "agent.token"
)

func runAgent(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	token, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /images", func(w http.ResponseWriter, r *http.Request) {
		cmd := exec.CommandContext(r.Context(), "ctr", "-n", "k8s.io", "images", "import", "-")
		cmd.Stdin = r.Body
		if out, err := cmd.CombinedOutput(); err != nil {
			http.Error(w, fmt.Sprintf("ctr images import: %v: %s", err, out), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /pods.tar", func(w http.ResponseWriter, r *http.Request) {
		cmd := exec.CommandContext(r.Context(), "tar", "-C", "/var/log/pods", "-cf", "-", ".")
		cmd.Stdout = w
		_ = cmd.Run() // files that change while they are read are no reason to stop
	})
	mux.HandleFunc("POST /run", runInGuest)
	return http.ListenAndServe(args[0]+":"+agentPort, requireToken(string(token), mux))
}

// exitCode is the trailer of a response to /run.
const exitCode = "Exit-Code"

// runInGuest runs the command whose arguments are the body, as JSON, and
// answers with its output as it comes.
func runInGuest(w http.ResponseWriter, r *http.Request) {
	var args []string
	if err := json.NewDecoder(r.Body).Decode(&args); err != nil || len(args) == 0 {
		http.Error(w, "the body is no list of arguments", http.StatusBadRequest)
		return
	}
	w.Header().Set("Trailer", exitCode)
	output := &flusher{w}
	cmd := exec.CommandContext(r.Context(), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	err := cmd.Run()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		fmt.Fprintln(output, err)
		code = 127
	}
	w.Header().Set(exitCode, strconv.Itoa(code))
}

// A flusher sends what is written at once.
type flusher struct{ w http.ResponseWriter }

func (f *flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	return n, errors.Join(err, http.NewResponseController(f.w).Flush())
}

// requireToken keeps pods from using the agent.
func requireToken(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "wrong token", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// An agent is the host's side of the agent of one node.
type agent struct {
	c    *cluster
	node int
}

func (c *cluster) agent(node int) agent { return agent{c, node} }

func (a agent) ping(ctx context.Context) error {
	_, err := a.call(ctx, "GET", "/ping", nil, io.Discard)
	return err
}

// importImage loads a docker-archive into the node's containerd.
func (a agent) importImage(ctx context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = a.call(ctx, "POST", "/images", f, io.Discard)
	return err
}

// podLogs writes the logs of the node's pods as a tar.
func (a agent) podLogs(ctx context.Context, w io.Writer) error {
	_, err := a.call(ctx, "GET", "/pods.tar", nil, w)
	return err
}

// run runs a command on the node and returns its exit code.
func (a agent) run(ctx context.Context, args []string, output io.Writer) (int, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return 0, err
	}
	trailer, err := a.call(ctx, "POST", "/run", bytes.NewReader(body), output)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(trailer.Get(exitCode))
}

func (a agent) call(ctx context.Context, method, path string, body io.Reader, result io.Writer) (trailer http.Header, err error) {
	token, err := os.ReadFile(a.c.pki(agentToken))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+nodeAddress(a.node)+":"+agentPort+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	client := &http.Client{Transport: &http.Transport{DialContext: dialInNamespace, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nodeName(a.node), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return nil, fmt.Errorf("%s: %w", nodeName(a.node), errors.New(strings.TrimSpace(string(message))))
	}
	_, err = io.Copy(result, response.Body)
	return response.Trailer, err
}
