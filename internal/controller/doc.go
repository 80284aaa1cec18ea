// Package controller is the machinery around the provisioner: clients,
// informers, leader election, the library's work queues, health, and an orderly
// end. It makes no decision about a claim or a volume; package provision does.
//
// # Rules of safety upheld here
//
//   - One writer: shares are touched only while this process holds the lease,
//     and every step that cannot be taken back asks for it once more.
//   - On a request to stop, no new work is taken, what is in flight is finished,
//     and only then the lease is released. On a lost lease Run returns at once
//     and the process must exit.
//   - A share that hangs never fails a health check.
package controller
