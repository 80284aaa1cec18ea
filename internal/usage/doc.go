// Package usage finds out what volumes hold, and tells it on the volumes.
//
// To know it every file has to be looked at. So it is done for those shares only
// that ask for it, one directory at a time over all shares, slowly, and long
// after the last time. When a volume was measured last is written on the volume,
// which is where the next process goes on.
package usage
