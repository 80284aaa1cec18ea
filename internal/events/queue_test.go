package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// server is an API server that keeps what it is sent, in its order.
type server struct {
	typedcorev1.EventInterface
	fail func(request string) error // nil: nothing fails

	mu       sync.Mutex
	requests []string // "create NAME" and "patch NAME"
	names    map[string]bool
	counts   map[string]int32
}

func (s *server) CreateWithEventNamespaceWithContext(ctx context.Context, event *v1.Event) (*v1.Event, error) {
	if err := s.request(ctx, "create "+event.Name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[event.Name], s.counts[event.Name] = true, event.Count
	return event, nil
}

func (s *server) PatchWithEventNamespaceWithContext(ctx context.Context, event *v1.Event, _ []byte) (*v1.Event, error) {
	if err := s.request(ctx, "patch "+event.Name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.names[event.Name] {
		return nil, apierrors.NewNotFound(v1.Resource("events"), event.Name)
	}
	s.counts[event.Name] = event.Count
	return event, nil
}

func (s *server) request(ctx context.Context, request string) error {
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.mu.Unlock()
	if s.fail == nil {
		return ctx.Err()
	}
	return s.fail(request)
}

func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// run calls test with a queue that runs, and its server.
func run(t *testing.T, fail func(request string) error, test func(t *testing.T, q *Queue, s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{fail: fail, names: map[string]bool{}, counts: map[string]int32{}}
		q := New(s)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { q.Run(ctx) })
		test(t, q, s)
		cancel()
		group.Wait()
	})
}

func event(kind, name, claim string) *v1.Event {
	return &v1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: "team", Name: name},
		Type:           kind,
		InvolvedObject: v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "team", Name: claim, UID: types.UID(claim)},
		Count:          1,
	}
}

func create(t *testing.T, q *Queue, e *v1.Event) {
	t.Helper()
	if _, err := q.CreateWithEventNamespace(e); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the API server got %q, want %q", got, want)
	}
}

func TestOfTheNewsOfAClaimOnlyTheLatestIsSent(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		create(t, q, event(v1.EventTypeNormal, "begun", "data"))
		create(t, q, event(v1.EventTypeNormal, "other", "logs"))
		create(t, q, event(v1.EventTypeNormal, "done", "data"))
		time.Sleep(time.Minute)
		got := s.got()
		slices.Sort(got)
		expect(t, got, "create done", "create other")
	})
}

func TestNewsThatLastAreSent(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		create(t, q, event(v1.EventTypeNormal, "begun", "data"))
		time.Sleep(time.Minute)
		create(t, q, event(v1.EventTypeNormal, "done", "data"))
		time.Sleep(time.Minute)
		expect(t, s.got(), "create begun", "create done")
	})
}

func TestNewsWaitForTheEndOfABurst(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		const claims, rate = 2000, 100 // a second
		for i := range claims {
			create(t, q, event(v1.EventTypeNormal, fmt.Sprint("done-", i), fmt.Sprint("claim-", i)))
			time.Sleep(time.Second / rate)
		}
		if got, most := len(s.got()), claims/rate*burstRate+newsRate; got == 0 || got > most {
			t.Errorf("%d were sent while others came, want some and at most %d", got, most)
		}
		time.Sleep(lull + (claims/newsRate+1)*time.Second)
		if got := len(s.got()); got != claims {
			t.Errorf("%d of %d have been sent since", got, claims)
		}
	})
}

func TestNewsOfAFewDoNotWaitForEachOther(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		const claims, rate = 100, newsRate // a second
		for i := range claims {
			create(t, q, event(v1.EventTypeNormal, fmt.Sprint("done-", i), fmt.Sprint("claim-", i)))
			time.Sleep(time.Second / rate)
		}
		time.Sleep(hold)
		if got := len(s.got()); got != claims {
			t.Errorf("%d of %d have been sent", got, claims)
		}
	})
}

func TestWarningsDoNotWaitBehindNews(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		for i := range maxNews {
			create(t, q, event(v1.EventTypeNormal, fmt.Sprint("done-", i), fmt.Sprint("claim-", i)))
		}
		time.Sleep(hold + time.Second)
		create(t, q, event(v1.EventTypeWarning, "failed", "data"))
		synctest.Wait()
		if got := s.got(); !slices.Contains(got, "create failed") || len(got) > 3*newsRate {
			t.Errorf("after %d requests, the warning is there: %t", len(got), slices.Contains(got, "create failed"))
		}
	})
}

func TestNoWarningIsLostInABurst(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		for i := range 2 * maxNews {
			create(t, q, event(v1.EventTypeNormal, fmt.Sprint("done-", i), fmt.Sprint("claim-", i)))
			create(t, q, event(v1.EventTypeWarning, fmt.Sprint("failed-", i), fmt.Sprint("claim-", i)))
		}
		time.Sleep(time.Hour)
		s.mu.Lock()
		defer s.mu.Unlock()
		news, warnings := 0, 0
		for i := range 2 * maxNews {
			if s.names[fmt.Sprint("done-", i)] {
				news++
			}
			if s.names[fmt.Sprint("failed-", i)] {
				warnings++
			}
		}
		if warnings != 2*maxNews || news != maxNews {
			t.Errorf("%d warnings and %d news have come, want all %d and %d", warnings, news, 2*maxNews, maxNews)
		}
	})
}

func TestAnEventThatIsChangedBeforeItIsCreatedIsCreatedAsItIsThen(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		create(t, q, event(v1.EventTypeNormal, "begun", "data"))
		again := event(v1.EventTypeNormal, "begun", "data")
		again.Count = 2
		if _, err := q.PatchWithEventNamespace(again, []byte(`{"count":2}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expect(t, s.got(), "create begun")
		if s.counts["begun"] != 2 {
			t.Errorf("the event counts %d, want 2", s.counts["begun"])
		}
	})
}

func TestAChangeOfAnEventThatIsNotThereCreatesIt(t *testing.T) {
	run(t, nil, func(t *testing.T, q *Queue, s *server) {
		again := event(v1.EventTypeWarning, "failed", "data")
		again.Count = 7
		if _, err := q.PatchWithEventNamespace(again, []byte(`{"count":7}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		expect(t, s.got(), "patch failed", "create failed")
		if s.counts["failed"] != 7 {
			t.Errorf("the event counts %d, want 7", s.counts["failed"])
		}
	})
}

func TestWhatTheAPIServerAnswers(t *testing.T) {
	away := errors.New("connection refused")
	for name, c := range map[string]struct {
		answers []error // then success
		want    int     // requests
	}{
		"an API server that is away is asked again":   {answers: []error{away, away}, want: 3},
		"one that is busy is asked again":             {answers: []error{apierrors.NewTooManyRequests("busy", 1)}, want: 2},
		"an event that is refused is not sent again":  {answers: []error{apierrors.NewForbidden(v1.Resource("events"), "failed", away)}, want: 1},
		"an event that was there is not sent again":   {answers: []error{apierrors.NewAlreadyExists(v1.Resource("events"), "failed")}, want: 1},
		"after minutes in vain it is not asked again": {answers: slices.Repeat([]error{away}, 100), want: maxTries + 1},
	} {
		t.Run(name, func(t *testing.T) {
			answers := c.answers
			fail := func(string) error {
				if len(answers) == 0 {
					return nil
				}
				answer := answers[0]
				answers = answers[1:]
				return answer
			}
			run(t, fail, func(t *testing.T, q *Queue, s *server) {
				create(t, q, event(v1.EventTypeWarning, "failed", "data"))
				time.Sleep(24 * time.Hour)
				if got := s.got(); len(got) != c.want {
					t.Errorf("%d requests, want %d: %q", len(got), c.want, got)
				}
			})
		})
	}
}

func TestTheEndSendsTheWarningsThatAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: map[string]bool{}, counts: map[string]int32{}}
		q := New(s)
		create(t, q, event(v1.EventTypeNormal, "begun", "data"))
		create(t, q, event(v1.EventTypeWarning, "failed", "data"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		q.Run(ctx)
		expect(t, s.got(), "create failed")
	})
}
