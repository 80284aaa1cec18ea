package main

import (
	"strings"
	"testing"
)

const someMetrics = `# HELP apiserver_flowcontrol_dispatched_requests_total [BETA] Number of requests executed
# TYPE apiserver_flowcontrol_dispatched_requests_total counter
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-volumes",priority_level="workload-low"} 120
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-events",priority_level="workload-low"} 30
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-events",priority_level="other"} 10
apiserver_flowcontrol_dispatched_requests_total{flow_schema="bench-lease",priority_level="workload-low"} 7
apiserver_flowcontrol_dispatched_requests_total{flow_schema="system-nodes",priority_level="system"} 1000
# HELP apiserver_request_total [STABLE] Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",verb="GET"} 5000
`

func TestRequestsAreThoseOfTheAccountWithoutItsLease(t *testing.T) {
	c, err := parseCounts(strings.NewReader(someMetrics))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.requests(); got != 160 {
		t.Errorf("got %v requests of %v, want 160", got, c)
	}
}

func TestWhatWasCountedBeforeIsTakenAway(t *testing.T) {
	before, after := counts{"bench-volumes": 100, "bench-claims": 5}, counts{"bench-volumes": 120, "bench-claims": 5, "bench-events": 40}
	d := after.since(before)
	if d["bench-volumes"] != 20 || d["bench-claims"] != 0 || d["bench-events"] != 40 || d.requests() != 60 {
		t.Errorf("got %v", d)
	}
}

func TestAListIsTakenAwayWhereItWasCounted(t *testing.T) {
	c := counts{"bench-volumes": 0, "bench-claims": 3}
	if got := c.less(1); got["bench-claims"] != 2 || got["bench-volumes"] != 0 || c["bench-claims"] != 3 {
		t.Errorf("got %v of %v", got, c)
	}
}

func TestMetricsThatCannotBeReadAreAnError(t *testing.T) {
	for name, text := range map[string]string{"other metrics": "a_total 1\n", "none": "", "no metrics": "<html>"} {
		if c, err := parseCounts(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %v", name, c)
		}
	}
}
