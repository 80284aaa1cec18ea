/*
 * Lets user-mode Linux run on CPUs whose extended state is larger than it
 * knows, such as those with AMX: the host's kernel takes a process' registers
 * (PTRACE_SETREGSET of NT_X86_XSTATE) whole or not at all, and answers EFAULT to
 * the 2,696 bytes of user-mode Linux 6.1. This library, loaded before libc, adds
 * what is missing: state that the guest has never set.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGEST (64 * 1024)

/* User-mode Linux has one thread, and a stack too small for this. */
static char state[LARGEST] __attribute__((aligned(64)));
static size_t size; /* of the state on this machine */

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	va_start(rest, request);
	pid_t pid = va_arg(rest, pid_t);
	void *address = va_arg(rest, void *);
	void *data = va_arg(rest, void *);
	va_end(rest);

	if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
		struct iovec *given = data;
		struct iovec whole = { state, sizeof state };
		if (size == 0 && syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &whole) == 0) {
			size = whole.iov_len;
			memset(state, 0, size);
		}
		if (given->iov_len < size) {
			memcpy(state, given->iov_base, given->iov_len);
			whole.iov_len = size;
			data = &whole;
		}
	}
	if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) { /* the kernel writes the word to an address */
		long word;
		long result = syscall(SYS_ptrace, request, pid, address, &word);
		return result < 0 ? result : word;
	}
	return syscall(SYS_ptrace, request, pid, address, data);
}
