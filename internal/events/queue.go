package events

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
)

const (
	// hold is how long news wait for later news of the same object: longer than a
	// claim takes in a burst, so that it is told of its end alone.
	hold = 2 * time.Second
	// together is how long news that are due wait for more.
	together = 20 * time.Millisecond
	// newsRate, in requests a second, is little beside what the API server can do
	// for claims in the meantime.
	newsRate = 20
	// burst is how many news wait, at least, when more come than can be told of.
	burst = 5 * newsRate
	// burstRate is newsRate as long as a burst goes on: until none have come for a
	// lull. Those who wait for a claim need the API server more than those who read
	// what became of another. A lull is shorter than hold: what came in it is held.
	burstRate = 1
	lull      = time.Second
	// maxNews bounds the memory that waiting news take, at some 2 KiB each.
	maxNews = 5000
	// warners send warnings at once.
	warners = 4
)

// Queue stands in for the client of the events of all namespaces. What is
// created or patched through its methods for recorders is sent later, by Run;
// all else goes straight to the client.
type Queue struct {
	typedcorev1.EventInterface

	warnings, news        workqueue.TypedRateLimitingInterface[string]
	newsLimit, burstLimit flowcontrol.RateLimiter

	mu      sync.Mutex
	pending map[string]message // by namespace/name of the event
	latest  map[types.UID]news // the pending news of an object
	held    []held             // in the order in which they are due
	more    chan struct{}      // told when something is held and nothing was
}

// news are the latest of an object.
type news struct {
	name string // of the event
	held bool   // else it is their turn soon
}

// held are objects whose news wait for later ones: in a list, since a delaying
// queue keeps time for each event, and is woken for each.
type held struct {
	about types.UID
	since time.Time
}

// A message is an event to be created or, with a patch, one to be changed.
type message struct {
	event *v1.Event
	patch []byte
}

// New makes a queue before a client, which must be one for all namespaces.
func New(client typedcorev1.EventInterface) *Queue {
	retries := func() workqueue.TypedRateLimiter[string] {
		return workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
	}
	return &Queue{
		EventInterface: client,
		warnings:       workqueue.NewTypedRateLimitingQueue(retries()),
		news:           workqueue.NewTypedRateLimitingQueue(retries()),
		newsLimit:      flowcontrol.NewTokenBucketRateLimiter(newsRate, newsRate),
		burstLimit:     flowcontrol.NewTokenBucketRateLimiter(burstRate, 1),
		pending:        map[string]message{},
		latest:         map[types.UID]news{},
		more:           make(chan struct{}, 1),
	}
}

// CreateWithEventNamespace takes an event that is to be created.
func (q *Queue) CreateWithEventNamespace(event *v1.Event) (*v1.Event, error) {
	q.take(message{event: event})
	return event, nil
}

// PatchWithEventNamespace takes an event that is to be changed. The event is
// complete, for the case that there is none to be changed.
func (q *Queue) PatchWithEventNamespace(event *v1.Event, patch []byte) (*v1.Event, error) {
	q.take(message{event, patch})
	return event, nil
}

// CreateWithEventNamespaceWithContext is CreateWithEventNamespace.
func (q *Queue) CreateWithEventNamespaceWithContext(_ context.Context, event *v1.Event) (*v1.Event, error) {
	return q.CreateWithEventNamespace(event)
}

// PatchWithEventNamespaceWithContext is PatchWithEventNamespace.
func (q *Queue) PatchWithEventNamespaceWithContext(_ context.Context, event *v1.Event, patch []byte) (*v1.Event, error) {
	return q.PatchWithEventNamespace(event, patch)
}

func (q *Queue) take(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	name := key(m.event)
	if before, ok := q.pending[name]; ok && before.patch == nil {
		m.patch = nil // it is still to be created, as it is now
	}
	if m.event.Type != v1.EventTypeNormal {
		q.pending[name] = m
		q.warnings.Add(name)
		return
	}
	about := m.event.InvolvedObject.UID
	before, ok := q.latest[about]
	if ok {
		delete(q.pending, before.name)
	} else if len(q.latest) >= maxNews {
		return
	}
	q.latest[about] = news{name, true}
	q.pending[name] = m
	if !before.held {
		q.hold(about)
	}
}

// hold has the news of an object wait.
func (q *Queue) hold(about types.UID) {
	q.held = append(q.held, held{about, time.Now()})
	if len(q.held) > 1 {
		return
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// due gives the turn to news that have been held for long enough, and says how
// long it is until others are; it is false when there are none.
func (q *Queue) due() (next time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for len(q.held) > 0 {
		first := q.held[0]
		if wait := hold - now.Sub(first.since); wait > 0 {
			return max(wait, together), true
		}
		q.held = q.held[1:]
		if n, ok := q.latest[first.about]; ok {
			q.latest[first.about] = news{name: n.name}
			q.news.Add(n.name)
		}
	}
	q.held = nil
	return 0, false
}

// next gives what is pending under a name, to be sent now.
func (q *Queue) next(name string) (message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, ok := q.pending[name]
	if ok {
		q.drop(name, m)
	}
	return m, ok
}

// drop forgets a pending message.
func (q *Queue) drop(name string, m message) {
	delete(q.pending, name)
	if about := m.event.InvolvedObject.UID; q.latest[about].name == name {
		delete(q.latest, about)
	}
}

// putBack lets a message be sent again, unless later ones have come.
func (q *Queue) putBack(name string, m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	later, ok := q.pending[name]
	switch {
	case !ok:
		q.pending[name] = m
	case m.patch == nil:
		later.patch = nil
		q.pending[name] = later
	}
}

// bursting says whether news come faster than they can be told.
func (q *Queue) bursting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.held) - 1
	return len(q.latest) >= burst && last >= 0 && time.Since(q.held[last].since) < lull
}

func key(event *v1.Event) string { return event.Namespace + "/" + event.Name }
