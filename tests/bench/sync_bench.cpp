// SPDX-License-Identifier: BSL-1.0
// What passes between two fibers of one thread: numbers through channels, a mutex, a select.
#include <mutex>

#include "program.hpp"

namespace {

using namespace bench;

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

std::vector<row> rows(const arguments&) {
  const std::vector<goal> any = {{weft_asm, boost_fiber, 0.10}, {weft_fcontext, boost_fiber, 0.15}};
  const std::vector<goal> local = {{weft_asm, coroutine, 2.0}};
  return {of("channel, rendezvous", message_kind::channel, 0, boost_fiber, any),
          of("channel of 64", message_kind::channel, 64, boost_fiber, any),
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
