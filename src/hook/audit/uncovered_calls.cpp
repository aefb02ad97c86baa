// SPDX-License-Identifier: BSL-1.0
// See calls.hpp: what blocks and is not hooked, and what to do about each. A function that a tier
// takes over later needs no change here: functions.hpp comes first.
#include <initializer_list>

#include "calls.hpp"

namespace weft_audit {
namespace {

struct group {
  coverage how;
  std::string_view effect;
  std::string_view advice;
  std::initializer_list<std::string_view> names;
};

constexpr std::string_view to_thread = "call what calls it in weft::to_thread()";

const group groups[] = {
    {coverage::not_covered,
     "waits inside stdio, where no hook reaches",
     "harmless on a regular file; on a pipe, socket or terminal: weft::to_thread(), or read() into "
     "a "
     "buffer of your own",
     {"fgets",
      "fgetc",
      "getc",
      "getchar",
      "gets",
      "fread",
      "getline",
      "getdelim",
      "__getdelim",
      "fscanf",
      "scanf",
      "vfscanf",
      "vscanf",
      "__isoc99_fscanf",
      "__isoc99_scanf",
      "__isoc99_vfscanf",
      "__isoc99_vscanf",
      "__isoc23_fscanf",
      "__isoc23_scanf",
      "__isoc23_vfscanf",
      "__isoc23_vscanf",
      "fgetwc",
      "getwc",
      "getwchar",
      "fgetws",
      "fwscanf",
      "wscanf",
      "fgets_unlocked",
      "fgetc_unlocked",
      "getc_unlocked",
      "getchar_unlocked",
      "fread_unlocked",
      "__fgets_chk",
      "__fgets_unlocked_chk",
      "__fread_chk",
      "__fread_unlocked_chk",
      "__gets_chk",
      "__uflow",
      "__underflow",
      "_IO_getc"}},
    {coverage::seldom,
     "waits inside stdio when a pipe, socket or terminal is full",
     "output that nobody may be reading: weft::to_thread(), or write()",
     {"fwrite",          "fputs",          "puts",           "fputc",         "putc",
      "putchar",         "printf",         "fprintf",        "vprintf",       "vfprintf",
      "dprintf",         "vdprintf",       "__printf_chk",   "__fprintf_chk", "__vprintf_chk",
      "__vfprintf_chk",  "__dprintf_chk",  "__vdprintf_chk", "fflush",        "fflush_unlocked",
      "fwrite_unlocked", "fputs_unlocked", "fputc_unlocked", "putc_unlocked", "putchar_unlocked",
      "perror",          "psignal",        "__overflow",     "_IO_putc",      "fputwc",
      "putwc",           "fputws",         "fwprintf",       "wprintf"}},
    {coverage::seldom,
     "waits for the other end of a FIFO, or for a file system that is slow",
     "a FIFO: open it with O_NONBLOCK, or in weft::to_thread()",
     {"__open_2", "__open64_2", "__openat_2", "__openat64_2", "creat", "creat64", "fopen", "fopen64", "freopen", "freopen64"}},
    {coverage::seldom,
     "starts a shell; reading from it waits inside stdio",
     "with fgets() or fread() in one weft::to_thread(); or fork(), and read() from a pipe()",
     {"popen"}},
    {coverage::not_covered,
     "waits for a signal",
     "weft::signal_set, or weft::to_thread()",
     {"sigwait", "sigwaitinfo", "sigtimedwait", "sigsuspend", "sigpause", "__sigpause"}},
    {coverage::not_covered,
     "waits for System V or POSIX messages and semaphores",
     to_thread,
     {"msgrcv", "msgsnd", "semop", "semtimedop", "mq_receive", "mq_timedreceive", "mq_send",
      "mq_timedsend", "__mq_timedreceive_time64", "__mq_timedsend_time64"}},
    {coverage::not_covered,
     "waits by a lock of C11, inside the C library",
     "pthread's functions of the same kind are hooked (tier locks); or weft::mutex",
     {"mtx_lock", "mtx_timedlock", "cnd_wait", "cnd_timedwait", "call_once", "thrd_join"}},
    {coverage::not_covered,
     "waits for other threads",
     to_thread,
     {"pthread_barrier_wait", "pthread_timedjoin_np", "pthread_clockjoin_np"}},
    {coverage::seldom,
     "spins until it is free: for ever, if a fiber of this thread holds it",
     "no wait while it is held; or a pthread mutex and tier locks",
     {"pthread_spin_lock"}},
    {coverage::not_covered,
     "asks a name server",
     "getaddrinfo(), which is hooked (tier names)",
     {"res_query", "res_search", "res_nquery", "res_nsearch", "res_send", "res_nsend",
      "res_querydomain", "res_nquerydomain", "__res_query", "__res_search", "__res_nquery",
      "__res_nsearch", "__res_send", "__res_nsend", "getrrsetbyname", "gethostent"}},
    {coverage::seldom,
     "may ask a directory server (nsswitch.conf)",
     to_thread,
     {"getpwnam",       "getpwnam_r",       "getpwuid",        "getpwuid_r",    "getpwent",
      "getpwent_r",     "getgrnam",         "getgrnam_r",      "getgrgid",      "getgrgid_r",
      "getgrent",       "getgrent_r",       "getgrouplist",    "initgroups",    "getspnam",
      "getspnam_r",     "getservbyname",    "getservbyname_r", "getservbyport", "getservbyport_r",
      "getprotobyname", "getprotobyname_r", "getnetgrent",     "innetgr"}},
    {coverage::not_covered,
     "waits for asynchronous I/O",
     "wait for an eventfd of it by read() or poll(), which are hooked; or weft::to_thread()",
     {"aio_suspend", "aio_suspend64", "lio_listio", "lio_listio64", "gai_suspend", "io_getevents",
      "io_pgetevents", "io_uring_wait_cqe", "io_uring_wait_cqes", "io_uring_wait_cqe_nr",
      "io_uring_wait_cqe_timeout", "__io_uring_get_cqe", "io_uring_submit_and_wait",
      "io_uring_submit_and_wait_timeout", "io_uring_submit_and_get_events", "io_uring_enter",
      "io_uring_enter2", "io_uring_get_events"}},
    {coverage::seldom,
     "waits for the disk",
     to_thread,
     {"sync", "syncfs", "sync_file_range", "msync", "preadv", "preadv64", "preadv2", "preadv64v2",
      "pwritev", "pwritev64", "pwritev2", "pwritev64v2", "__pread_chk", "__pread64_chk",
      "fallocate", "fallocate64", "posix_fallocate", "posix_fallocate64", "copy_file_range"}},
    {coverage::not_covered,
     "waits until a pipe has room or data",
     "splice(), which is hooked",
     {"tee", "vmsplice"}},
    {coverage::seldom, "waits until a terminal has written all", to_thread, {"tcdrain", "tcflow"}},
    {coverage::not_covered,
     "waits for somebody at the terminal",
     to_thread,
     {"getpass", "readline"}},
    {coverage::seldom,
     "loads libraries that are not looked at here, and runs their initialisers",
     "name those libraries, too: weft-audit PROGRAM PLUGIN.so",
     {"dlopen", "dlmopen"}},
    {coverage::not_covered,
     "is the C library's inner name of a function that is hooked",
     "call the function by its plain name",
     {"__read", "__write", "__connect", "__send", "__recv", "__poll", "__select", "__nanosleep",
      "__sched_yield", "__wait", "__waitpid"}},
};

}  // namespace

const std::vector<blocking_call>& uncovered_calls() {
  static const std::vector<blocking_call> all = [] {
    std::vector<blocking_call> made;
    for (const group& one : groups) {
      for (const std::string_view name : one.names) {
        made.push_back({name, one.how, {}, one.effect, one.advice});
      }
    }
    return made;
  }();
  return all;
}

}  // namespace weft_audit
