package main

import "time"

// sizes are how much is made and deleted.
type sizes struct {
	burst        int // claims, at the number of workers that the row is about
	burstOther   int // claims, at the other numbers
	burstNFS     int
	rounds       int // of the bursts with a target, whose rates differ most from one to the next
	oneClaim     int
	requests     int
	expansions   int
	volumes      []int // in the cluster, of memory and start-up
	idleAt       int   // of volumes
	idle         time.Duration
	settle       time.Duration // before the resident set is read
	deletes      int           // volumes
	files        int           // in each of them
	giant        int           // files
	besideGiant  int           // deletions
	handovers    int
	killed       int
	calm         time.Duration // the longest wait for a machine that does nothing else
	enoughBeside int           // deletions that must have ended before the giant has
	cloned       int           // files
}

// Workers of the plot, and of the row with the target, which is the product's
// default.
var workersOfPlot = []int{1, 4, 16, 64}

const workers = 16

func newSizes(quick bool, repeat int) sizes {
	if quick {
		return sizes{
			burst: 100, burstOther: 50, burstNFS: 20, rounds: repeat, oneClaim: 10, requests: 20, expansions: 100,
			volumes: []int{100, 300, 1000}, idleAt: 300, idle: 3 * time.Second, settle: 2 * time.Second,
			deletes: 50, files: 10, giant: 30000, besideGiant: 10, enoughBeside: 1, handovers: 1, killed: 1, calm: 2 * time.Second,
			cloned: 2000,
		}
	}
	return sizes{
		burst: 2000, burstOther: 1000, burstNFS: 500, rounds: 2 * repeat, oneClaim: 200, requests: 500, expansions: 500,
		volumes: []int{1000, 10000, 50000}, idleAt: 10000, idle: time.Minute, settle: 10 * time.Second,
		deletes: 1000, files: 100, giant: 1000000, besideGiant: 200, enoughBeside: 50, handovers: repeat, killed: min(repeat, 3), calm: 10 * time.Second,
		cloned: 100000,
	}
}
