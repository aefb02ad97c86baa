// SPDX-License-Identifier: BSL-1.0
// parked: what the memory of a parked fiber is: resident bytes, page tables, mappings. Each side is
// looked at in a child process of its own, because freed memory of one would serve the next.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>

#include "program.hpp"

namespace {

using namespace cost;

struct memory {
  double resident_bytes = 0;
  double page_table_bytes = 0;
  double mappings = 0;
};

// "VmRSS:      1234 kB"
double kilobytes_of(const std::string& line) { return std::stod(line.substr(line.find(':') + 1)); }

memory present_memory() {
  memory now;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) now.resident_bytes = kilobytes_of(line) * 1024;
    if (line.rfind("VmPTE:", 0) == 0) now.page_table_bytes = kilobytes_of(line) * 1024;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) now.mappings += 1;
  return now;
}

// In the child: parks the fibers, writes what that took, and leaves without undoing it.
[[noreturn]] void park_and_tell(const entry& what, int to) {
  memory grown;
  bool has_any = false;
  try {
    present_memory();  // its own first allocations are no fiber's
    const memory before = present_memory();
    const auto alive = what.make();
    const memory after = present_memory();
    has_any = alive != nullptr && alive->whose_memory() == 0;  // other processes: weft-cost's
    grown.resident_bytes = after.resident_bytes - before.resident_bytes;
    grown.page_table_bytes = after.page_table_bytes - before.page_table_bytes;
    grown.mappings = after.mappings - before.mappings;
    if (has_any && ::write(to, &grown, sizeof grown) != sizeof grown) ::_exit(1);
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", what.side, error.what());
    ::_exit(1);
  }
}

// False: the side has no such row, or could not hold so many.
bool look_at(const entry& what, memory& grown) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child process");
  if (child == 0) park_and_tell(what, pipe[1]);
  ::close(pipe[1]);
  const bool is_told = ::read(pipe[0], &grown, sizeof grown) == sizeof grown;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return is_told;
}

double record_of(const std::string& name) {
  for (const side* each : all_sides()) {
    if (name == each->name) return static_cast<double>(each->record_bytes);
  }
  return 0;
}

constexpr double kib = 1024;

row_result part(const row& what, const char* name, double at_most) {
  row_result result;
  result.name = what.name + ": " + name;
  if (at_most > 0) {
    for (const char* side : {weft_asm, weft_fcontext}) {
      result.goals.push_back({side, nullptr, at_most});
    }
  }
  return result;
}

// weft's record is counted apart from its stack; the peers' lie on their stacks or in their frames.
std::vector<row_result> take(const row& what, const pace&) {
  std::vector<row_result> parts = {part(what, "stack", 4.7 * kib),
                                   part(what, "page tables + record", 0.6 * kib),
                                   part(what, "together", 0), part(what, "mappings in all", 999)};
  for (const entry& each : what.entries) {
    memory grown;
    if (!look_at(each, grown)) continue;
    const double record = record_of(each.side);
    const double resident = grown.resident_bytes / what.fibers;
    const double tables = grown.page_table_bytes / what.fibers;
    parts[0].sides.push_back({each.side, {resident - record}});
    parts[1].sides.push_back({each.side, {tables + record}});
    parts[2].sides.push_back({each.side, {resident + tables}});
    parts[3].sides.push_back({each.side, {grown.mappings}});
  }
  return parts;
}

row parked(std::size_t fibers, bool has_live_frame) {
  row result;
  result.name = std::to_string(fibers) + (has_live_frame ? ", 1 KiB live" : ", nothing live");
  result.fibers = static_cast<double>(fibers);
  result.entries = entries_of(&side::parked, parked_shape{fibers, has_live_frame});
  return result;
}

std::vector<row> rows(const arguments& given) {
  if (given.is_quick) return {parked(1000, true)};
  std::vector<row> all = {parked(20000, false), parked(20000, true), parked(100000, true)};
  if (given.is_large) all.push_back(parked(1000000, true));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"parked", {"bytes", 1, 0}, &rows, &take}, argc, argv);
}
