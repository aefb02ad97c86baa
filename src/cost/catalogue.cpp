// SPDX-License-Identifier: BSL-1.0
// The lists: see catalogue.hpp.
#include "cost/catalogue.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "cost/contenders/servers.hpp"

namespace cost {

const std::vector<contender_info>& known_contenders() {
  using kind = contender_kind;
  static const std::vector<contender_info> all = {
      {"fcontext", weft_fcontext, kind::stackful, "weft over Boost.Context's fcontext, as shipped"},
      {"asm", weft_asm, kind::stackful, "weft over its own assembly, as shipped"},
      {"asm-inline", weft_inline, kind::stackful,
       "the same with both opt-ins: the switch inlined, float control shared by the thread"},
      {"fcontext-plain", plain_fcontext, kind::stackful,
       "jump_fcontext() called directly: no scheduler, no cancellation, no errno"},
      {"boost.fiber", boost_fiber, kind::stackful, "Boost.Fiber, round robin, pooled stacks"},
      {"boost.coroutine2", coroutine2, kind::stackful, "Boost.Coroutine2, generators only"},
      {"ucontext", "ucontext", kind::stackful, "the C library's swapcontext()"},
      {"c++20", coroutine, kind::stackless,
       "C++20 coroutines: symmetric transfer, a ring of handles, frames from a pool"},
      {"c++20-malloc", coroutine_malloc, kind::stackless, "the same with frames from malloc"},
      {"callback", callbacks, kind::stackless, "state machines written by hand"},
      {"asio-awaitable", "Asio awaitable", kind::stackless, "Asio's co_await"},
      {"asio-spawn", "Asio spawn", kind::stackful, "Asio's stackful coroutines"},
      {"libuv", "libuv", kind::stackless, "libuv's callbacks"},
      {"epoll", "raw epoll", kind::floor, "a server over epoll, written by hand"},
      {"call", "call", kind::floor, "plain calls that wait for nobody"},
      {"thread", "thread", kind::system, "the kernel's threads on one core"},
      {"process", "process", kind::system, "processes on one core"},
      {"go", go, kind::language, "goroutines, one processor, in a process of their own"},
      {"asyncio", "asyncio", kind::language, "Python's asyncio, in a process of its own"},
  };
  return all;
}

const contender_info* find_contender(const std::string& id) {
  for (const contender_info& each : known_contenders()) {
    if (id == each.id) return &each;
  }
  return nullptr;
}

std::string id_of_side(const std::string& side) {
  for (const contender_info& each : known_contenders()) {
    if (side == each.side) return each.id;
  }
  return "";
}

bool is_built(const std::string& id) {
  const contender_info* const info = find_contender(id);
  if (info == nullptr) return false;
  for (const side* each : all_sides()) {
    if (std::strcmp(each->name, info->side) == 0) return true;
  }
  return has_echo_server(info->side);
}

const char* kind_name(contender_kind kind) {
  constexpr const char* names[] = {"stackful", "stackless", "floor", "system", "language"};
  return names[static_cast<int>(kind)];
}

bool request::wants(const std::string& id) const {
  return std::find(contenders.begin(), contenders.end(), id) != contenders.end();
}

const std::vector<workload>& workloads() {
  static const std::vector<workload> all = {
      switch_workload, yield_workload,  depth_workload,  cold_workload, spawn_workload,
      chain_workload,  resume_workload, tree_workload,   flat_workload, channel_workload,
      crowd_workload,  ring_workload,   skynet_workload, fib_workload,  interop_workload,
      timer_workload,  parked_workload, ping_workload,   echo_workload, size_workload,
      compile_workload};
  return all;
}

const workload* find_workload(const std::string& id) {
  for (const workload& each : workloads()) {
    if (id == each.id) return &each;
  }
  return nullptr;
}

pace usual_pace(const request& what, std::uint64_t check_operations) {
  pace how;
  how.rounds = what.is_quick ? 10 : 12;
  how.round_ns = what.is_quick ? 4e5 : 5e6;
  how.check_operations = check_operations;
  return how;
}

namespace {

// Tells in ids what measure() tells in sides.
class in_ids final : public observer {
 public:
  explicit in_ids(reporter& to) : to_(to) {}
  void begins(const std::string& side) override { to_.begins(id_of_side(side)); }
  void answered(const std::string& side, std::uint64_t answer) override {
    to_.answered(id_of_side(side), answer);
  }
  void calibrated(const std::string&, std::uint64_t) override {}
  void took(const std::string& side, double ns) override { to_.took(0, id_of_side(side), ns); }

 private:
  reporter& to_;
};

}  // namespace

cell_group timed(cell what, std::vector<entry> entries, pace how, std::uint64_t expected) {
  cell_group group;
  group.cells = {std::move(what)};
  group.expected = expected;
  group.measure = [entries, how](const request& wanted, reporter& to) {
    row one;
    for (const entry& each : entries) {
      if (wanted.wants(id_of_side(each.side))) one.entries.push_back(each);
    }
    in_ids told(to);
    measure(one, how, &told);
  };
  group.run_one = [entries](const std::string& id, std::uint64_t operations) {
    for (const entry& each : entries) {
      if (id_of_side(each.side) != id) continue;
      const auto subject = each.make();
      if (subject == nullptr) continue;
      subject->run(operations);
      return;
    }
    throw std::runtime_error(id + " has no such cell");
  };
  return group;
}

}  // namespace cost
