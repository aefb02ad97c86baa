// SPDX-License-Identifier: BSL-1.0
// See program.hpp. The servers are named by environment: servers.hpp.
#include "program.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <cstdio>
#include <cstring>

#include "measure.hpp"
#include "weft/hook.hpp"

namespace legacy {
namespace {

const row& row_called(const std::vector<row>& all, const std::string& name) {
  for (const row& one : all) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no row is called " + name);
}

// From here on this process alone asks the test's name server: resolv.conf and nsswitch.conf are
// the test's. Nobody else sees it.
void ask_slow_name_server() {
  if (std::getenv("WEFT_LEGACY_DNS") == nullptr) return;
  const std::string folder = given("WEFT_LEGACY_FOLDER");
  require(
      unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0,
      "no mount namespace");
  for (const char* name : {"resolv.conf", "nsswitch.conf"}) {
    require(mount((folder + "/" + name).c_str(), (std::string("/etc/") + name).c_str(), "none",
                  MS_BIND, nullptr) == 0,
            std::string("mount /etc/") + name);
  }
}

void prepare(const row& one) {
  if (one.prepare != nullptr) one.prepare();
}

void print_measured(const char* what, seconds serial, const measurement& measured) {
  std::printf(
      "%s serial=%.4f together=%.4f late_ms=%.2f latest_ms=%.2f threads=%u threads_after=%u "
      "slowed=%.2f\n",
      what, serial.count(), measured.together.count(), measured.late.count() * 1e3,
      measured.latest.count() * 1e3, measured.threads, measured.threads_after, measured.slowed);
}

// `serially` of 0: the test knows already.
void measure(const row& one, int count, int serially) {
  prepare(one);
  const seconds each = measure_serially(one.once, serially);
  print_measured("measured", each,
                 measure_together(one.once, count > 0 ? count : one.count,
                                  std::chrono::milliseconds(one.milliseconds_apart)));
}

void run_threads(const row& one, int count) {
  prepare(one);
  std::printf("threads together=%.4f\n", measure_threads(one.once, count).count());
}

void cancel(const row& one) {
  require(one.open != nullptr, "this row has no long call");
  prepare(one);
  const ended_call end = end_by_timeout(one, std::chrono::milliseconds(100));
  std::printf("cancelled failed=%d back_ms=%.2f cpu_ms=%.2f close_ms=%.2f\n", end.has_failed,
              end.back.count() * 1e3, end.cpu.count() * 1e3, end.close.count() * 1e3);
}

// `all` names them; those of libraries that are not there were left out by the test.
void mix(const std::vector<row>& all, int count, char** names) {
  std::vector<row> wanted;
  for (int i = 0; i < count; ++i) wanted.push_back(row_called(all, names[i]));
  for (const row& one : wanted) prepare(one);
  const auto body = [&](int i) { wanted[static_cast<std::size_t>(i)].once(i); };
  const seconds each = measure_serially(body, count);
  print_measured("mixed", each * count, measure_together(body, count));
}

void print_hooks(const weft::hook::report& report) {
  std::printf("hooks %s\n%s", report.is_complete() ? "active" : "inactive",
              report.to_string().c_str());
}

int run(int argc, char** argv) {
  const weft::hook::report report = weft::hook::install();
  const std::string what = argc > 1 ? argv[1] : "";
  const std::vector<row> all = all_rows();
  ask_slow_name_server();
  if (what == "hooks") {
    print_hooks(report);
  } else if (what == "list") {
    for (const row& one : all) std::printf("%s\n", one.name);
  } else if (what == "measure" && argc == 5) {
    measure(row_called(all, argv[2]), std::stoi(argv[3]), std::stoi(argv[4]));
  } else if (what == "threads" && argc == 4) {
    run_threads(row_called(all, argv[2]), std::stoi(argv[3]));
  } else if (what == "cancel" && argc == 3) {
    cancel(row_called(all, argv[2]));
  } else if (what == "mixed") {
    mix(all, argc - 2, argv + 2);
  } else {
    throw std::runtime_error("see program.hpp for what to say");
  }
  return 0;
}

}  // namespace
}  // namespace legacy

int legacy_main(int argc, char** argv) {
  try {
    return legacy::run(argc, argv);
  } catch (const std::exception& error) {
    std::printf("wrong: %s\n", error.what());
    return 1;
  }
}
