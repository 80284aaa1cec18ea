// Package loops is what the benchmark and its bare loops have to agree about.
package loops
