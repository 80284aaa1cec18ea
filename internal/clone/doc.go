// Package clone gives a claim that names another claim as its source a copy of
// that claim's directory. It finds the source and judges whether it may be
// copied; package share copies.
//
// # Rules of safety upheld here
//
//   - Honest refusals: a source that is missing, not bound, another
//     provisioner's, in another namespace or larger than the claim is an error
//     that names it and says what to change, and never an empty volume.
//   - Containment: what is read is the directory of the volume that is bound to
//     a claim of the same namespace, in the words of both objects; that a claim
//     names a volume proves nothing.
//   - No leak: if the source goes while it is copied, what was copied goes too.
package clone
