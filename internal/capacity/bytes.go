package capacity

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// ErrTooLarge is wrapped when a size is 2^63 bytes or more, or none at all.
var ErrTooLarge = errors.New("not a size that can be counted")

// Bytes are the bytes of a size, rounded up. It fails from 2^63-1 on: that is
// what the API server makes of much that is larger, such as 8Ei.
func Bytes(size resource.Quantity) (int64, error) {
	most := resource.NewQuantity(math.MaxInt64, resource.DecimalSI)
	if size.Cmp(*most) >= 0 {
		return 0, fmt.Errorf("the size %s is 8Ei (2^63 bytes) or more: %w", size.String(), ErrTooLarge)
	}
	if size.Sign() < 0 {
		return 0, fmt.Errorf("the size %s is less than nothing: %w", size.String(), ErrTooLarge)
	}
	return size.Value(), nil
}

// counted are the bytes of a volume that is there, whatever it says.
func counted(size resource.Quantity) int64 {
	bytes, err := Bytes(size)
	switch {
	case err == nil:
		return bytes
	case size.Sign() < 0:
		return 0
	default:
		return math.MaxInt64
	}
}

// text is a number of bytes as people read it: exact where it is a whole number
// of a unit, else with one digit behind the point.
func text(bytes *big.Int) string {
	units := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}
	const step, exact = 1024, 10
	value, _ := new(big.Float).SetInt(bytes).Float64()
	unit := 0
	for value >= step && unit < len(units)-1 {
		value /= step
		unit++
	}
	if bytes.IsInt64() && unit > 0 && value < exact && value != math.Trunc(value) {
		// A megabyte more or less may be what the refusal is about.
		value *= step
		unit--
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + units[unit]
}
