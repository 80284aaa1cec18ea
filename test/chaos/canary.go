package chaos

import (
	"fmt"
	"strings"
)

const canaryPrefix = "canary-"

// A Canary is the file in a volume that says whose it is.
type Canary struct {
	Directory string // below the share's root
	Volume    string
	Content   string
}

// NewCanary is the canary of a life's volume.
func NewCanary(o Options, l Life, uid, volume string) Canary {
	return Canary{
		Directory: l.Class.directory(l, volume), Volume: volume,
		Content: fmt.Sprintf("volume %s of claim %s, uid %s, life %d of %v\n", volume, l.Claim(), uid, l.ID, o),
	}
}

// File is the canary's name in its directory.
func (c Canary) File() string { return canaryPrefix + c.Volume }

// CanaryOf says which volume a file is the canary of.
func CanaryOf(file string) (volume string, ok bool) { return strings.CutPrefix(file, canaryPrefix) }
