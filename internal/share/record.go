package share

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// recordVersion is the version of the record's form. A record with a higher
// one was written by a newer release and is not touched.
const recordVersion = 1

// State says what has become of the directory that a record names.
type State string

// The states of a record.
const (
	// Active: the directory belongs to a volume that exists or is being made.
	Active State = "active"
	// Released: the volume is gone and its data was kept; the same claim may
	// take the directory back.
	Released State = "released"
	// Archived: the volume is gone and the directory is its archive.
	Archived State = "archived"
)

// Claim is the claim that a volume was made for.
type Claim struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// String is namespace/name.
func (c Claim) String() string { return c.Namespace + "/" + c.Name }

// A Record says which volume owns a directory. It is stored as a line of JSON in
// a file of its own on the share, so that ownership outlives the cluster's objects
// and is seen by every cluster that uses the export.
type Record struct {
	Version int `json:"version"`
	// Cluster is the UID of the namespace kube-system of the owner's cluster.
	Cluster string `json:"cluster"`
	// Volume is the name of the PersistentVolume.
	Volume    string    `json:"volume"`
	Claim     Claim     `json:"claim"`
	Directory Directory `json:"directory"`
	State     State     `json:"state"`
	// Class is the name of the StorageClass, Capacity the quantity as the
	// claim asked for it, OnDelete the policy; they are kept for people and
	// for listing, decisions are taken on what the volume says.
	Class    string `json:"class,omitempty"`
	Capacity string `json:"capacity,omitempty"`
	OnDelete string `json:"onDelete,omitempty"`
	// Existing: the directory was there before the volume.
	Existing bool `json:"existing,omitempty"`
	// Returned: the claim took back what an earlier volume of it had left.
	Returned bool `json:"returned,omitempty"`
	// Shared: other volumes of the same cluster may join.
	Shared bool `json:"shared,omitempty"`
	// Sharers is the name of the folder that lists them, unique to this record.
	Sharers string `json:"sharers,omitempty"`
	// Copy is the folder of .nfs-provisioner/clones in which a copy of another
	// directory is made; Whole says that it is whole and may become the
	// directory. Until then the directory is not there.
	Copy  string `json:"copy,omitempty"`
	Whole bool   `json:"whole,omitempty"`
	// Origin is where an archive's data was while its volume lived.
	Origin string `json:"origin,omitempty"`
	// Retention is the age at which an archive is removed, zero for never.
	Retention Age `json:"retention,omitempty"`
	// Changed is when the state was entered.
	Changed time.Time `json:"changed"`
}

// An Age is a duration that records spell as Go does, such as "720h0m0s".
type Age time.Duration

// MarshalText writes the age.
func (a Age) MarshalText() ([]byte, error) { return []byte(time.Duration(a).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Age) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*a = Age(d)
	return err
}

// ErrRecordDamaged is wrapped when a record cannot be read as one. What it
// governs is left alone until a person has looked at it.
var ErrRecordDamaged = errors.New("the record is damaged")

// decodeRecord reads the file of a record: lines of JSON, of which the last one
// counts that is complete, or a single record, laid out as a person likes it. It
// refuses one that has none, or of another version.
func decodeRecord(data []byte) (Record, error) {
	whole, cut := data, 0
	if end := bytes.LastIndexByte(data, '\n'); end >= 0 {
		whole, cut = data[:end], len(data)-end-1
	}
	if cut > 0 && json.Valid(data[len(data)-cut:]) {
		whole = data
	}
	last := whole[bytes.LastIndexByte(whole, '\n')+1:]
	if json.Valid(data) {
		last = data
	}
	var r Record
	if err := json.Unmarshal(last, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordDamaged, err)
	}
	switch {
	case r.Version != recordVersion:
		return Record{}, fmt.Errorf("%w: it has version %d, this release knows %d", ErrRecordDamaged, r.Version, recordVersion)
	case r.Volume == "" || r.Cluster == "":
		return Record{}, fmt.Errorf("%w: it names no volume or no cluster", ErrRecordDamaged)
	case strings.ContainsAny(r.Volume, "/\x00") || r.Volume == "." || r.Volume == "..":
		return Record{}, fmt.Errorf("%w: %q is no volume's name", ErrRecordDamaged, r.Volume)
	case r.Sharers != "" && !isHash(r.Sharers) || r.Shared && r.Sharers == "":
		return Record{}, fmt.Errorf("%w: %q is no folder of sharers", ErrRecordDamaged, r.Sharers)
	case strings.ContainsAny(r.Copy, "/\x00") || r.Copy == "." || r.Copy == "..":
		return Record{}, fmt.Errorf("%w: %q is no folder of a copy", ErrRecordDamaged, r.Copy)
	case r.State != Active && r.State != Released && r.State != Archived:
		return Record{}, fmt.Errorf("%w: it has the unknown state %q", ErrRecordDamaged, r.State)
	case r.Directory == Directory{}:
		return Record{}, fmt.Errorf("%w: it names no directory", ErrRecordDamaged)
	}
	return r, nil
}

// now is the time as records tell it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (r Record) encode() ([]byte, error) {
	r.Version = recordVersion
	data, err := json.Marshal(r)
	return append(data, '\n'), err
}

// names says whether the record is about this very volume of this cluster.
func (r Record) names(volume, cluster string) bool {
	return r.Volume == volume && r.Cluster == cluster
}

// Copying says whether the directory is still to be filled with a copy of
// another.
func (r Record) Copying() bool { return r.Copy != "" && !r.Whole }

// returnable says whether the claim of next may take back what r kept.
func (r Record) returnable(next Record) bool {
	return r.State == Released && r.Cluster == next.Cluster &&
		r.Claim.Namespace == next.Claim.Namespace && r.Claim.Name == next.Claim.Name
}
