package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/nfs-provisioner/nfs-provisioner/internal/controller"
	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
)

// inventoryCommand is the first argument that asks for an inventory.
const inventoryCommand = "inventory"

// Forms of an inventory.
const (
	formTable = "table"
	formJSON  = "json"
)

func inventoryFlags(o *options) *pflag.FlagSet {
	set := newFlagSet(inventoryCommand)
	shareFlags(set, o)
	kubeconfigFlag(set, o)
	set.StringVarP(&o.output, "output", "o", formTable, "form of what is printed: "+formTable+" or "+formJSON)
	return set
}

func inventoryUsage() string {
	return "nfs-provisioner inventory lists what is on the shares: directories without volume, volumes without directory,\n" +
		"archives, trash, and what is as it should be. It changes nothing.\n\n" +
		"Usage:\n  nfs-provisioner inventory [--output " + formTable + "|" + formJSON + "] [flags]\n\n" +
		flagsHeading + inventoryFlags(&options{}).FlagUsagesWrapped(usageWidth)
}

// parseInventory is parse for the command that lists.
func parseInventory(arguments, environment []string) (options, error) {
	var o options
	set := inventoryFlags(&o)
	if err := set.Parse(arguments); err != nil {
		return o, err
	}
	problems := []error{o.read(set, environment)}
	if o.output != formTable && o.output != formJSON {
		problems = append(problems, fmt.Errorf("--output is %q; it must be %s or %s", o.output, formTable, formJSON))
	}
	return o, errors.Join(append(problems, o.config.ValidateShares())...)
}

// list is the program that lists. What could be listed is printed even when
// something could not.
func list(arguments, environment []string, out, complaints io.Writer) int {
	o, err := parseInventory(arguments, environment)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return write(out, inventoryUsage())
	case err != nil:
		return complain(complaints, exitUsage, err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	items, err := controller.Inventory(ctx, o.config)
	if problem := print(out, o.output, items, time.Now()); problem != nil {
		return exitFailed
	}
	if err != nil {
		return complain(complaints, exitFailed, err)
	}
	return exitOK
}

func print(to io.Writer, form string, items []inventory.Item, now time.Time) error {
	if form == formJSON {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Items []inventory.Item `json:"items"`
		}{append([]inventory.Item{}, items...)})
	}
	const gap = 3
	w := tabwriter.NewWriter(to, 0, 0, gap, ' ', 0)
	row := func(cells ...any) error {
		_, err := fmt.Fprintf(w, "%v\t%v\t%v\t%v\t%v\t%v\t%v\n", cells...)
		return err
	}
	problems := []error{row("SHARE", "DIRECTORY", "VOLUME", "CLAIM", "STATE", "AGE", "DETAIL")}
	for _, i := range items {
		age := "-"
		if !i.Since.IsZero() {
			age = duration.HumanDuration(now.Sub(i.Since))
		}
		problems = append(problems, row(i.Share, printable(i.Directory), dash(i.Volume), dash(i.Claim), i.State, age, i.Detail))
	}
	return errors.Join(append(problems, w.Flush())...)
}

// printable keeps what others may have named a directory out of the terminal.
func printable(name string) string {
	quoted := fmt.Sprintf("%q", name)
	if quoted[1:len(quoted)-1] != name {
		return quoted
	}
	return name
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
