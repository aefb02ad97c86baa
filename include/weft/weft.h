/* SPDX-License-Identifier: BSL-1.0
 * weft for C: fibers for C99 and for C++ older than C++17. Layer: task.
 *
 * Every function that can fail returns 0 or a positive result, and -errno on error; nothing is ever
 * thrown. A wait of a task that was cancelled, or whose time is up, returns -ECANCELED, and so does
 * every further one, until the task or the timed region is left: pass it on.
 *   -EPERM    called on a plain thread, or where the call makes no sense
 *   -EINVAL   an argument that cannot be used
 *   -ENOMEM   no memory
 *   -EDEADLK  main waits for what nothing can ever bring
 * Bodies must not let a C++ exception or a longjmp out.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__cplusplus) && __cplusplus >= 201103L
#define WEFT_C_NOEXCEPT noexcept
#else
#define WEFT_C_NOEXCEPT
#endif

#if defined(__GNUC__)
#define WEFT_C_API __attribute__((visibility("default")))
#else
#define WEFT_C_API
#endif

/* A spawned body. Freed by weft_join() or weft_detach(). */
typedef struct weft_task weft_task;

typedef int (*weft_main)(void* argument);
typedef void* (*weft_body)(void* argument);

/* Zero-initialise: zero is the default of every field. */
typedef struct weft_run_options {
  size_t stack_bytes; /* per fiber */
  const char* name;   /* main's, in messages; must outlive the run */
  uint64_t seed;      /* 0: first in, first out; else a reproducible shuffle */
} weft_run_options;

typedef struct weft_spawn_options {
  const char* name;   /* copied */
  size_t stack_bytes; /* 0: as the loop's */
} weft_spawn_options;

/* Runs main(argument) on the caller's own stack as the first fiber of a new loop, and stores what it
 * returns in *result (which may be NULL). Tasks that are left are cancelled and joined.
 * Parks: blocks the thread.  Errors: EPERM inside a running loop; ENOMEM; EMFILE and what else the
 * system says; ECANCELED when Ctrl-C ended main. `how` may be NULL. */
WEFT_C_API int weft_run(const weft_run_options* how, weft_main body, void* argument,
                        int* result) WEFT_C_NOEXCEPT;

/* Starts body(argument) as a task: it runs once the caller waits, in order of spawn. `how` may be
 * NULL.  Parks: never.  Errors: EPERM, EINVAL, ENOMEM. */
WEFT_C_API int weft_spawn(weft_task** task, const weft_spawn_options* how, weft_body body,
                          void* argument) WEFT_C_NOEXCEPT;

/* Waits for the task's end, stores what its body returned in *result (which may be NULL), and frees
 * the handle. A task that was cancelled before it began has no result: NULL, and -ESRCH.
 * Parks: may.  Errors: ECANCELED (the caller was cancelled; the handle stays valid), EDEADLK,
 * EPERM (a task that waits for itself). */
WEFT_C_API int weft_join(weft_task* task, void** result) WEFT_C_NOEXCEPT;

/* Lets the task run on without a handle; its loop cancels and joins it when it ends.
 * Parks: never.  Errors: ENOMEM. */
WEFT_C_API int weft_detach(weft_task* task) WEFT_C_NOEXCEPT;

/* Asks the task to stop: its waits return -ECANCELED; one that has not begun never runs. `reason`
 * is for messages and may be NULL. 1, or 0 if it had ended already.
 * Parks: never.  Calls from: any thread.  Errors: ENOMEM. */
WEFT_C_API int weft_cancel(weft_task* task, const char* reason) WEFT_C_NOEXCEPT;

/* 1 once the task has ended, else 0.  Parks: never.  Calls from: any thread. */
WEFT_C_API int weft_is_done(const weft_task* task) WEFT_C_NOEXCEPT;

/* The three below park the fiber; on a plain thread they block it.  Errors: ECANCELED, EDEADLK. */
WEFT_C_API int weft_sleep(int64_t nanoseconds) WEFT_C_NOEXCEPT; /* zero or less: yields */
WEFT_C_API int weft_yield(void) WEFT_C_NOEXCEPT;

/* Waits until the descriptor is ready for `events` (POLLIN, POLLOUT of poll.h) and returns what
 * happened, as poll() does; -ETIMEDOUT after `nanoseconds` (negative: no limit).
 * Errors: EBADF; EPERM for a regular file, which is always ready; EEXIST if another fiber waits for
 * the same descriptor. */
WEFT_C_API int weft_wait_fd(int fd, short events, int64_t nanoseconds) WEFT_C_NOEXCEPT;

/* -ECANCELED if the task was cancelled or its time is up, else 0. Yields at every 128th in a row. */
WEFT_C_API int weft_checkpoint(void) WEFT_C_NOEXCEPT;

/* Calls body(argument) and stores its result; when it takes longer than `nanoseconds`, its waits
 * return -ECANCELED, and once it has returned, this returns -ETIMEDOUT (the result is stored all the
 * same). -ECANCELED if the task itself was cancelled.  Parks: may (in the body).  Errors: EPERM on a
 * plain thread; ENOMEM. */
WEFT_C_API int weft_with_timeout(int64_t nanoseconds, weft_main body, void* argument,
                                 int* result) WEFT_C_NOEXCEPT;

/* Calls body(argument) while cancels from outside wait: for cleanup that must park. */
WEFT_C_API int weft_shielded(weft_main body, void* argument) WEFT_C_NOEXCEPT;

/* The running loop's clock, or the machine's monotonic one. */
WEFT_C_API int64_t weft_now(void) WEFT_C_NOEXCEPT;

/* 1 on a fiber, main included; 0 on a plain thread. */
WEFT_C_API int weft_in_fiber(void) WEFT_C_NOEXCEPT;

/* The last error of this fiber in words, as long as it makes no other call: what, with which value,
 * and what to do. Empty if its last call succeeded. */
WEFT_C_API const char* weft_last_error(void) WEFT_C_NOEXCEPT;

#if defined(__cplusplus)
}
#endif

#endif
