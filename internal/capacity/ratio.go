package capacity

import (
	"fmt"
	"math/big"
	"regexp"
)

// A Ratio is what the volumes of a share may promise together, as a multiple of
// the share's size.
type Ratio struct {
	text string
	rat  *big.Rat
}

var ratioForm = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6})?$`)

// ParseRatio reads a ratio such as "1", "0.9" or "1.5": a decimal number above 0
// without sign or exponent.
func ParseRatio(s string) (*Ratio, error) {
	rat, ok := new(big.Rat).SetString(s)
	if !ratioForm.MatchString(s) || !ok || rat.Sign() <= 0 {
		return nil, fmt.Errorf("%q is no decimal number above 0", s)
	}
	return &Ratio{s, rat}, nil
}

// String is the ratio as it was written.
func (r *Ratio) String() string { return r.text }

// of is the ratio of a size in bytes, rounded down.
func (r *Ratio) of(size uint64) *big.Int {
	product := new(big.Int).Mul(r.rat.Num(), new(big.Int).SetUint64(size))
	return product.Quo(product, r.rat.Denom())
}
