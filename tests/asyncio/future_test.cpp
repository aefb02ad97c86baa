// SPDX-License-Identifier: BSL-1.0
// Future: the ports of future.py. weft has two ends of it, promise and future, as <future> does.
#include <exception>

#include "asyncio/pair.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::promise;
using weft::spawn;
using weft::with_timeout;

PAIR("a future hands its value to who waits") {
  promise<int> sender;
  auto future = sender.get_future();
  auto t = spawn([&] { say("got", future.get()); });
  await_sleep(1 * unit);
  sender.set_value(5);
  say("set");
  t.get();
}

PAIR("a future hands its error to who waits") {
  promise<int> sender;
  auto future = sender.get_future();
  auto t = spawn([&] { say(attempt([&] { return future.get(); })); });
  await_sleep(1 * unit);
  sender.set_exception(std::make_exception_ptr(failure("boom")));
  t.get();
}

PAIR("a future that is set already gives its value without a wait") {
  promise<int> sender;
  auto future = sender.get_future();
  sender.set_value(5);
  auto t = spawn([] { say("other"); });
  say(future.get());
  t.get();
}

PAIR("a future is set only once") {
  promise<int> sender;
  auto future = sender.get_future();
  sender.set_value(1);
  say(attempt([&] { sender.set_value(2); }));
  say(future.get());
}

PAIR("a future tells whether it is set") {
  promise<int> sender;
  auto future = sender.get_future();
  say(future.is_ready());
  sender.set_value(1);
  say(future.is_ready());
}

PAIR("a future may be waited for with a time limit") {
  promise<int> sender;
  auto future = sender.get_future();
  const auto get = [&] { return future.get(); };
  say(attempt([&] { return with_timeout(1 * unit, get); }));
  sender.set_value(9);
  say(with_timeout(1 * unit, get));
}

PAIR("futures wake their waiters in the order in which they are set") {
  promise<void> a;
  promise<void> b;
  const auto waiter = [](const char* name, promise<void>& sender) {
    return spawn([name, future = sender.get_future()]() mutable {
      future.get();
      say(name);
    });
  };
  auto first = waiter("a", a);
  auto second = waiter("b", b);
  await_sleep(1 * unit);
  b.set_value();
  a.set_value();
  gather(first, second);
}
