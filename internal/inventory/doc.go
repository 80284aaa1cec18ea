// Package inventory compares what is on a share with the volumes of the
// cluster: which directory is which volume's, which directory no volume has,
// which volume has no directory, what is archived, kept or on its way out.
//
// It changes nothing, and it knows nothing that package share and the volumes
// do not tell: where the two disagree it says so and decides nothing.
//
// # Rules of safety upheld here
//
//   - No leak: whatever is on a share and could be a volume's is listed, with a
//     state that says why it is there.
//   - Bounded I/O: the share is read in parts, each with the deadline and in one
//     of the places of every other operation.
package inventory
