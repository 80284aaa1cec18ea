package capacity

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func quantity(s string) resource.Quantity { return resource.MustParse(s) }

func TestBytesNeverWrap(t *testing.T) {
	for size, want := range map[string]int64{
		"0": 0, "1Gi": 1 << 30, "1500m": 2, "7Ei": 7 << 60, "9223372036854775806": math.MaxInt64 - 1,
	} {
		if got, err := Bytes(quantity(size)); err != nil || got != want {
			t.Errorf("%s: %d, %v", size, got, err)
		}
	}
	for _, size := range []string{"9223372036854775807", "9223372036854775808", "8Ei", "16Ei", "1e30", "18446744073709551617", "-1"} {
		if got, err := Bytes(quantity(size)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d, %v", size, got, err)
		}
	}
}

func TestRatiosAreReadStrictly(t *testing.T) {
	for text, want := range map[string]int64{"1": 1000, "0.9": 900, "1.5": 1500, "2.50": 2500, "0.0001": 0, "100000": 100000000} {
		r, err := ParseRatio(text)
		if err != nil || r.of(1000).Int64() != want || r.String() != text {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "0", "0.0", "-1", "+1", "1e3", "1/2", ".5", "5.", "1,5", " 1", "NaN", "Inf", "0x10", "12345678", "1_0"} {
		if r, err := ParseRatio(text); err == nil {
			t.Errorf("%q is read as %v", text, r)
		}
	}
}

func TestARatioOfAHugeShareDoesNotWrap(t *testing.T) {
	r, err := ParseRatio("999999")
	if err != nil {
		t.Fatal(err)
	}
	want := new(big.Int).Mul(big.NewInt(999999), new(big.Int).SetUint64(math.MaxUint64))
	if got := r.of(math.MaxUint64); got.Cmp(want) != 0 {
		t.Errorf("%v", got)
	}
}

func TestTextIsForPeople(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0", 1023: "1023", 1 << 30: "1Gi", 10 << 30: "10Gi", 3 << 29: "1536Mi", 100<<30 + 300<<20: "100.3Gi", 7 << 60: "7Ei",
	} {
		if got := text(big.NewInt(bytes)); got != want {
			t.Errorf("%d: %s, want %s", bytes, got, want)
		}
	}
}

// on is a request for room on a share of 100Gi, of which 40Gi are free.
func on(volume, size, now, ratio string) Request {
	r := Request{Volume: volume, Share: "first", Size: quantity(size), Space: share.Space{Size: 100 << 30, Free: 40 << 30, At: time.Now()}}
	if now != "" {
		r.Now = quantity(now)
	}
	if ratio != "" {
		var err error
		if r.Ratio, err = ParseRatio(ratio); err != nil {
			panic(err)
		}
	}
	return r
}

func TestWhatIsRefusedAndWhatIsWarnedOf(t *testing.T) {
	unknown := on("new", "1Gi", "", "1")
	unknown.Space = share.Space{}
	for name, c := range map[string]struct {
		request Request
		refused error
		words   []string // of the error or the warning
	}{
		"the last room":              {on("new", "60Gi", "", "1"), nil, nil},
		"a byte too much":            {on("new", "64424509441", "", "1"), ErrRefused, []string{"100Gi", "40Gi", "overcommitRatio 1"}},
		"over a ratio below 1":       {on("new", "11Gi", "", "0.5"), ErrRefused, []string{"51Gi", "50Gi"}},
		"over-committed":             {on("new", "160Gi", "", "2"), nil, nil},
		"over-committed too much":    {on("new", "161Gi", "", "2"), ErrRefused, []string{"201Gi", "200Gi"}},
		"without a ratio":            {on("new", "40Gi", "", ""), nil, nil},
		"more than free":             {on("new", "41Gi", "", ""), nil, []string{"41Gi", "40Gi", "first"}},
		"more than the whole share":  {on("new", "1Ti", "", ""), nil, []string{"1Ti", "40Gi"}},
		"growing":                    {on("old", "100Gi", "40Gi", "1"), nil, nil},
		"growing too much":           {on("old", "101Gi", "40Gi", "2"), ErrRefused, []string{"101Gi", "100Gi"}},
		"growing by more than free":  {on("old", "90Gi", "40Gi", ""), nil, []string{"50Gi", "40Gi"}},
		"growing over the share":     {on("old", "101Gi", "40Gi", ""), ErrRefused, []string{"101Gi", "100Gi"}},
		"2^63":                       {on("new", "8Ei", "", ""), ErrTooLarge, []string{"2^63"}},
		"beyond 2^63 with a ratio":   {on("new", "1e30", "", "999999"), ErrTooLarge, []string{"2^63"}},
		"a share that tells nothing": {unknown, ErrUnknown, []string{"first"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			l.Show("old", "first", quantity("40Gi"))
			l.Show("far", "second", quantity("7Ei"))
			_, before := l.Promised("first")
			warning, err := l.Reserve(c.request)
			if !errors.Is(err, c.refused) {
				t.Fatalf("%v", err)
			}
			said := warning
			if err != nil {
				said = err.Error()
				if _, after := l.Promised("first"); after != before {
					t.Errorf("the refusal took %v", after-before)
				}
			}
			if (said == "") != (c.words == nil) {
				t.Errorf("it says %q", said)
			}
			for _, word := range c.words {
				if !strings.Contains(said, word) {
					t.Errorf("%q does not say %q", said, word)
				}
			}
		})
	}
}

func TestOfTwoAtOnceOneGetsTheLastRoom(t *testing.T) {
	l := NewLedger()
	l.Show("old", "first", quantity("40Gi"))
	var got atomic.Int32
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if _, err := l.Reserve(on(fmt.Sprint("new-", i), "20Gi", "", "1")); err == nil {
				got.Add(1)
			}
		})
	}
	group.Wait()
	if got.Load() != 3 {
		t.Errorf("%d got 20Gi of the 60Gi that were left", got.Load())
	}
}

func TestAReservationEndsAndLeavesNothing(t *testing.T) {
	const full = "60Gi"
	for name, end := range map[string]func(*Ledger){
		"released":               func(l *Ledger) { l.Release("new") },
		"shown and gone":         func(l *Ledger) { l.Show("new", "first", quantity(full)); l.Drop("new") },
		"gone before it was":     func(l *Ledger) { l.Drop("new") },
		"shown somewhere else":   func(l *Ledger) { l.Show("new", "second", quantity(full)) },
		"asked for less instead": func(l *Ledger) { _, _ = l.Reserve(on("new", "1", "", "1")); l.Release("new") },
		"refused the next time":  func(l *Ledger) { _, _ = l.Reserve(on("new", "61Gi", "", "1")) },
		"refused as uncountable": func(l *Ledger) { _, _ = l.Reserve(on("new", "8Ei", "", "1")) },
		"larger than the share":  func(l *Ledger) { _, _ = l.Reserve(on("new", "101Gi", "1Gi", "2")) },
		"lowered to nothing":     func(l *Ledger) { l.Lower("new", quantity("0")) },
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			l.Show("old", "first", quantity("40Gi"))
			for range 2 { // asked again, it is no second one
				if _, err := l.Reserve(on("new", full, "", "1")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Reserve(on("other", "1", "", "1")); !errors.Is(err, ErrRefused) {
				t.Fatalf("somebody else got what is reserved: %v", err)
			}
			end(l)
			if volumes, bytes := l.Promised("first"); volumes != 1 || bytes != 40<<30 {
				t.Errorf("%d volumes promise %v", volumes, bytes)
			}
			if _, err := l.Reserve(on("other", full, "", "1")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAVolumeThatGrowsCountsForItsNewSizeFromTheReservationOn(t *testing.T) {
	l := NewLedger()
	l.Show("old", "first", quantity("40Gi"))
	if _, err := l.Reserve(on("old", "90Gi", "40Gi", "1")); err != nil {
		t.Fatal(err)
	}
	l.Show("old", "first", quantity("40Gi")) // the watch is late
	if _, err := l.Reserve(on("new", "11Gi", "", "1")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	l.Show("old", "first", quantity("90Gi"))
	if volumes, bytes := l.Promised("first"); volumes != 1 || bytes != 90<<30 {
		t.Errorf("%d volumes promise %v", volumes, bytes)
	}
	l.Show("old", "first", quantity("10Gi")) // somebody has edited it
	if _, bytes := l.Promised("first"); bytes != 10<<30 {
		t.Errorf("%v", bytes)
	}
}

func TestAVolumeThatIsToGrowNoFurtherKeepsTheRoomForWhatItHas(t *testing.T) {
	l := NewLedger()
	l.Lower("unknown", quantity("1Gi"))
	l.Show("old", "first", quantity("40Gi"))
	expect := func(when string, want float64) {
		t.Helper()
		if volumes, bytes := l.Promised("first"); volumes != 1 || bytes != want {
			t.Errorf("%s: %d volumes promise %v, want %v", when, volumes, bytes, want)
		}
	}
	for _, size := range []string{"90Gi", "80Gi"} {
		if _, err := l.Reserve(on("old", size, "40Gi", "1")); err != nil {
			t.Fatal(err)
		}
		l.Lower("old", quantity("60Gi"))
		expect("it has more than was shown", 60<<30)
	}
	l.Show("old", "first", quantity("60Gi"))
	l.Lower("old", quantity("60Gi"))
	expect("it was shown", 60<<30)
	l.Show("old", "first", quantity("10Gi")) // somebody has edited it
	expect("nothing is left of what was reserved", 10<<30)
}

func TestSumsBeyond64BitsStaySums(t *testing.T) {
	l := NewLedger()
	for i := range 5 {
		l.Show(fmt.Sprint("v", i), "first", quantity("1e30")) // counts as 2^63-1
	}
	if _, bytes := l.Promised("first"); bytes < 4*math.MaxInt64 {
		t.Errorf("%v", bytes)
	}
	if _, err := l.Reserve(on("new", "1", "", "1")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	for i := range 5 {
		l.Drop(fmt.Sprint("v", i))
	}
	if volumes, bytes := l.Promised("first"); volumes != 0 || bytes != 0 {
		t.Errorf("%d volumes promise %v", volumes, bytes)
	}
}
