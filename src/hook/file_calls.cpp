// SPDX-License-Identifier: BSL-1.0
// Regular files, which are always ready to epoll and block all the same: what is in memory is done
// at once, the rest on a thread. Locks on files are asked for again and again instead: a thread
// that waits for one could keep it from whoever holds it. Layer: hook.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cstdarg>
#include <memory>
#include <string>

#include "offload.hpp"
#include "real.hpp"
#include "waiting.hpp"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// f() is a call of the C library's: a result, or -1 with errno.
template <class F>
auto on_thread(loop& here, function_id id, F&& f) noexcept -> decltype(f()) {
  return ended<decltype(f())>(offload(here, id, [&]() -> long {
    const auto result = f();
    return result >= 0 ? static_cast<long>(result) : -errno;
  }));
}

loop* loop_for_files(function_id id) noexcept {
  loop* const here = fiber_loop(tier::files, id);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

template <class Plain>
ssize_t read_at(loop& here, function_id id, int fd, void* to, size_t bytes, off_t at,
                Plain&& plain) noexcept {
  const iovec part{to, bytes};
  if (at >= 0) {
    // The position is passed in two words, of which 64-bit kernels take the first.
    const long now = raw_syscall(SYS_preadv2, fd, &part, 1, at, 0L, RWF_NOWAIT);
    // A short read may have stopped where the next page is not in memory.
    if (now == 0 || now == static_cast<long>(bytes)) {
      spend(here);
      return now;
    }
  }
  return on_thread(here, id, plain);
}

// f() asks for a lock without a wait: 0 or -1 with errno.
template <class F>
int lock_file(loop& here, function_id id, F&& f) noexcept {
  duration pause = std::chrono::microseconds(200);
  for (;;) {
    if (f() == 0) return 0;
    if (errno != EAGAIN && errno != EACCES) return -1;  // either, says fcntl(2)
    count(tally_of(id).waits);
    const int end = detail::sleep_hooked(here, detail::saturating_add(here.time->now(), pause));
    if (end < 0) return ended<int>(end);
    pause = std::min<duration>(2 * pause, std::chrono::milliseconds(20));
  }
}

// A path's owner is the job: opening a FIFO may take for ever, and a cancelled caller leaves.
struct opening : detail::thread_job {
  opening(int at, const char* where, int how, mode_t rights)
      : thread_job([](thread_job& job) { static_cast<opening&>(job).call_real(); },
                   [](thread_job& job) noexcept {
                     auto& self = static_cast<opening&>(job);
                     if (self.result >= 0) raw_syscall(SYS_close, self.result);
                     delete &self;
                   }),
        directory(at),
        path(where),
        flags(how),
        mode(rights) {}
  void call_real() noexcept {
    result = raw_syscall(SYS_openat, directory, path.c_str(), flags, mode);
  }
  const int directory;
  const std::string path;
  const int flags;
  const mode_t mode;
  long result = -EINTR;
};

int open_on_thread(loop& here, function_id id, int directory, const char* path, int flags,
                   mode_t mode) noexcept {
  try {
    auto one = std::make_unique<opening>(directory, path, flags, mode);
    const int refused = run_offloaded(here, id, *one);
    if (refused == -EINPROGRESS) static_cast<void>(one.release());
    if (refused == -EINPROGRESS || refused == -ECANCELED) return ended<int>(-ECANCELED);
    if (refused == -EAGAIN) one->call_real();
    return ended<int>(one->result);
  } catch (const std::bad_alloc&) {
    return ended<int>(-ENOMEM);
  }
}

bool has_mode(int flags) noexcept {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int control(function_id id, int fd, int command, void* argument) noexcept {
  const auto plain = [&](int what) { return real::fcntl(fd, what, argument); };
  const bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
  loop* const here = waits ? loop_for_files(id) : nullptr;
  if (here == nullptr) return plain(command);
  const int at_once = command == F_SETLKW ? F_SETLK : F_OFD_SETLK;
  return lock_file(*here, id, [&] { return plain(at_once); });
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API ssize_t pread(int fd, void* to, size_t bytes, off_t at) {
  loop* const here = loop_for_files(function_id::pread);
  if (here == nullptr) return real::pread(fd, to, bytes, at);
  return read_at(*here, function_id::pread, fd, to, bytes, at,
                 [&] { return real::pread(fd, to, bytes, at); });
}
WEFT_API ssize_t pread64(int fd, void* to, size_t bytes, off64_t at) {
  loop* const here = loop_for_files(function_id::pread64);
  if (here == nullptr) return real::pread64(fd, to, bytes, at);
  return read_at(*here, function_id::pread64, fd, to, bytes, at,
                 [&] { return real::pread64(fd, to, bytes, at); });
}
WEFT_API ssize_t pwrite(int fd, const void* from, size_t bytes, off_t at) {
  loop* const here = loop_for_files(function_id::pwrite);
  if (here == nullptr) return real::pwrite(fd, from, bytes, at);
  return on_thread(*here, function_id::pwrite, [&] { return real::pwrite(fd, from, bytes, at); });
}
WEFT_API ssize_t pwrite64(int fd, const void* from, size_t bytes, off64_t at) {
  loop* const here = loop_for_files(function_id::pwrite64);
  if (here == nullptr) return real::pwrite64(fd, from, bytes, at);
  return on_thread(*here, function_id::pwrite64,
                   [&] { return real::pwrite64(fd, from, bytes, at); });
}

WEFT_API int fsync(int fd) {
  loop* const here = loop_for_files(function_id::fsync);
  if (here == nullptr) return real::fsync(fd);
  return on_thread(*here, function_id::fsync, [&] { return real::fsync(fd); });
}
WEFT_API int fdatasync(int fd) {
  loop* const here = loop_for_files(function_id::fdatasync);
  if (here == nullptr) return real::fdatasync(fd);
  return on_thread(*here, function_id::fdatasync, [&] { return real::fdatasync(fd); });
}
WEFT_API int ftruncate(int fd, off_t bytes) noexcept {
  loop* const here = loop_for_files(function_id::ftruncate);
  if (here == nullptr) return real::ftruncate(fd, bytes);
  return on_thread(*here, function_id::ftruncate, [&] { return real::ftruncate(fd, bytes); });
}
WEFT_API int rename(const char* from, const char* to) noexcept {
  loop* const here = loop_for_files(function_id::rename);
  if (here == nullptr) return real::rename(from, to);
  return on_thread(*here, function_id::rename, [&] { return real::rename(from, to); });
}
WEFT_API int unlink(const char* path) noexcept {
  loop* const here = loop_for_files(function_id::unlink);
  if (here == nullptr) return real::unlink(path);
  return on_thread(*here, function_id::unlink, [&] { return real::unlink(path); });
}

WEFT_API int flock(int fd, int operation) noexcept {
  loop* const here = loop_for_files(function_id::flock);
  if (here == nullptr || (operation & (LOCK_NB | LOCK_UN)) != 0) {
    return real::flock(fd, operation);
  }
  return lock_file(*here, function_id::flock, [&] { return real::flock(fd, operation | LOCK_NB); });
}
WEFT_API int lockf(int fd, int command, off_t bytes) {
  loop* const here = loop_for_files(function_id::lockf);
  if (here == nullptr || command != F_LOCK) return real::lockf(fd, command, bytes);
  return lock_file(*here, function_id::lockf, [&] { return real::lockf(fd, F_TLOCK, bytes); });
}
WEFT_API int lockf64(int fd, int command, off64_t bytes) {
  loop* const here = loop_for_files(function_id::lockf64);
  if (here == nullptr || command != F_LOCK) return real::lockf64(fd, command, bytes);
  return lock_file(*here, function_id::lockf64, [&] { return real::lockf64(fd, F_TLOCK, bytes); });
}

// The argument behind is there only for some flags and commands; as a word it may be read always,
// but what is not there is not to be passed on.
#define WEFT_MODE_AFTER(last)                      \
  mode_t mode = 0;                                 \
  if (has_mode(last)) {                            \
    va_list rest;                                  \
    va_start(rest, last);                          \
    mode = static_cast<mode_t>(va_arg(rest, int)); \
    va_end(rest);                                  \
  }

WEFT_API int open(const char* path, int flags, ...) {
  WEFT_MODE_AFTER(flags)
  loop* const here = loop_for_files(function_id::open);
  if (here == nullptr) return real::open(path, flags, mode);
  return open_on_thread(*here, function_id::open, AT_FDCWD, path, flags, mode);
}
WEFT_API int open64(const char* path, int flags, ...) {
  WEFT_MODE_AFTER(flags)
  loop* const here = loop_for_files(function_id::open64);
  if (here == nullptr) return real::open64(path, flags, mode);
  return open_on_thread(*here, function_id::open64, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
WEFT_API int openat(int directory, const char* path, int flags, ...) {
  WEFT_MODE_AFTER(flags)
  loop* const here = loop_for_files(function_id::openat);
  if (here == nullptr) return real::openat(directory, path, flags, mode);
  return open_on_thread(*here, function_id::openat, directory, path, flags, mode);
}
WEFT_API int openat64(int directory, const char* path, int flags, ...) {
  WEFT_MODE_AFTER(flags)
  loop* const here = loop_for_files(function_id::openat64);
  if (here == nullptr) return real::openat64(directory, path, flags, mode);
  return open_on_thread(*here, function_id::openat64, directory, path, flags | O_LARGEFILE, mode);
}
#undef WEFT_MODE_AFTER

WEFT_API int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return control(function_id::fcntl, fd, command, argument);
}
WEFT_API int fcntl64(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return control(function_id::fcntl64, fd, command, argument);
}

}  // extern "C"
