// SPDX-License-Identifier: BSL-1.0
// Switch, yield, call depth, cold resume: what going on somewhere else costs.
#include <memory>
#include <string>
#include <vector>

#include "cost/catalogue.hpp"
#include "cost/contenders/cold.hpp"

namespace cost {
namespace {

std::string plural(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

constexpr std::uint64_t laps_to_check = 10;

std::vector<cell_group> switches(const request& what) {
  std::vector<cell_group> all;
  const auto add = [&](std::size_t contexts, sticky_flags flags, bool is_mixed) {
    const bool differ = flags == sticky_flags::differing;
    const std::string series = differ ? "flags differ" : is_mixed ? "two kinds" : "alike";
    all.push_back(timed_shape(
        cell{"switch/" + std::to_string(contexts) + "/" +
                 (differ ? "flags" : is_mixed ? "mixed" : "alike"),
             plural(contexts, "context") + ", " + series, series, static_cast<double>(contexts)},
        &side::switches, switch_shape{contexts, flags, is_mixed},
        usual_pace(what, contexts * laps_to_check), contexts * laps_to_check));
  };
  const std::vector<std::size_t> sizes =
      what.is_quick ? std::vector<std::size_t>{2, 1000} : std::vector<std::size_t>{2, 1000, 100000};
  for (const std::size_t contexts : sizes) add(contexts, sticky_flags::equal, false);
  add(2, sticky_flags::equal, true);
#if defined(__x86_64__)  // elsewhere no switch keeps sticky flags
  add(2, sticky_flags::differing, false);
  if (!what.is_quick) add(1000, sticky_flags::differing, false);
#endif
  return all;
}

cell_group yields_of(const request& what, const char* id, std::size_t fibers, int calls,
                     bool is_mixed, double x) {
  const std::string series = is_mixed ? "two kinds" : "alike";
  const std::uint64_t operations = fibers * laps_to_check;
  return timed_shape(
      cell{std::string(id) + "/" + std::to_string(fibers) + "/" + std::to_string(calls) +
               (is_mixed ? "/mixed" : ""),
           plural(fibers, "task") + ", " + plural(static_cast<std::size_t>(calls), "call") +
               " above" + (is_mixed ? ", two kinds" : ""),
           series, x},
      &side::yields, yield_shape{fibers, calls, is_mixed}, usual_pace(what, operations),
      operations);
}

std::vector<cell_group> yields(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t fibers : {10, 1000, 10000, 100000}) {
    if (what.is_quick && fibers > 1000) break;
    all.push_back(yields_of(what, "yield", fibers, 0, false, static_cast<double>(fibers)));
  }
  return all;
}

// x is one more than the calls, so that none at all has a place on a logarithmic axis.
std::vector<cell_group> depths(const request& what) {
  std::vector<cell_group> all;
  for (const bool is_mixed : {false, true}) {
    for (const int calls : {0, 1, 4, 16}) {
      if (what.is_quick && is_mixed && calls != 4) continue;
      all.push_back(yields_of(what, "depth", 10, calls, is_mixed, calls + 1));
    }
  }
  if (what.is_quick) return all;
  for (const int calls : {1, 4, 16}) {
    all.push_back(yields_of(what, "depth", 1000, calls, false, 0));
  }
  return all;
}

std::vector<cell_group> cold(const request& what) {
  std::vector<cell_group> all;
  for (const int calls : {0, 4}) {
    if (what.is_quick && calls != 0) break;
    const std::size_t fibers = 500;
    std::vector<entry> entries =
        entries_of(&side::yields, yield_shape{fibers, calls, false}, all_sides());
    for (entry& each : entries) each.make = chilled(each.make, fibers);
    pace how = usual_pace(what, fibers);
    how.is_one_operation = true;  // a lap: 99 in 100 of the time goes into filling the caches
    all.push_back(timed({"cold/" + std::to_string(calls),
                         plural(static_cast<std::size_t>(calls), "call") + " above", "", 0},
                        entries, how, fibers));
  }
  return all;
}

}  // namespace

const workload switch_workload = {
    "switch",
    "Switch",
    "ns",
    "contexts",
    "What does it cost to stop here and go on there, with no scheduler in between?",
    "One operation is one switch in a ring of contexts; C++20 goes on in the next handle by symmetric transfer. Two "
    "kinds: every second context switches from another place in the code. Flags differ: every "
    "second one has raised other sticky floating-point flags.",
    "A stackless switch is a store and an indirect jump: the compiler knows what lives, and nothing "
    "else is saved. A stackful one saves six registers, changes the stack, and jumps. With many "
    "contexts the caches decide: a coroutine's frame is one line, a stack has several, in a page of "
    "its own.",
    "the switch itself is most of what your program does: generators of numbers, state machines "
    "that change state each few nanoseconds.",
    "switch/2/alike",
    &switches};

const workload yield_workload = {
    "yield",
    "Yield through the scheduler",
    "ns",
    "tasks",
    "What does a turn cost when so many tasks take turns?",
    "One operation is one yield(), from the end of the call to its return, among so many tasks that "
    "do nothing else.",
    "Up to a thousand tasks the price is instructions: weft's includes cancellation, errno, "
    "exceptions' state, timers and fairness to the kernel, which the C++20 ring does not have. "
    "Beyond, it is cache and TLB misses, a few for each stack.",
    "100,000 tasks are all active at once and do next to nothing in each turn.",
    "yield/1000/0",
    &yields};

const workload depth_workload = {
    "depth",
    "Yield by call depth",
    "ns",
    "depth of the yield (1: no call above it)",
    "What does it cost to wait deep in the code: ten tasks, a yield below 0, 1, 4 or 16 calls?",
    "One operation is the calls, a yield at their end, and the returns. Stackless, each call is a "
    "co_await of a fresh coroutine. Two kinds: neighbours run different copies of the code, so that "
    "the processor's return predictions fail.",
    "A stackful call is a call: 1 to 2 ns. A stackless one allocates a frame, is resumed through a "
    "handle, and gives its result through a promise: 10 to 25 ns, each time. So the lines cross "
    "between no and two calls. Where neighbours run different code, every return of a stackful task "
    "is mispredicted: about 11 ns for each frame.",
    "waits are at the top of each task, without helper functions between, or neighbours always run "
    "different code below deep calls.",
    "depth/10/4",
    &depths};

const workload cold_workload = {
    "cold",
    "Cold resume",
    "ns",
    "",
    "What does it cost to go on in a task that has left every cache?",
    "500 tasks; before each lap the caches are filled with 48 MiB of something else, untimed. One operation is "
    "a yield of that lap.",
    "Each line that was touched last time has to come from memory: a coroutine's frame is one or "
    "two lines, a stack at least two, its record another two, and a page's translation besides.",
    "tasks sleep for long, wake up alone, and do little then, and you count the nanoseconds of that.",
    "cold/0",
    &cold};

}  // namespace cost
