package controller

import (
	"errors"
	"fmt"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// longestCall is longer than any call of the library takes, with all of its
// operations on a share at their deadlines and all of its requests given up.
const longestCall = 10 * time.Minute

// loops are what turns for one share.
type loops struct {
	on       *share.Share
	checks   pulse
	removals pulse
	clones   pulse
}

// live are the checks of /healthz: whether this process works. None of them
// fails because a share or the API server does not answer, for then a restart
// would mend nothing.
func (r *runner) live() []check {
	var checks []check
	if r.election != nil {
		checks = append(checks, check{name: "lease", test: r.election.healthy})
	}
	checks = append(checks, check{name: "work", test: func() (string, error) { return r.work.check(longestCall + 2*r.OperationTimeout) }})
	for _, l := range r.loops {
		checks = append(checks,
			check{name: "checks of share " + l.on.Name, test: func() (string, error) { return l.checks.check(2 * (checkPeriod + r.OperationTimeout)) }},
			check{name: "removals of share " + l.on.Name, test: func() (string, error) { return l.removals.check(2 * (followPeriod + annotateTimeout)) }},
			check{name: "clones of share " + l.on.Name, test: func() (string, error) { return l.clones.check(longestCall + 2*r.OperationTimeout) }},
		)
	}
	return checks
}

// ready are the checks of /readyz: whether this process could do its work. The
// shares are told of and not judged: a pod that is taken out of service mends
// no NFS server.
func (r *runner) ready() []check {
	checks := []check{{name: "api", test: r.contact.check}, {name: "caches", test: func() (string, error) {
		if !r.caches.synced() {
			return "", errors.New("claims, volumes and classes have not all been read yet")
		}
		return "", nil
	}}}
	for _, s := range r.shares {
		checks = append(checks, check{name: "share " + s.Name, informative: true, test: func() (string, error) {
			if !r.leads() {
				return "not looked at: this process does not lead", nil
			}
			return describe(s.Health())
		}})
	}
	return checks
}

func describe(h share.Health) (string, error) {
	if h.Fault != nil {
		return "", fmt.Errorf("for %v: %w", round(time.Since(h.Since)), h.Fault)
	}
	text := fmt.Sprintf("%d of %d places in use", h.InUse, h.Places)
	if space := h.Space; space.Size > 0 {
		const percent = 100
		text += fmt.Sprintf("; %.0f%% free %v ago", percent*float64(space.Free)/float64(space.Size), round(time.Since(space.At)))
	}
	return text, nil
}

// leads says whether this process does the work.
func (r *runner) leads() bool { return r.election == nil || r.election.leading.Load() }
