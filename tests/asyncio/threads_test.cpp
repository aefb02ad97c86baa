// SPDX-License-Identifier: BSL-1.0
// What other threads may do to a loop: the ports of threads.py.
#include <thread>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/background_loop.hpp"
#include "weft/future.hpp"
#include "weft/loop_ref.hpp"
#include "weft/run.hpp"

using namespace weft_tests;
using weft::loop_ref;
using weft::this_loop;

namespace {

// Runs body() in a thread and waits for its end; the loop goes on meanwhile.
template <class F>
void in_thread(F body) {
  weft::promise<void> sender;
  auto ended = sender.get_future();
  std::thread thread([&, loop = this_loop()] {
    body();
    loop.post([sender = std::move(sender)]() mutable { sender.set_value(); });
  });
  ended.get();
  thread.join();
}

}  // namespace

PAIR("call_soon_threadsafe wakes a loop that sleeps") {
  weft::promise<int> sender;
  auto future = sender.get_future();
  std::thread thread([&, loop = this_loop()] { loop.post([&] { sender.set_value(3); }); });
  say(future.get());
  thread.join();
}

PAIR("call_soon_threadsafe keeps the order of a thread's calls") {
  in_thread([loop = this_loop()] {
    for (const char* name : {"first", "second", "third"}) {
      loop.post([name] { say(name); });
    }
  });
  say("after");
}

PAIR("call_soon_threadsafe runs the callback in the loop's thread") {
  in_thread([loop = this_loop(), here = std::this_thread::get_id()] {
    loop.post([here] { say(std::this_thread::get_id() == here); });
  });
}

PAIR("run_coroutine_threadsafe gives the thread a result") {
  std::vector<int> results;
  in_thread([&, loop = this_loop()] { results.push_back(loop.call(value(4)).get()); });
  say(results);
}

PAIR("run_coroutine_threadsafe gives the thread the error") {
  std::vector<std::string> results;
  in_thread([&, loop = this_loop()] {
    auto answer = loop.call(fail("boom"));
    results.push_back(attempt([&] { return answer.get(); }));
  });
  say(results);
}

PAIR("what a thread hands over may wait") {
  std::vector<int> results;
  in_thread([&, loop = this_loop()] { results.push_back(loop.call(value(5, 3)).get()); });
  say(results);
}

PLAIN_PAIR("a thread is refused once the loop has ended") {
  const loop_ref loop = weft::run(pair.how(), [] { return this_loop(); });
  std::vector<std::string> results;
  std::thread thread([&] { results.push_back(attempt([&] { loop.post([] { say("never"); }); })); });
  thread.join();
  say(results);
}

PLAIN_PAIR("a loop in a thread of its own takes work from this one") {
  const weft::background_loop background;
  auto first = background.ref().call(value(1));
  auto second = background.ref().call(fail("boom"));
  const auto result = attempt([&] { return first.get(); });
  say(result, attempt([&] { return second.get(); }));
}
