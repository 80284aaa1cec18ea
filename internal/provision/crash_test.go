package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	lib "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

var errDead = errors.New("this process is dead")

// process is a Provisioner of its own in the same world: a memory that is empty,
// and shares that are newly opened. From a number of steps on it changes nothing
// any more, like a process that died there; fewer than zero is a long life.
func (w *world) process(steps int) (p *Provisioner, died func() bool) {
	w.Helper()
	asked := 0
	config := w.Config
	config.Shares = nil
	for _, s := range w.Shares {
		fresh := share.New(s.Location, share.Options{
			Timeout: time.Minute, Places: 4,
			Fence: func() error {
				if asked++; steps >= 0 && asked > steps {
					return errDead
				}
				return nil
			},
		})
		w.Cleanup(func() {
			if err := fresh.Close(context.Background()); err != nil {
				w.Error(err)
			}
		})
		config.Shares = append(config.Shares, fresh)
	}
	return New(config), func() bool { return steps >= 0 && asked > steps }
}

// eachDeath plays a story in a world of its own for each step at which its
// first process can die. The story says whether that process died.
func eachDeath(t *testing.T, story func(w *world, steps int) (died bool)) {
	t.Helper()
	for steps := 0; ; steps++ {
		w := newWorld(t)
		w.provision(w.class("pathPattern", "neighbour"), w.claim("n"))
		w.write(0, "neighbour/file")
		died := story(w, steps)
		if !strings.Contains(w.names(0), "neighbour neighbour/file") {
			t.Errorf("on the share is %q", w.names(0))
		}
		if t.Failed() {
			t.Fatalf("the first process died after %d steps", steps)
		}
		if !died {
			if steps == 0 {
				t.Error("there was no step to die at")
			}
			return
		}
	}
}

// provisioned lets a process make the volume of a claim, as the library does:
// the volume is only in the API if the process lived.
func (w *world) provisioned(p *Provisioner, o lib.ProvisionOptions) (*v1.PersistentVolume, error) {
	w.Helper()
	volume, _, err := p.Provision(w.Context(), o)
	if err == nil {
		w.volumes[volume.Name] = volume
		p.Settled(volume.Name)
	}
	return volume, err
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// gone deletes a volume to the end.
func (w *world) gone(p *Provisioner, volume *v1.PersistentVolume) {
	w.Helper()
	for range 2 {
		w.must(p.Delete(w.Context(), volume))
	}
	delete(w.volumes, volume.Name)
	w.sweep()
}

var patterns = map[string]string{"of the claim's name": "${.PVC.name}", "of the older provisioner": DefaultPathPattern, "in folders": "zone/${.PVC.namespace}/${.PVC.name}"}

func TestAClaimWhoseProvisionerDiedGetsOneDirectory(t *testing.T) {
	for name, pattern := range patterns {
		t.Run(name, func(t *testing.T) {
			eachDeath(t, func(w *world, steps int) bool {
				o := options(w.class("pathPattern", pattern, "onDelete", "delete"), w.claim("a"))
				first, died := w.process(steps)
				_, _, _ = first.Provision(t.Context(), o) // what it returned was never saved
				second, _ := w.process(-1)
				volume, err := w.provisioned(second, o)
				w.must(err)
				if d := w.volumeDirectories(); len(d) != 2 {
					t.Errorf("there are the directories %q", d)
				}
				w.gone(second, volume)
				if d := w.volumeDirectories(); len(d) != 1 {
					t.Errorf("there are still the directories %q", d)
				}
				return died()
			})
		})
	}
}

// volumeDirectories are the directories on the share that have no folders.
func (w *world) volumeDirectories() (all []string) {
	w.Helper()
	names := strings.Fields(w.names(0))
	for _, name := range names {
		info, err := os.Stat(filepath.Join(w.mount(0), name))
		w.must(err)
		if info.IsDir() && name != "zone" && name != "zone/default" {
			all = append(all, name)
		}
	}
	return all
}

func TestAClaimThatVanishedWhileItsProvisionerWasDeadLeavesNothing(t *testing.T) {
	for name, pattern := range patterns {
		t.Run(name, func(t *testing.T) {
			eachDeath(t, func(w *world, steps int) bool {
				o := options(w.class("pathPattern", pattern), w.claim("a"))
				first, died := w.process(steps)
				_, _, _ = first.Provision(t.Context(), o)
				delete(w.claims, "default/a")
				second, _ := w.process(-1)
				for range 2 {
					if _, _, err := second.Provision(t.Context(), o); err == nil {
						t.Error("a volume for a claim that is gone")
					}
				}
				if d := w.volumeDirectories(); len(d) != 1 {
					t.Errorf("there are still the directories %q", d)
				}
				return died()
			})
		})
	}
}

func TestAClaimMadeAgainWhileItsProvisionerWasDeadGetsTheDirectoryOfItsName(t *testing.T) {
	for _, policy := range []string{"delete", "archive", "retain"} {
		t.Run(policy, func(t *testing.T) {
			eachDeath(t, func(w *world, steps int) bool {
				class := w.class("pathPattern", "${.PVC.name}", "onDelete", policy)
				first, died := w.process(steps)
				_, _, _ = first.Provision(t.Context(), options(class, w.claim("a")))
				again := w.claim("a")
				again.UID = "uid-again"
				second, _ := w.process(-1)
				volume, err := w.provisioned(second, options(class, again))
				w.must(err)
				w.write(0, "a/file")
				w.gone(second, volume)
				if kept := strings.Contains(w.names(0), "/file neighbour"); kept != (policy != "delete") {
					t.Errorf("after %s there is %q", policy, w.names(0))
				}
				return died()
			})
		})
	}
}

// The claim renders elsewhere when the next process comes to it, and has data
// there. Nothing of that may be lost; what the first process began is empty.
func TestAClaimThatRendersAnewWhileItsProvisionerWasDeadKeepsItsData(t *testing.T) {
	eachDeath(t, func(w *world, steps int) bool {
		class, claim := w.class("pathPattern", "${.PVC.annotations.dir}", "onDelete", "archive"), w.claim("a")
		claim.Annotations = map[string]string{"dir": "first"}
		first, died := w.process(steps)
		_, _, _ = first.Provision(t.Context(), options(class, claim))
		claim.Annotations["dir"] = "anew"
		second, _ := w.process(-1)
		volume, err := w.provisioned(second, options(class, claim))
		w.must(err)
		w.write(0, "anew/file")
		w.gone(second, volume)
		if !strings.Contains(w.names(0), "archived-anew-pvc-uid-a/file") {
			t.Errorf("on the share is %q", w.names(0))
		}
		return died()
	})
}

func TestADeletionWhoseProvisionerDiedIsFinishedByTheNext(t *testing.T) {
	for policy, left := range map[string]string{"delete": "", "archive": "archived-a-pvc-uid-a archived-a-pvc-uid-a/file ", "retain": "a a/file "} {
		for name, change := range map[string]func(w *world){
			"as it was":        func(*world) {},
			"class gone":       func(w *world) { delete(w.classes, "gold") },
			"class changed":    func(w *world) { w.class("pathPattern", "neighbour", "onDelete", "delete") },
			"claim made again": func(w *world) { w.claim("a").UID = "uid-again" },
		} {
			t.Run(policy+", "+name, func(t *testing.T) {
				eachDeath(t, func(w *world, steps int) bool {
					volume := w.provision(w.class("pathPattern", "a", "onDelete", policy), w.claim("a"))
					w.write(0, "a/file")
					delete(w.claims, "default/a")
					first, died := w.process(steps)
					for {
						if err := first.Delete(t.Context(), volume); !errors.Is(err, share.ErrRemoving) {
							break
						}
					}
					change(w)
					second, _ := w.process(-1)
					w.gone(second, volume)
					w.expectNames(left + "neighbour neighbour/file")
					return died()
				})
			})
		}
	}
}

// A claim of the same name, or another one, asks for the path while the
// deletion of its volume is half done.
func TestWhoComesBetweenADeathAndItsRepairIsNotHarmed(t *testing.T) {
	for _, policy := range []string{"delete", "archive", "retain"} {
		for _, comer := range []string{"a", "b"} {
			t.Run(fmt.Sprintf("%s, claim %s", policy, comer), func(t *testing.T) {
				eachDeath(t, func(w *world, steps int) bool {
					class := w.class("pathPattern", "x", "onDelete", policy)
					volume := w.provision(class, w.claim("a"))
					w.write(0, "x/file")
					first, died := w.process(steps)
					_ = first.Delete(t.Context(), volume)
					delete(w.claims, "default/a")
					came := w.claim(comer)
					came.UID = "uid-came"
					second, _ := w.process(-1)
					next, err := w.provisioned(second, options(class, came))
					if err == nil {
						w.write(0, "x/new")
					}
					_ = second.Delete(t.Context(), volume)
					if err == nil && !strings.Contains(w.names(0), "x/new") {
						t.Errorf("the new volume %s has lost its data: %q", next.Name, w.names(0))
					}
					if policy != "delete" && !strings.Contains(w.names(0), "/file x") && !strings.Contains(w.names(0), "x/file") && !strings.Contains(w.names(0), "pvc-uid-a/file") {
						t.Errorf("the data that was to be kept is gone: %q", w.names(0))
					}
					return died()
				})
			})
		}
	}
}
