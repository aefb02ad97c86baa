// SPDX-License-Identifier: BSL-1.0
// The one handler of all messages. The default writes with a raw system call: it must work in a
// signal handler, and must not pass through a libc symbol that somebody may have hooked.
#include "weft/report.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

#include "syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

void write_to_stderr(const report& message) noexcept {
  // One call for text and newline: lines of several threads do not mix.
  char newline = '\n';
  iovec parts[2] = {{const_cast<char*>(message.text.data()), message.text.size()}, {&newline, 1}};
  detail::raw_syscall(SYS_writev, STDERR_FILENO, parts, 2);
}

std::atomic<report_handler> current_handler{&write_to_stderr};

}  // namespace

report_handler set_report_handler(report_handler handler) noexcept {
  return current_handler.exchange(handler != nullptr ? handler : &write_to_stderr,
                                  std::memory_order_acq_rel);
}

namespace detail {

void send_report(std::string_view text, bool in_signal_handler) noexcept {
  current_handler.load(std::memory_order_acquire)({text, in_signal_handler});
}

}  // namespace detail
WEFT_NAMESPACE_END
