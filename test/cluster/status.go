package main

import (
	"fmt"
	"slices"
)

func runStatus(c *cluster, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.mustRun(); err != nil {
		return err
	}
	s, err := c.settings()
	if err != nil {
		return err
	}
	all, err := c.processes()
	if err != nil {
		return err
	}
	for _, role := range s.roles() {
		state := "not running"
		if i := slices.IndexFunc(all, func(p process) bool { return p.role == role }); i >= 0 {
			state = fmt.Sprint("process ", all[i].pid)
		}
		fmt.Printf("%-24s %s\n", role, state)
	}
	fmt.Printf("%-24s %s\n", "exports, root_squash", exports(squashExport, s.Nodes))
	fmt.Printf("%-24s %s\n", "exports, no_root_squash", exports(noSquashExport, s.Nodes))
	fmt.Printf("%-24s %s\n", "state", c.dir)
	return c.healthy(s)
}
