// SPDX-License-Identifier: BSL-1.0
// Refusing: see check.hpp.
#include "weft/detail/check.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

std::atomic<describe_function> describe_current{nullptr};

std::string running_here() {
  const describe_function describe = describe_current.load(std::memory_order_acquire);
  return describe != nullptr ? describe() : std::string("a plain thread");
}

}  // namespace

void set_describe_current(describe_function describe) noexcept {
  // release; pairs with the acquire in running_here(): several loops may start at once
  describe_current.store(describe, std::memory_order_release);
}

void invariant_failed(const char* condition, const char* file, int line) noexcept {
  fatal("broken invariant: " + std::string(condition) + " (" + file + ":" + std::to_string(line) +
        ", running " + running_here() +
        "). This is a defect in weft or memory was overwritten; "
        "a core dump shows where.");
}

void fatal(const std::string& text) noexcept {
  send_report("weft: " + text);
  std::abort();
}

void misuse(const std::string& text) { throw std::logic_error("weft: " + text); }

}  // namespace detail
WEFT_NAMESPACE_END
