// SPDX-License-Identifier: BSL-1.0
// What passes between two fibers of one thread: numbers through channels, a mutex, a select.
#include <unistd.h>

#include <mutex>
#include <string>

#include "process.hpp"
#include "program.hpp"
#include "two_cores.hpp"

namespace {

using namespace cost;

constexpr const char* standard = "std::mutex";

// The standard's mutex, which a fiber must not hold over a wait: uncontended.
class standard_locks final : public contender {
 public:
  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      const std::lock_guard<std::mutex> hold(mutex_);
      asm volatile("" : : : "memory");
    }
    return operations;
  }

 private:
  std::mutex mutex_;
};

row of(const char* name, message_kind kind, std::size_t capacity, const char* peer,
       std::vector<goal> goals) {
  row result;
  result.name = name;
  result.peer = peer;
  result.entries = entries_of(&side::messages, message_shape{kind, capacity});
  result.goals = std::move(goals);
  return result;
}

row with_standard(row what) {
  what.entries.push_back({standard, []() -> std::unique_ptr<contender> {
                            return std::make_unique<standard_locks>();
                          }});
  return what;
}

// Not on the one core of this program.
row with_go_on_two_cores(row what, [[maybe_unused]] std::size_t capacity) {
#if COST_HAVE_GO
  const long last = ::sysconf(_SC_NPROCESSORS_CONF) - 1;
  if (last == 0) return what;
  const std::vector<std::string> arguments{"taskset",    "-c",     "0-" + std::to_string(last),
                                           peer_program("cost_go_peer"), "across", std::to_string(capacity)};
  what.entries.push_back({go, [arguments]() -> std::unique_ptr<contender> {
                            return std::make_unique<by_the_wall>(
                                std::make_unique<process>(arguments));
                          }});
#endif
  return what;
}

std::vector<row> rows(const arguments&) {
  const std::vector<goal> any = {{weft_asm, boost_fiber, 0.10}, {weft_fcontext, boost_fiber, 0.15}};
  const std::vector<goal> local = {{weft_asm, coroutine, 2.0}};
  std::vector<goal> any_or_go = any;
  any_or_go.push_back({weft_asm, go, 0.10});
  any_or_go.push_back({weft_fcontext, go, 0.15});
  return {of("channel, rendezvous", message_kind::channel, 0, boost_fiber, any_or_go),
          of("channel of 64", message_kind::channel, 64, boost_fiber, any_or_go),
          with_go_on_two_cores(of("channel of 64, two cores", message_kind::across, 64, go,
                                  {{weft_asm, go, 1 / 1.5}, {weft_fcontext, go, 1 / 1.5}}),
                               64),
          of("local channel, rendezvous", message_kind::local_channel, 0, coroutine, local),
          of("local channel of 64", message_kind::local_channel, 64, coroutine, local),
          with_standard(of("mutex, free", message_kind::mutex, 0, standard,
                           {{weft_asm, standard, 1.2}, {weft_fcontext, standard, 1.2}})),
          with_standard(of("local mutex, free", message_kind::local_mutex, 0, standard,
                           {{weft_asm, standard, 0.2}, {weft_fcontext, standard, 0.2}})),
          of("mutex, handed over with a yield", message_kind::hand_over, 0, boost_fiber, {}),
          of("receive from a channel of 64", message_kind::receive, 0, weft_fcontext, {}),
          of("select over two such", message_kind::select, 0, weft_fcontext, {})};
}

}  // namespace

int main(int argc, char** argv) { return run_program({"sync", {"ns", 1, 1}, &rows}, argc, argv); }
