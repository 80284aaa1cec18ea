package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

func runLoad(c *cluster, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	if err := c.mustRun(); err != nil {
		return err
	}
	s, err := c.settings()
	if err != nil {
		return err
	}
	p := newProgress()
	for _, file := range args {
		tags, err := c.keepImage(file)
		if err != nil {
			return fmt.Errorf("load %s: %w", file, err)
		}
		if err := c.importEverywhere(s, []string{file}); err != nil {
			return fmt.Errorf("load %s: %w", file, err)
		}
		p.say("loaded %s into %d nodes", strings.Join(tags, " "), s.Nodes)
	}
	return nil
}

// keepImage copies an archive to where the nodes of a restarted cluster get
// their images, under a name that the next one of the same image replaces.
func (c *cluster) keepImage(file string) (tags []string, err error) {
	source, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if tags, err = archiveTags(source); err != nil {
		return nil, err
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	name := c.run("loaded", strings.NewReplacer("/", "_", ":", "_").Replace(tags[0])+".tar")
	kept, err := os.Create(name + ".new")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(kept, source)
	if err := errors.Join(err, kept.Close()); err != nil {
		return nil, err
	}
	return tags, os.Rename(name+".new", name)
}

// importEverywhere imports archives into all nodes at once.
func (c *cluster) importEverywhere(s settings, files []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	failures := make([]error, s.Nodes)
	var group sync.WaitGroup
	for n := 1; n <= s.Nodes; n++ {
		group.Go(func() {
			for _, file := range files {
				failures[n-1] = errors.Join(failures[n-1], c.agent(n).importImage(ctx, file))
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}
