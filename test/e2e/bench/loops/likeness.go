package loops

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
)

// A Likeness is what a bare loop needs to know to make the volume that the
// provisioner would make for a claim.
type Likeness struct {
	Claim     string               `json:"claim"`
	ClaimUID  string               `json:"claimUID"`
	Volume    *v1.PersistentVolume `json:"volume"`
	Directory string               `json:"directory"`
	// Kept are the files that the provisioner keeps about the volume on the
	// share, if the loop is to write them.
	Kept []File `json:"kept,omitempty"`
}

// A File is one that a provisioner keeps about a volume on the share, by its path
// there.
type File struct {
	Path    string      `json:"path"`
	Content string      `json:"content"`
	Mode    fs.FileMode `json:"mode"`
}

// Flag tells a bare loop.
func (l Likeness) Flag() (string, error) {
	text, err := json.Marshal(l)
	return "--like=" + string(text), err
}

// Temporary is where a loop writes what it then links into place.
const Temporary = ".bare"

// Make makes the directory of a claim below root, and what is kept about it, and
// returns its volume.
func (l Likeness) Make(c *v1.PersistentVolumeClaim, root string) (*v1.PersistentVolume, error) {
	names := Names{Claim: c.Name, ClaimUID: string(c.UID), Volume: VolumeName(string(c.UID))}
	replace := names.Instead(Names{Claim: l.Claim, ClaimUID: l.ClaimUID, Volume: l.Volume.Name}).Replace
	for _, k := range l.Kept {
		if err := keep(root, File{replace(k.Path), replace(k.Content), k.Mode}); err != nil {
			return nil, err
		}
	}
	if err := MakeDirectory(filepath.Join(root, replace(l.Directory))); err != nil {
		return nil, err
	}
	v := l.Volume.DeepCopy()
	v.Name = names.Volume
	for key, value := range v.Annotations {
		v.Annotations[key] = replace(value)
	}
	v.Spec.NFS.Path = replace(v.Spec.NFS.Path)
	v.Spec.ClaimRef.Name, v.Spec.ClaimRef.UID, v.Spec.ClaimRef.ResourceVersion = c.Name, c.UID, c.ResourceVersion
	return v, nil
}

// keep writes a file as one must that a crash is not to cut: elsewhere, synced,
// and then linked into place.
func keep(root string, file File) error {
	temporary := filepath.Join(root, Temporary, rand.Text())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.Mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(file.Content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	place := filepath.Join(root, file.Path)
	if err := os.Link(temporary, place); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o700), os.Link(temporary, place)); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return os.Remove(temporary)
}

// MakeDirectory gives a directory its mode by an open handle, as one must that
// others may put something else in its place.
func MakeDirectory(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o777), f.Close())
}
