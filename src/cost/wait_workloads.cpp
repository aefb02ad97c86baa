// SPDX-License-Identifier: BSL-1.0
// Tasks that wait: timers, and the memory of those that are parked.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {
namespace {

double kilobytes(const std::string& line) { return std::stod(line.substr(line.find(':') + 1)); }

double available_bytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) return kilobytes(line) * 1024;
  }
  return 0;
}

// A parked fiber takes 5.2 KB; half as much again for what else is there.
std::string why_not(std::size_t fibers) {
  const double wanted = static_cast<double>(fibers) * 8000;
  if (available_bytes() > wanted) return "";
  return "needs " + std::to_string(static_cast<long>(wanted / 1e9)) +
         " GB of memory, more than is free";
}

std::vector<cell_group> timers(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t count : {10000, 100000, 1000000}) {
    if (what.is_quick && count > 10000) break;
    pace how;
    how.rounds = 10;
    how.is_one_operation = true;
    how.check_operations = 1;
    // Each round lasts as long as the longest sleep, at least: short ones, so that the whole report
    // is done in minutes. A million would take asyncio 13 s a round, Go 7, and Boost.Fiber 9 GB.
    const unsigned longest_ms = what.is_quick ? 20 : 100;
    std::vector<entry> entries;
    for (entry& each :
         entries_of(&side::sleepers, sleepers_shape{count, longest_ms, true}, all_sides())) {
      const std::string id = id_of_side(each.side);
      if (count > 10000 && id == "asyncio") continue;
      // Backends and allocators differ no more than in the row before.
      const bool is_told_before = id == "fcontext" || id == "c++20-malloc";
      if (count > 100000 && (id == "boost.fiber" || id == "go" || is_told_before)) continue;
      entries.push_back(std::move(each));
    }
    cell_group one = timed(cell{"timers/" + std::to_string(count),
                                std::to_string(count) + " sleepers", "", static_cast<double>(count)},
                           std::move(entries), how, count);
    if (count > 100000) one.unavailable = why_not(count);
    all.push_back(std::move(one));
  }
  return all;
}

struct memory {
  double resident = 0;
  double tables = 0;
  double addresses = 0;
};

memory memory_of(pid_t process) {
  memory now;
  std::ifstream status("/proc/" + (process == 0 ? "self" : std::to_string(process)) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) now.resident = kilobytes(line) * 1024;
    if (line.rfind("VmPTE:", 0) == 0) now.tables = kilobytes(line) * 1024;
    if (line.rfind("VmSize:", 0) == 0) now.addresses = kilobytes(line) * 1024;
  }
  return now;
}

// Ten times a tenth: what each tenth adds is one sample, so a cell has ten though it parks but once.
void park(const entry& what, const std::string& id, std::size_t fibers, maker<parked_shape> make,
          reporter& to) {
  constexpr std::size_t parts = 10;
  const std::size_t each = fibers / parts;
  std::vector<std::unique_ptr<contender>> alive;
  to.begins(id);
  // Its first allocations are no task's; a process parks what run() says.
  alive.push_back(make({parts, false}));
  if (alive.back() == nullptr) return;
  const pid_t process = alive.back()->whose_memory();
  memory before = memory_of(process);
  for (std::size_t i = 0; i < parts; ++i) {
    if (process == 0) {
      alive.push_back(make({each, false}));
      if (alive.back() == nullptr) throw std::runtime_error(std::string(what.side) + " can't hold so many");
    } else {
      alive.back()->run(each);
    }
    const memory after = memory_of(process);
    const double count = static_cast<double>(each);
    to.took(0, id, (after.resident - before.resident + after.tables - before.tables) / count);
    to.took(1, id, (after.tables - before.tables) / count);
    to.took(2, id, (after.addresses - before.addresses) / count);
    before = after;
  }
  for (auto& one : alive) static_cast<void>(one.release());  // the process ends; millions are not undone
}

cell_group parked_group(std::size_t fibers) {
  const std::string count = std::to_string(fibers);
  cell_group group;
  group.cells = {{"parked/" + count, count + " tasks", "resident memory with page tables",
                  static_cast<double>(fibers)},
                 {"parked/" + count + "/tables", count + " tasks, page tables", "page tables",
                  static_cast<double>(fibers)},
                 {"parked/" + count + "/addresses", count + " tasks, address space",
                  "address space", static_cast<double>(fibers)}};
  group.is_each_apart = true;
  if (fibers > 100000) group.unavailable = why_not(fibers);
  group.measure = [fibers](const request& what, reporter& to) {
    for (const side* each : all_sides()) {
      const std::string id = id_of_side(each->name);
      if (each->parked == nullptr || !what.wants(id)) continue;
      if (fibers > 100000 && id == "asyncio") continue;  // 10 s, and the same per task
      park({each->name, nullptr}, id, fibers, each->parked, to);
    }
  };
  return group;
}

std::vector<cell_group> parked(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t fibers : {10000, 100000, 1000000}) {
    if (what.is_quick && fibers > 10000) break;
    all.push_back(parked_group(fibers));
  }
  return all;
}

}  // namespace

const workload timer_workload = {
    "timers",
    "Timers",
    "ms",
    "sleepers",
    "How much processor time do so many tasks take that each sleep once?",
    "One operation is all of them, from the first start to the last join, each sleeping 1 to 100 ms "
    "(1 to 20 with --quick); stacks and heaps are kept from round to round. Processor time, not "
    "waiting.",
    "A timer's heap, creation and join, and a stack's cache misses. C++20's peer is a heap and "
    "nothing else: its sleepers cannot be cancelled.",
    "a million timers wait at once and do nothing else.",
    "timers/100000",
    &timers};

const workload parked_workload = {
    "parked",
    "Parked memory",
    "bytes",
    "tasks",
    "What memory does a task take that only waits?",
    "Bytes per task that sleeps: resident memory with page tables; page tables alone; address space. "
    "Each contender in a process of its own; what each tenth of the tasks adds is one sample.",
    "A stack begins with one page, and its place in the page tables; a frame is exactly what lives "
    "over the wait, plus malloc's header.",
    "you hold a million idle connections and memory is what you pay for.",
    "parked/10000",
    &parked};

}  // namespace cost
