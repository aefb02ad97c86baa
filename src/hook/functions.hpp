// SPDX-License-Identifier: BSL-1.0
// Every function that libweft-hook stands before, once: its tier, type and what a call of it does
// in a fiber. Layer: hook. Declarations, the pointers to the C library's functions, the report, the
// counters and weft-audit's table all come from these rows.
//
//   ROW(tier, result, name, (parameters), (arguments), "what it does in a fiber")
#pragma once

#define WEFT_HOOK_NET(ROW)                                                                         \
  ROW(net, unsigned, sleep, (unsigned seconds), (seconds), "parks")                                \
  ROW(net, int, usleep, (useconds_t span), (span), "parks")                                        \
  ROW(net, int, nanosleep, (const timespec* span, timespec* left), (span, left), "parks")          \
  ROW(net, int, clock_nanosleep, (clockid_t clock, int flags, const timespec* span, timespec* left), \
      (clock, flags, span, left), "parks")                                                         \
  ROW(net, int, thrd_sleep, (const timespec* span, timespec* left), (span, left), "parks")         \
  ROW(net, int, sched_yield, (), (), "lets other fibers run")                                      \
  ROW(net, int, pause, (), (), "parks until a signal handler has run")                             \
  ROW(net, ssize_t, read, (int fd, void* to, size_t bytes), (fd, to, bytes), "parks until data")   \
  ROW(net, ssize_t, readv, (int fd, const iovec* parts, int count), (fd, parts, count),            \
      "parks until data")                                                                          \
  ROW(net, ssize_t, write, (int fd, const void* from, size_t bytes), (fd, from, bytes),            \
      "parks until all is written")                                                                \
  ROW(net, ssize_t, writev, (int fd, const iovec* parts, int count), (fd, parts, count),           \
      "parks until all is written")                                                                \
  ROW(net, ssize_t, recv, (int fd, void* to, size_t bytes, int flags), (fd, to, bytes, flags),     \
      "parks until data")                                                                          \
  ROW(net, ssize_t, recvfrom,                                                                      \
      (int fd, void* to, size_t bytes, int flags, sockaddr* from, socklen_t* from_bytes),          \
      (fd, to, bytes, flags, from, from_bytes), "parks until data")                                \
  ROW(net, ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags),           \
      "parks until data")                                                                          \
  ROW(net, int, recvmmsg,                                                                          \
      (int fd, mmsghdr* messages, unsigned count, int flags, timespec* longest),                   \
      (fd, messages, count, flags, longest), "parks until data")                                   \
  ROW(net, ssize_t, send, (int fd, const void* from, size_t bytes, int flags),                     \
      (fd, from, bytes, flags), "parks until all is sent")                                         \
  ROW(net, ssize_t, sendto,                                                                        \
      (int fd, const void* from, size_t bytes, int flags, const sockaddr* to, socklen_t to_bytes), \
      (fd, from, bytes, flags, to, to_bytes), "parks until all is sent")                           \
  ROW(net, ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags),     \
      "parks until all is sent")                                                                   \
  ROW(net, int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags),                  \
      (fd, messages, count, flags), "parks until all is sent")                                     \
  ROW(net, ssize_t, __read_chk, (int fd, void* to, size_t bytes, size_t room),                     \
      (fd, to, bytes, room), "as read")                                                            \
  ROW(net, ssize_t, __recv_chk, (int fd, void* to, size_t bytes, size_t room, int flags),          \
      (fd, to, bytes, room, flags), "as recv")                                                     \
  ROW(net, ssize_t, __recvfrom_chk,                                                                \
      (int fd, void* to, size_t bytes, size_t room, int flags, sockaddr* from,                     \
       socklen_t* from_bytes),                                                                     \
      (fd, to, bytes, room, flags, from, from_bytes), "as recvfrom")                               \
  ROW(net, int, connect, (int fd, const sockaddr* to, socklen_t to_bytes), (fd, to, to_bytes),     \
      "parks until connected")                                                                     \
  ROW(net, int, accept, (int fd, sockaddr* from, socklen_t* from_bytes), (fd, from, from_bytes),   \
      "parks until somebody connects")                                                             \
  ROW(net, int, accept4, (int fd, sockaddr* from, socklen_t* from_bytes, int flags),               \
      (fd, from, from_bytes, flags), "parks until somebody connects")                              \
  ROW(net, int, poll, (pollfd* all, nfds_t count, int milliseconds), (all, count, milliseconds),   \
      "parks until one is ready")                                                                  \
  ROW(net, int, ppoll,                                                                             \
      (pollfd* all, nfds_t count, const timespec* longest, const sigset_t* mask),                  \
      (all, count, longest, mask), "parks until one is ready")                                     \
  ROW(net, int, __poll_chk, (pollfd* all, nfds_t count, int milliseconds, size_t room),            \
      (all, count, milliseconds, room), "as poll")                                                 \
  ROW(net, int, __ppoll_chk,                                                                       \
      (pollfd* all, nfds_t count, const timespec* longest, const sigset_t* mask, size_t room),     \
      (all, count, longest, mask, room), "as ppoll")                                               \
  ROW(net, int, select,                                                                            \
      (int count, fd_set* to_read, fd_set* to_write, fd_set* urgent, timeval* longest),            \
      (count, to_read, to_write, urgent, longest), "parks until one is ready")                     \
  ROW(net, int, pselect,                                                                           \
      (int count, fd_set* to_read, fd_set* to_write, fd_set* urgent, const timespec* longest,      \
       const sigset_t* mask),                                                                      \
      (count, to_read, to_write, urgent, longest, mask), "parks until one is ready")               \
  ROW(net, int, epoll_wait, (int fd, epoll_event* to, int room, int milliseconds),                 \
      (fd, to, room, milliseconds), "parks until one is ready")                                    \
  ROW(net, int, epoll_pwait,                                                                       \
      (int fd, epoll_event* to, int room, int milliseconds, const sigset_t* mask),                 \
      (fd, to, room, milliseconds, mask), "parks until one is ready")                              \
  ROW(net, int, epoll_pwait2,                                                                      \
      (int fd, epoll_event* to, int room, const timespec* longest, const sigset_t* mask),          \
      (fd, to, room, longest, mask), "parks until one is ready")                                   \
  ROW(net, ssize_t, sendfile, (int to, int from, off_t* at, size_t bytes), (to, from, at, bytes),  \
      "parks until all is sent")                                                                   \
  ROW(net, ssize_t, sendfile64, (int to, int from, off64_t* at, size_t bytes),                     \
      (to, from, at, bytes), "as sendfile")                                                        \
  ROW(net, ssize_t, splice,                                                                        \
      (int from, off64_t* from_at, int to, off64_t* to_at, size_t bytes, unsigned flags),          \
      (from, from_at, to, to_at, bytes, flags), "parks until something moved")                     \
  ROW(net, int, close, (int fd), (fd), "wakes who waits for it with EBADF")                        \
  ROW(net, int, dup2, (int from, int to), (from, to), "wakes who waits for what it closes")        \
  ROW(net, int, dup3, (int from, int to, int flags), (from, to, flags),                            \
      "wakes who waits for what it closes")                                                        \
  ROW(net, int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags),     \
      "wakes who waits for what it closes")                                                        \
  ROW(net, int, fclose, (FILE* what), (what), "wakes who waits for what it closes")                \
  ROW(net, int, sigaction, (int number, const struct sigaction* wanted, struct sigaction* before), \
      (number, wanted, before), "notes handlers that interrupt calls")                             \
  ROW(net, sighandler_t, signal, (int number, sighandler_t wanted), (number, wanted),              \
      "notes handlers that interrupt calls")                                                       \
  ROW(net, int, siginterrupt, (int number, int flag), (number, flag),                              \
      "notes handlers that interrupt calls")

#define WEFT_HOOK_NAMES(ROW)                                                                       \
  ROW(names, int, getaddrinfo,                                                                     \
      (const char* host, const char* service, const addrinfo* hints, addrinfo** to),               \
      (host, service, hints, to), "goes to a thread")                                              \
  ROW(names, int, getnameinfo,                                                                     \
      (const sockaddr* of, socklen_t of_bytes, char* host, socklen_t host_room, char* service,     \
       socklen_t service_room, int flags),                                                         \
      (of, of_bytes, host, host_room, service, service_room, flags), "goes to a thread")           \
  ROW(names, hostent*, gethostbyname, (const char* name), (name), "goes to a thread")              \
  ROW(names, hostent*, gethostbyname2, (const char* name, int family), (name, family),             \
      "goes to a thread")                                                                          \
  ROW(names, hostent*, gethostbyaddr, (const void* address, socklen_t bytes, int family),          \
      (address, bytes, family), "goes to a thread")                                                \
  ROW(names, int, gethostbyname_r,                                                                 \
      (const char* name, hostent* entry, char* memory, size_t bytes, hostent** to, int* error),    \
      (name, entry, memory, bytes, to, error), "goes to a thread")                                 \
  ROW(names, int, gethostbyname2_r,                                                                \
      (const char* name, int family, hostent* entry, char* memory, size_t bytes, hostent** to,     \
       int* error),                                                                                \
      (name, family, entry, memory, bytes, to, error), "goes to a thread")                         \
  ROW(names, int, gethostbyaddr_r,                                                                 \
      (const void* address, socklen_t address_bytes, int family, hostent* entry, char* memory,     \
       size_t bytes, hostent** to, int* error),                                                    \
      (address, address_bytes, family, entry, memory, bytes, to, error), "goes to a thread")       \
  ROW(names, pid_t, wait, (int* status), (status), "parks until a child ends")                     \
  ROW(names, pid_t, waitpid, (pid_t pid, int* status, int options), (pid, status, options),        \
      "parks until the child ends")                                                                \
  ROW(names, pid_t, wait3, (int* status, int options, rusage* usage), (status, options, usage),    \
      "parks until a child ends")                                                                  \
  ROW(names, pid_t, wait4, (pid_t pid, int* status, int options, rusage* usage),                   \
      (pid, status, options, usage), "parks until the child ends")                                 \
  ROW(names, int, waitid, (idtype_t kind, id_t id, siginfo_t* info, int options),                  \
      (kind, id, info, options), "parks until the child ends")                                     \
  ROW(names, int, system, (const char* command), (command), "goes to a thread")                    \
  ROW(names, int, pclose, (FILE* what), (what), "goes to a thread")                                \
  ROW(names, int, pthread_join, (pthread_t thread, void** result), (thread, result),               \
      "parks until the thread ends")

#define WEFT_HOOK_LOCKS(ROW)                                                                       \
  ROW(locks, int, pthread_mutex_lock, (pthread_mutex_t * m), (m), "parks until it is free")        \
  ROW(locks, int, pthread_mutex_trylock, (pthread_mutex_t * m), (m), "notes who holds it")         \
  ROW(locks, int, pthread_mutex_timedlock, (pthread_mutex_t * m, const timespec* deadline),        \
      (m, deadline), "parks until it is free")                                                     \
  ROW(locks, int, pthread_mutex_clocklock,                                                         \
      (pthread_mutex_t * m, clockid_t clock, const timespec* deadline), (m, clock, deadline),      \
      "parks until it is free")                                                                    \
  ROW(locks, int, pthread_mutex_unlock, (pthread_mutex_t * m), (m), "wakes who waits for it")      \
  ROW(locks, int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l), "parks until it is free")    \
  ROW(locks, int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l), "parks until it is free")    \
  ROW(locks, int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * l), (l), "notes who holds it")     \
  ROW(locks, int, pthread_rwlock_trywrlock, (pthread_rwlock_t * l), (l), "notes who holds it")     \
  ROW(locks, int, pthread_rwlock_timedrdlock, (pthread_rwlock_t * l, const timespec* deadline),    \
      (l, deadline), "parks until it is free")                                                     \
  ROW(locks, int, pthread_rwlock_timedwrlock, (pthread_rwlock_t * l, const timespec* deadline),    \
      (l, deadline), "parks until it is free")                                                     \
  ROW(locks, int, pthread_rwlock_clockrdlock,                                                      \
      (pthread_rwlock_t * l, clockid_t clock, const timespec* deadline), (l, clock, deadline),     \
      "parks until it is free")                                                                    \
  ROW(locks, int, pthread_rwlock_clockwrlock,                                                      \
      (pthread_rwlock_t * l, clockid_t clock, const timespec* deadline), (l, clock, deadline),     \
      "parks until it is free")                                                                    \
  ROW(locks, int, pthread_rwlock_unlock, (pthread_rwlock_t * l), (l), "wakes who waits for it")    \
  ROW(locks, int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t * m), (c, m),            \
      "parks until it is signalled")                                                               \
  ROW(locks, int, pthread_cond_timedwait,                                                          \
      (pthread_cond_t * c, pthread_mutex_t * m, const timespec* deadline), (c, m, deadline),       \
      "parks until it is signalled")                                                               \
  ROW(locks, int, pthread_cond_clockwait,                                                          \
      (pthread_cond_t * c, pthread_mutex_t * m, clockid_t clock, const timespec* deadline),        \
      (c, m, clock, deadline), "parks until it is signalled")                                      \
  ROW(locks, int, pthread_cond_signal, (pthread_cond_t * c), (c), "wakes who waits for it")        \
  ROW(locks, int, pthread_cond_broadcast, (pthread_cond_t * c), (c), "wakes who waits for it")     \
  ROW(locks, int, sem_wait, (sem_t * s), (s), "parks until it is posted")                          \
  ROW(locks, int, sem_timedwait, (sem_t * s, const timespec* deadline), (s, deadline),             \
      "parks until it is posted")                                                                  \
  ROW(locks, int, sem_clockwait, (sem_t * s, clockid_t clock, const timespec* deadline),           \
      (s, clock, deadline), "parks until it is posted")                                            \
  ROW(locks, int, sem_post, (sem_t * s), (s), "wakes who waits for it")                            \
  ROW(locks, int, pthread_once, (pthread_once_t * once, void (*f)()), (once, f),                   \
      "parks while another fiber is at it")                                                        \
  ROW(locks, int, __cxa_guard_acquire, (abi::__guard * guard), (guard),                           \
      "parks while another fiber is at it")                                                        \
  ROW(locks, void, __cxa_guard_release, (abi::__guard * guard), (guard), "wakes who waits for it") \
  ROW(locks, void, __cxa_guard_abort, (abi::__guard * guard), (guard), "wakes who waits for it")

#define WEFT_HOOK_FILES(ROW)                                                                       \
  ROW(files, ssize_t, pread, (int fd, void* to, size_t bytes, off_t at), (fd, to, bytes, at),      \
      "goes to a thread unless cached")                                                            \
  ROW(files, ssize_t, pread64, (int fd, void* to, size_t bytes, off64_t at), (fd, to, bytes, at),  \
      "as pread")                                                                                  \
  ROW(files, ssize_t, pwrite, (int fd, const void* from, size_t bytes, off_t at),                  \
      (fd, from, bytes, at), "goes to a thread")                                                   \
  ROW(files, ssize_t, pwrite64, (int fd, const void* from, size_t bytes, off64_t at),              \
      (fd, from, bytes, at), "as pwrite")                                                          \
  ROW(files, int, fsync, (int fd), (fd), "goes to a thread")                                       \
  ROW(files, int, fdatasync, (int fd), (fd), "goes to a thread")                                   \
  ROW(files, int, flock, (int fd, int operation), (fd, operation), "goes to a thread if it waits") \
  ROW(files, int, lockf, (int fd, int command, off_t bytes), (fd, command, bytes),                 \
      "goes to a thread if it waits")                                                              \
  ROW(files, int, lockf64, (int fd, int command, off64_t bytes), (fd, command, bytes), "as lockf") \
  ROW(files, int, ftruncate, (int fd, off_t bytes), (fd, bytes), "goes to a thread")               \
  ROW(files, int, rename, (const char* from, const char* to), (from, to), "goes to a thread")      \
  ROW(files, int, unlink, (const char* path), (path), "goes to a thread")

// Declared with `...`; what may stand there is passed in the same places by both ABIs (x86-64 System
// V, AAPCS64 as Linux has it), so they are called through pointers of these types.
#define WEFT_HOOK_VARIADIC(ROW)                                                                    \
  ROW(locks, long, syscall, (long number, long a, long b, long c, long d, long e, long f),         \
      (number, a, b, c, d, e, f), "parks in a futex wait; other numbers go to the kernel")                                         \
  ROW(files, int, open, (const char* path, int flags, mode_t mode), (path, flags, mode),           \
      "goes to a thread")                                                                          \
  ROW(files, int, open64, (const char* path, int flags, mode_t mode), (path, flags, mode),         \
      "goes to a thread")                                                                          \
  ROW(files, int, openat, (int directory, const char* path, int flags, mode_t mode),               \
      (directory, path, flags, mode), "goes to a thread")                                          \
  ROW(files, int, openat64, (int directory, const char* path, int flags, mode_t mode),             \
      (directory, path, flags, mode), "goes to a thread")                                          \
  ROW(files, int, fcntl, (int fd, int command, void* argument), (fd, command, argument),           \
      "parks in F_SETLKW and F_OFD_SETLKW")                                                        \
  ROW(files, int, fcntl64, (int fd, int command, void* argument), (fd, command, argument),         \
      "as fcntl")

#define WEFT_HOOK_FUNCTIONS(ROW) \
  WEFT_HOOK_NET(ROW) WEFT_HOOK_NAMES(ROW) WEFT_HOOK_LOCKS(ROW) WEFT_HOOK_FILES(ROW) \
  WEFT_HOOK_VARIADIC(ROW)
