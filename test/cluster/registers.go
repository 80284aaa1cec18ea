package main

import (
	_ "embed"
	"fmt"
	"os/exec"
)

// registersSource is a library for user-mode Linux; it says itself what for.
//
//go:embed uml/registers.c
var registersSource []byte

func (c *cluster) registers() string { return c.run("registers.so") }

// buildRegisters compiles it, if the nodes' kernel needs it.
func (c *cluster) buildRegisters() error {
	if c.kernel().preload == "" {
		return nil
	}
	source, library := c.run("registers.c"), c.registers()
	if err := writeFile(source, registersSource, 0o644); err != nil {
		return err
	}
	out, err := exec.Command("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile the library for user-mode Linux: %w\n%s", err, out)
	}
	return nil
}
