// SPDX-License-Identifier: BSL-1.0
// What other threads may do to a loop: the ports of threads.py.
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/await.hpp"
#include "weft/background_loop.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/loop_ref.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/to_thread.hpp"

using namespace weft_tests;
using weft::loop_ref;
using weft::spawn;
using weft::this_loop;
using weft::to_thread;

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

PAIR("to_thread calls in another thread and gives the result") {
  const auto here = std::this_thread::get_id();
  say(to_thread([here] { return std::this_thread::get_id() != here; }));
}

PAIR("to_thread rethrows the error") {
  say(attempt([] { to_thread([] { throw failure("boom"); }); }));
}

PAIR("to_thread: the loop goes on while the thread is blocked") {
  std::promise<void> gate;
  auto t = spawn([&] { to_thread([&] { gate.get_future().wait(); }); });
  weft::yield();
  weft::yield();
  say(t.done());
  gate.set_value();
  t.get();
  say("the thread is through");
}

PAIR("to_thread: several calls at the same time") {
  std::mutex lock;
  std::condition_variable all_here;
  int here = 0;
  const auto meet = [&] {
    to_thread([&] {
      std::unique_lock<std::mutex> hold(lock);
      if (++here == 3) all_here.notify_all();
      all_here.wait(hold, [&] { return here == 3; });
    });
  };
  weft::gather(meet, meet, meet);
  say("all three met");
}

PAIR("to_thread: who is cancelled may leave the thread behind") {
  std::promise<void> gate;
  auto t = spawn([opened = gate.get_future().share()] {
    to_thread(weft::abandon_on_cancel, [opened] { opened.wait(); });
  });
  weft::yield();
  weft::yield();
  t.cancel();
  say(attempt([&] { t.get(); }));
  gate.set_value();
}

PAIR("a future that a thread sets can be awaited") {
  std::promise<int> sender;
  auto future = sender.get_future();
  std::thread thread([&] { sender.set_value(6); });
  say(weft::await(future));
  thread.join();
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
