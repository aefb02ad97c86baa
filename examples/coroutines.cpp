// SPDX-License-Identifier: BSL-1.0
// coroutines: C++20's coroutines beside fibers: each waits for the other (this file is C++20)
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/coro.hpp>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

// A coroutine's return type, as many a library has one: lazy, for one result. It knows nothing of
// weft.
class lazy_text {
 public:
  struct promise_type {
    std::string value;
    std::exception_ptr error;
    std::coroutine_handle<> caller;

    struct back_to_caller {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
        return ended.promise().caller;
      }
      void await_resume() const noexcept {}
    };
    lazy_text get_return_object() {
      return lazy_text(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    back_to_caller final_suspend() const noexcept { return {}; }
    void return_value(std::string text) { value = std::move(text); }
    void unhandled_exception() { error = std::current_exception(); }
  };

  lazy_text(lazy_text&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  lazy_text& operator=(lazy_text&&) = delete;
  ~lazy_text() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    frame_.promise().caller = caller;
    return frame_;
  }
  std::string await_resume() {
    if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
    return std::move(frame_.promise().value);
  }

 private:
  explicit lazy_text(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

// Any function may wait in a fiber: it needs no return type for that.
std::string look_up(const char* name) {
  weft::await_sleep(100ms);
  if (*name == '?') throw std::runtime_error("nobody has that name");
  return std::string(name) + " is at home";
}

// A coroutine waits for a task, then for something else that only a fiber could wait for.
lazy_text ask(weft::channel<std::string>& answers, const char* name) {
  std::string found = co_await weft::spawn(look_up, name);
  const auto said = co_await weft::as_awaitable([&] { return answers.recv(); });
  co_return found + ", and says: " + said.value_or("nothing");
}

}  // namespace

int main() {
  weft::run([] {
    weft::channel<std::string> answers;
    auto neighbour = weft::spawn([&] {
      weft::await_sleep(150ms);
      answers.send("come in");
      answers.close();
    });

    // A fiber waits for a coroutine.
    std::printf("%s\n", weft::await(ask(answers, "Ada")).c_str());

    // Two of them at the same time, because each fiber waits on its own.
    weft::gather([&] { std::printf("%s\n", weft::await(ask(answers, "Grace")).c_str()); },
                 [&] { std::printf("%s\n", weft::await(ask(answers, "Edsger")).c_str()); });

    // Errors go through both.
    try {
      weft::await(ask(answers, "?"));
    } catch (const std::runtime_error& error) {
      std::printf("an error of the task, thrown in the coroutine, thrown in the fiber: %s\n",
                  error.what());
    }
    neighbour.join();
  });
}
