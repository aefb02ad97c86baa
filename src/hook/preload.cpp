// SPDX-License-Identifier: BSL-1.0
// What libweft-hook does by itself at the start of a process, because the environment says so: how
// weft-run speaks to a program that knows nothing of weft. Layer: hook.
//
//   WEFT_HOOKS_INSTALL=net,names,locks,files   install() these tiers
//   WEFT_HOOKS_STATS=<process id>              when that process ends, counters() to stderr
//
// Without them nothing happens, nor in a program that gained rights (AT_SECURE). A program that is
// linked with the library reads them, too.
#include <fcntl.h>
#include <sys/auxv.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "../base/syscalls.hpp"
#include "weft/hook.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// Whose end prints the counters; 0: nobody's. A child of fork() has another id, and is silent.
long counted_process = 0;
// Where it goes: standard error as it was at the start, because cat(1) and its like close their own
// before they end. A high number, which a program that counts on the lowest free one does not see.
long table_output = 2;

struct named_tier {
  std::string_view name;
  tier what;
};
constexpr named_tier named_tiers[] = {
    {"net", tier::net},
    {"names", tier::names},
    {"locks", tier::locks},
    {"files", tier::files},
};

tier tier_of(std::string_view name) noexcept {
  for (const named_tier& one : named_tiers) {
    if (one.name == name) return one.what;
  }
  return tier::none;
}

// All that a list names; what it names and weft has not is added to `unknown`.
tier tiers_of(std::string_view list, std::string& unknown) {
  tier all = tier::none;
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    const std::string_view name = list.substr(0, end);
    const tier one = tier_of(name);
    if (one == tier::none && !name.empty()) {
      unknown.append(unknown.empty() ? "'" : ", '").append(name).append("'");
    }
    all = all | one;
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return all;
}

void install_named(const char* list) {
  std::string unknown;
  const tier what = tiers_of(list, unknown);
  if (!unknown.empty()) {
    detail::send_report("weft: WEFT_HOOKS_INSTALL names " + unknown +
                        ", which is no tier of hooks: these are net, names, locks, files");
  }
  if (what != tier::none) install(what);
}

void write_all(std::string_view text) noexcept {
  while (!text.empty()) {
    const long written = detail::raw_syscall(SYS_write, table_output, text.data(), text.size());
    if (written == -EINTR) continue;
    if (written <= 0) return;  // the program closed it
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string table_of_counters() {
  const auto all = counters();
  std::string text = "weft: process " + std::to_string(counted_process);
  if (installed() == tier::none) return text + ": nothing was hooked\n";
  if (all.empty()) return text + ": no fiber called a hooked function\n";
  text += ": hooked functions that fibers called\n";
  char line[128];
  std::snprintf(line, sizeof line, "  %-28s%14s%14s%14s\n", "function", "calls", "parked",
                "on a thread");
  text += line;
  for (const function_count& one : all) {
    std::snprintf(line, sizeof line, "  %-28s%14llu%14llu%14llu\n", one.name,
                  static_cast<unsigned long long>(one.calls),
                  static_cast<unsigned long long>(one.waits),
                  static_cast<unsigned long long>(one.offloads));
    text += line;
  }
  return text;
}

[[gnu::constructor]] void begin_as_told() noexcept {
  const char* const wanted = std::getenv("WEFT_HOOKS_INSTALL");
  const char* const counted = std::getenv("WEFT_HOOKS_STATS");
  if ((wanted == nullptr && counted == nullptr) || getauxval(AT_SECURE) != 0) return;
  const long own = detail::raw_syscall(SYS_getpid);
  if (counted != nullptr && std::strtol(counted, nullptr, 10) == own) {
    counted_process = own;
    const long kept = detail::raw_syscall(SYS_fcntl, 2, F_DUPFD_CLOEXEC, 900);
    if (kept >= 0) table_output = kept;
  }
  try {
    if (wanted != nullptr) install_named(wanted);
  } catch (const std::exception&) {
    detail::send_report("weft: no memory to install the hooks that WEFT_HOOKS_INSTALL names");
  }
}

// Not after _exit() or a signal.
[[gnu::destructor]] void end_as_told() noexcept {
  if (counted_process == 0 || counted_process != detail::raw_syscall(SYS_getpid)) return;
  try {
    write_all(table_of_counters());
  } catch (const std::exception&) {
    write_all("weft: no memory for the table of counters\n");
  }
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END
