// Package capacity knows what the volumes of shares promise together, and
// whether one more promise can be kept. It keeps sums, so that nobody has to go
// through all volumes for one claim, and it counts in whole bytes without ever
// wrapping.
//
// A promise is no quota: NFS has none that a client could set. What is promised
// is refused or warned of, what is used is not limited.
package capacity
