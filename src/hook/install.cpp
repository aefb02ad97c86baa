// SPDX-License-Identifier: BSL-1.0
// See weft/hook.hpp: which functions are hooked, and what came of it. Layer: hook.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/auxv.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "address_queue.hpp"
#include "gate.hpp"
#include "kept.hpp"
#include "lock_owners.hpp"
#include "lock_policy.hpp"
#include "once_table.hpp"
#include "real.hpp"
#include "signal_calls.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

struct row {
  const char* name;
  tier group;
};
constexpr row rows[] = {
#define WEFT_HOOK_ROW(group, result, name, parameters, arguments, what) {#name, tier::group},
    WEFT_HOOK_FUNCTIONS(WEFT_HOOK_ROW)
#undef WEFT_HOOK_ROW
};
static_assert(sizeof rows / sizeof rows[0] == functions);

const char in_this_file = 0;

// The file, as the dynamic linker has it loaded, in which an address lies.
Dl_info file_of(const void* address) noexcept {
  Dl_info info{};
  if (dladdr(address, &info) == 0) info = Dl_info{};
  return info;
}

bool is_switched_off() noexcept {
  const char* const wanted = std::getenv("WEFT_HOOKS");
  return (wanted != nullptr && std::strcmp(wanted, "0") == 0) || getauxval(AT_SECURE) != 0;
}

function_state state_of(const row& one, bool is_on) {
  function_state state;
  state.name = one.name;
  state.group = one.group;
  const Dl_info own = file_of(&in_this_file);
  void* const found = dlsym(RTLD_DEFAULT, one.name);
  const Dl_info theirs =
      found != nullptr ? file_of(found) : own;  // linked statically: there is one
  state.comes_here = theirs.dli_fbase == own.dli_fbase;
  state.owner = theirs.dli_fname != nullptr ? theirs.dli_fname : "";
  state.is_active = is_on && state.comes_here;
  return state;
}

std::atomic<long> process{0};

void note_process() noexcept {
  // relaxed: a child has one thread
  process.store(detail::raw_syscall(SYS_getpid), std::memory_order_relaxed);
}

// What fibers that wait for locks need, before the first of them.
void prepare_locks() noexcept {
  static std::atomic<bool> is_prepared{false};  // constant, so without a guard
  if (is_prepared.exchange(true, std::memory_order_relaxed)) return;
  prepare_owners();
  note_once_generation();
  stand_by_for_fork();
}

}  // namespace

bool is_own_process() noexcept {
  return process.load(std::memory_order_relaxed) == detail::raw_syscall(SYS_getpid);
}

bool report::is_complete() const noexcept {
  for (const function_state& one : functions) {
    if (!one.is_active) return false;
  }
  return true;
}

std::string report::to_string() const {
  if (is_switched_off) {
    return "weft: no function is hooked: WEFT_HOOKS=0, or the program is set-user-ID\n";
  }
  std::map<std::string, std::string> by_owner;
  for (const function_state& one : functions) {
    if (!one.is_active) by_owner[one.owner].append(" ").append(one.name);
  }
  std::string text;
  for (const auto& [owner, names] : by_owner) {
    text += "weft: not hooked, because calls go to " +
            (owner.empty() ? std::string("another library") : owner) + ":" + names +
            "\n  Link the program with weft-hook before that file (with the archive: also with "
            "-rdynamic), or start it by weft-run.\n";
  }
  return text;
}

report install(tier what) {
  report result;
  result.is_switched_off = is_switched_off();
  const bool is_on = !result.is_switched_off;
  if (is_on) {
    if (process.load(std::memory_order_relaxed) == 0) {
      note_process();
      pthread_atfork(nullptr, nullptr, &note_process);  // ENOMEM: a child's closes wake nobody
    }
    const auto bits = static_cast<unsigned>(what);
    if ((what & tier::locks) != tier::none) prepare_locks();
    const unsigned before = active_tiers.fetch_or(bits, std::memory_order_relaxed);
    if ((bits & ~before & static_cast<unsigned>(tier::net)) != 0) stand_before_handlers();
    watch_by_policy();
  }
  for (const row& one : rows) {
    if ((what & one.group) != tier::none) result.functions.push_back(state_of(one, is_on));
  }
  return result;
}

void require(tier what) {
  const report result = install(what);
  if (!result.is_complete()) throw std::runtime_error(result.to_string());
}

tier installed() noexcept {
  return static_cast<tier>(active_tiers.load(std::memory_order_relaxed));
}

bool is_off_here() noexcept { return kept<fiber_local<bool>>().find() != nullptr; }

off::off() : scope_(kept<fiber_local<bool>>(), true) {}
off::~off() = default;

std::vector<function_count> counters() {
  std::vector<function_count> all;
  for (std::size_t i = 0; i < functions; ++i) {
    const tally& one = tallies[i];
    const std::uint64_t calls = one.calls.load(std::memory_order_relaxed);
    if (calls == 0) continue;
    all.push_back({rows[i].name, calls, one.waits.load(std::memory_order_relaxed),
                   one.offloads.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace hook
WEFT_NAMESPACE_END
