// Package expand gives claims the larger size that they were edited to ask for.
//
// A directory needs nothing to hold more: to expand a volume is to say so in the
// volume, in its record on the share and in the status of its claim. What Kubernetes'
// own resizers leave in these, step by step, is left here, so that tools which
// watch expansions need to know nothing of us. Nothing is left to do for a node.
//
// An expansion may be begun by one process and finished by another: each step is
// seen in the objects, and is bound to the version of the object that it was
// decided on.
package expand
