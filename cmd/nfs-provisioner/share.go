package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// shareForm is how a share is written on the command line.
const shareForm = "name=NAME,server=HOST,path=/export,mount=/mount"

// usageInterval is the one key that a share may do without.
const usageInterval = "usageInterval"

// legacyMount is where nfs-subdir-external-provisioner has its one share.
const legacyMount = "/persistentvolumes"

// shares collects the values of --share.
type shares []share.Location

func (s *shares) String() string {
	var all []string
	for _, l := range *s {
		text := fmt.Sprintf("name=%s,server=%s,path=%s,mount=%s", l.Name, l.Server, l.Path, l.Mount)
		if l.UsageInterval != 0 {
			text += fmt.Sprintf(",%s=%s", usageInterval, l.UsageInterval)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// Type names the value in --help.
func (s *shares) Type() string { return "share" }

// Set adds a share. The error names the key that is missing or not known.
func (s *shares) Set(value string) error {
	var l share.Location
	var interval string
	fields := map[string]*string{"name": &l.Name, "server": &l.Server, "path": &l.Path, "mount": &l.Mount, usageInterval: &interval}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(value, ",") {
		key, text, ok := strings.Cut(pair, "=")
		field, known := fields[key]
		switch {
		case !ok:
			return fmt.Errorf("%q is not KEY=VALUE; the form is %s", pair, shareForm)
		case !known:
			return fmt.Errorf("key %q is not known; the form is %s", key, shareForm)
		case seen[key]:
			return fmt.Errorf("key %q is given twice; the form is %s", key, shareForm)
		case text == "":
			return fmt.Errorf("key %q has no value; the form is %s", key, shareForm)
		}
		seen[key] = true
		*field = text
	}
	for _, key := range []string{"name", "server", "path", "mount"} {
		if !seen[key] {
			return fmt.Errorf("key %q is missing; the form is %s", key, shareForm)
		}
	}
	if seen[usageInterval] {
		every, err := time.ParseDuration(interval)
		if err != nil || every <= 0 {
			return fmt.Errorf("%s is %q; it must be a time such as 24h", usageInterval, interval)
		}
		l.UsageInterval = every
	}
	*s = append(*s, l)
	return nil
}

// sharesVariable holds shares, one a line, for when no --share is given. A
// command that is run in the provisioner's container finds them there.
const sharesVariable = "NFS_SHARES"

// read takes the shares of the environment.
func (s *shares) read(env map[string]string) error {
	for line := range strings.Lines(env[sharesVariable]) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := s.Set(line); err != nil {
			return fmt.Errorf("environment variable %s: %q: %w", sharesVariable, line, err)
		}
	}
	if len(*s) > 0 {
		return nil
	}
	legacy, given, err := legacyShare(env["NFS_SERVER"], env["NFS_PATH"])
	if err == nil && given {
		*s = append(*s, legacy)
	}
	return err
}

// legacyShare is the share that NFS_SERVER and NFS_PATH describe, if they do.
func legacyShare(server, path string) (share.Location, bool, error) {
	switch {
	case server == "" && path == "":
		return share.Location{}, false, nil
	case server == "":
		return share.Location{}, false, errors.New("NFS_PATH is set, but NFS_SERVER is not; set both, or give --share")
	case path == "":
		return share.Location{}, false, errors.New("NFS_SERVER is set, but NFS_PATH is not; set both, or give --share")
	}
	if path != "/" {
		path = strings.TrimRight(path, "/")
	}
	return share.Location{Name: "default", Server: strings.Trim(server, "[]"), Path: path, Mount: legacyMount}, true, nil
}
