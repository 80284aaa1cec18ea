//go:build e2e

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// inspector is the program on a node that looks after the canaries.
type inspector struct {
	url    string
	client http.Client
}

const (
	inspectorNode = "node1"
	inspectorPort = "7171"
)

// inspectorScript mounts the exports, without client-side caching so that what
// others do is seen at once, and becomes the program. The node's root is the
// host's, but not all of it: the program's folder is mounted by itself.
const inspectorScript = `set -e; cd /run; mkdir -p chaos/bin; umount -l chaos/bin 2>/dev/null || true
mount -r -t hostfs -o BIN hostfs chaos/bin
for share in SHARES; do
  name=${share%%=*}; mkdir -p chaos/shares/$name
  umount -lf chaos/shares/$name 2>/dev/null || true
  mount -t nfs -o nfsvers=4.1,noac,lookupcache=none,hard ${share#*=} chaos/shares/$name
done
exec chaos/bin/inspector ADDRESS /run/chaos/shares`

// startInspector builds the program and runs it on a node until the test ends.
func startInspector(r *run) *inspector {
	r.Helper()
	node, err := r.client.CoreV1().Nodes().Get(r.Context(), inspectorNode, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	program := filepath.Join(r.TempDir(), "inspector")
	build := exec.CommandContext(r.Context(), "go", "build", "-buildvcs=false", "-o", program, "./inspector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+node.Status.NodeInfo.Architecture)
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("build the inspector: %v\n%s", err, out)
	}
	address := node.Status.Addresses[0].Address + ":" + inspectorPort
	var shares []string
	for name, e := range r.shares {
		shares = append(shares, name+"="+e.server+":"+e.path)
	}
	script := strings.NewReplacer("BIN", filepath.Dir(program), "SHARES", strings.Join(shares, " "), "ADDRESS", address).Replace(inspectorScript)
	ended := make(chan string, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	go func() {
		out, err := r.cluster.on(ctx, inspectorNode, script)
		ended <- fmt.Sprint(err, out)
	}()
	r.Cleanup(func() { cancel(); <-ended })
	i := &inspector{url: "http://" + address}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if response, err := i.client.Get(i.url); err == nil {
			_ = response.Body.Close()
			return i
		}
		select {
		case said := <-ended:
			ended <- said
			r.Fatalf("the inspector ended: %s", said)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			r.Fatal("the inspector does not answer")
		}
	}
}

// ask asks for an operation until it has ended. The name tells operations
// apart: one that hangs is waited for and never begun a second time.
func (i *inspector) ask(ctx context.Context, name string, a Ask, result any) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url+"/"+name, bytes.NewReader(body))
		if err != nil {
			return err
		}
		response, err := i.client.Do(request)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		switch {
		case err != nil:
			return err
		case response.StatusCode == http.StatusAccepted:
			continue
		case response.StatusCode != http.StatusOK:
			return fmt.Errorf("%s %s on %s: %s", a.Do, name, a.Share, data)
		case result == nil:
			return nil
		}
		return json.Unmarshal(data, result)
	}
}

// watch looks at all canaries of a share again and again.
func (r *run) watch(ctx context.Context, share string) {
	missed := map[int]int{} // looks in a row that did not find a canary
	for round := 0; ctx.Err() == nil; round++ {
		var lives []int
		var canaries []Canary
		r.mu.Lock()
		for id, c := range r.watched {
			if r.fates[id].Class.Share == share {
				lives, canaries = append(lives, id), append(canaries, c)
			}
		}
		r.mu.Unlock()
		var seen []Sighting
		if len(canaries) > 0 {
			err := r.inspector.ask(ctx, fmt.Sprintf("watch-%s-%d", share, round), Ask{Do: Watch, Share: share, Canaries: canaries}, &seen)
			if err != nil && ctx.Err() == nil {
				r.Errorf("%s watch share %s: %v", r.at(), share, err)
			}
		}
		for n, s := range seen {
			r.judge(lives[n], s, missed)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// gone is how many looks in a row must miss a canary before it is gone. A
// process that lost the lease in the middle of a rename puts back what it
// moved, so a directory may be away for a moment.
const gone = 4

func (r *run) judge(life int, s Sighting, missed map[int]int) {
	r.mu.Lock()
	c, still := r.watched[life]
	f := r.fates[life]
	r.mu.Unlock()
	if !still {
		return // its deletion began while we looked
	}
	v := Violation{Claim: fmt.Sprintf("%s (life %d, class %s)", f.Claim(), life, f.Class.Name), Volume: c.Volume, Place: f.Class.Share + ":" + c.Directory}
	switch s.State {
	case Intact:
		r.mu.Lock()
		r.sightings++
		if missed[life] > 0 && missed[life] < gone {
			r.blinks++
			r.Logf("%s the canary of %s was away for %d looks", r.at(), c.Volume, missed[life])
		}
		r.mu.Unlock()
		missed[life] = 0
	case Missing:
		if missed[life]++; missed[life] == gone {
			v.What = "canary of a live volume is gone"
			r.violate(v)
		}
	case Changed:
		v.What = fmt.Sprintf("canary of a live volume says %q", s.Content)
		r.violate(v)
	}
	if stranger, found := r.stranger(f, s); found {
		v.What = "data of volume " + stranger + " is in a live volume"
		r.violate(v)
	}
}

// stranger finds a canary that has no business in the directory of a life.
func (r *run) stranger(f Fate, s Sighting) (volume string, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, volume := range s.Strangers {
		known := false
		for _, other := range r.fates {
			if other.UID == "" || other.volume() != volume || other.Class != f.Class {
				continue
			}
			known = f.Class.Shared || f.Class.Policy == Retain && other.Claim() == f.Claim()
		}
		if !known {
			return volume, true
		}
	}
	return "", false
}
