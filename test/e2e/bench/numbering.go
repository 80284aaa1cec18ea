package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// mark begins the uids of all objects of the benchmark, so that they, and the
// volumes that provisioners make of them, can be found again.
const mark = "b9e7c4a0"

// Batches of objects that come and go together.
const (
	passing = 1 // those of one measurement
	filling = 2 // those that are there during several
)

// numbering gives names that no earlier run has given: provisioners remember
// what they have deleted.
type numbering struct{ last atomic.Int64 }

func newNumbering() *numbering {
	var n numbering
	n.last.Store(time.Now().UnixMicro())
	return &n
}

func (n *numbering) uid(batch int) string {
	const bits = 48 // of the last group of a uid
	return fmt.Sprintf("%s-%04x-4000-8000-%012x", mark, batch, n.last.Add(1)&(1<<bits-1))
}

// next names a claim and its volume.
func (n *numbering) next(batch int) loops.Names {
	uid := n.uid(batch)
	return loops.Names{Claim: "claim-" + uid, ClaimUID: uid, Volume: loops.VolumeName(uid), VolumeUID: n.uid(batch)}
}

func (n *numbering) some(batch, count int) []loops.Names {
	all := make([]loops.Names, count)
	for i := range all {
		all[i] = n.next(batch)
	}
	return all
}

// prefixes are the keys below which a batch is in etcd.
func prefixes(namespace string, batch int) []string {
	uid := fmt.Sprintf("%s-%04x-", mark, batch)
	return []string{claimKeys + namespace + "/claim-" + uid, volumeKeys + loops.VolumeName(uid)}
}
