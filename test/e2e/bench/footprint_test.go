package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAFootprintIsTheMostMemoryAndTheMostAtFirst(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	w := &memoryWatch{
		cancel: func() {}, ended: ended, began: time.Now().Add(-100 * time.Second),
		at: []time.Duration{0, 9 * time.Second, 11 * time.Second, 99 * time.Second}, bytes: []float64{10, 30, 40, 20},
	}
	var of footprint
	if err := w.stop(&of); err != nil || of.most != 40 || of.early != 30 {
		t.Errorf("got %+v, %v", of, err)
	}
}

func TestAProvisionerThatTellsNoMemoryIsAnError(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	w := &memoryWatch{cancel: func() {}, ended: ended, began: time.Now()}
	if err := w.stop(&footprint{}); err == nil {
		t.Error("got no error")
	}
}

func TestTheResidentSetIsReadFromMetrics(t *testing.T) {
	for text, want := range map[string]float64{
		"# HELP process_resident_memory_bytes Size.\nprocess_resident_memory_bytes 4.2e+07\n": 4.2e7,
		"process_resident_memory_bytes_other 1\n":                                             0,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		got, err := residentOf(t.Context(), server.URL)
		server.Close()
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}
