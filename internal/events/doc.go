// Package events sends events to the API server so that they cost no claim its
// place.
//
// The library tells the owner of a claim twice of each claim that goes well, and
// its recorder holds a thousand events at most: behind a burst of them it drops
// what comes next, failures too. A Queue takes every event at once and sends
// warnings at once, news (events of type Normal) late and at a low rate, and hardly
// any while they come in a burst. Of the news of one object only the latest is
// sent, and of too many the newest are dropped. A warning is dropped only if the
// API server refuses it or cannot be reached for minutes.
//
// The package neither makes events nor joins equal ones; client-go's recorder
// does.
package events
