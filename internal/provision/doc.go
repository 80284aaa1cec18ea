// Package provision holds the product's rules: what a class may ask for, where
// a claim's directory is, what a claim is refused, what becomes of a volume's
// data. Its [Provisioner] is what sig-storage-lib-external-provisioner calls.
//
// It does no I/O of its own: file systems are touched by package share, the
// API is read through functions that the caller gives.
//
// # Rules of safety upheld here
//
//   - Honest refusals: what cannot be given is refused with an error that names
//     the object, the value and what to change. Never is less given than asked.
//   - Containment: what a template renders is judged by share.ParseDirectory and
//     never cleaned.
//   - No leak: the claim is read live from the API before anything is made; one
//     that has vanished gets nothing.
//   - Nothing lost: a volume is deleted only where its own server, path and
//     annotations agree, and never where a volume without a record overlaps.
package provision
