// SPDX-License-Identifier: BSL-1.0
// A guest inside libuv: a uv_poll_t watches its descriptor, a uv_timer_t its next deadline.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_LIBUV

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <uv.h>

#include "io/guest_cases.hpp"

namespace {

class libuv_host {
 public:
  explicit libuv_host(weft::runner& guest) : guest_(guest) {
    uv_loop_init(&loop_);
    uv_poll_init(&loop_, &news_, guest.pollable_fd());
    uv_timer_init(&loop_, &next_step_);
    uv_timer_init(&loop_, &own_timer_);
    for (uv_handle_t* one : {handle(news_), handle(next_step_), handle(own_timer_)}) {
      one->data = this;
    }
    uv_poll_start(&news_, UV_READABLE, [](uv_poll_t* h, int, int) { of(h).step(); });
  }

  ~libuv_host() {
    leave_alone();
    uv_run(&loop_, UV_RUN_DEFAULT);  // the callbacks of uv_close()
    CHECK(uv_loop_close(&loop_) == 0);
  }
  libuv_host(const libuv_host&) = delete;
  libuv_host& operator=(const libuv_host&) = delete;

  void run_until(const std::function<bool()>& is_over) {
    while (!is_over()) uv_run(&loop_, UV_RUN_ONCE);
  }

  void after(std::chrono::milliseconds span, std::function<void()> call) {
    on_timer_ = std::move(call);
    uv_timer_start(
        &own_timer_, [](uv_timer_t* h) { std::exchange(of(h).on_timer_, nullptr)(); },
        static_cast<std::uint64_t>(span.count()), 0);
  }

  void echo(int fd) {
    uv_pipe_init(&loop_, &stream_, 0);
    stream_.data = this;
    REQUIRE(uv_pipe_open(&stream_, fd) == 0);
    has_stream_ = true;
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&stream_),
        [](uv_handle_t*, std::size_t size, uv_buf_t* to) {
          *to = uv_buf_init(static_cast<char*>(std::malloc(size)), static_cast<unsigned>(size));
        },
        &pass_on);
  }

  // A closed guest has no descriptor any more.
  void leave_alone() {
    if (!std::exchange(is_there_, false)) return;
    uv_close(handle(news_), nullptr);
    uv_close(handle(next_step_), nullptr);
    uv_close(handle(own_timer_), nullptr);
    stop_echo();
  }

  std::size_t steps = 0;

 private:
  struct writing {
    uv_write_t request;
    std::unique_ptr<char, decltype(&std::free)> block{nullptr, &std::free};
  };

  template <class Handle>
  static uv_handle_t* handle(Handle& one) {
    return reinterpret_cast<uv_handle_t*>(&one);
  }
  template <class Handle>
  static libuv_host& of(Handle* one) {
    return *static_cast<libuv_host*>(one->data);
  }

  void step() {
    ++steps;
    const weft::duration wait = guest_.step();
    if (wait == weft::duration::max()) {
      uv_timer_stop(&next_step_);
      return;
    }
    const auto span = std::chrono::ceil<std::chrono::milliseconds>(wait);
    uv_update_time(&loop_);  // libuv's present is that of the last poll
    uv_timer_start(
        &next_step_, [](uv_timer_t* h) { of(h).step(); }, static_cast<std::uint64_t>(span.count()),
        0);
  }

  static void pass_on(uv_stream_t* from, ssize_t got, const uv_buf_t* block) {
    auto one = std::make_unique<writing>();
    one->block.reset(block->base);
    if (got <= 0) {
      if (got == UV_EOF) of(from).stop_echo();
      return;
    }
    const uv_buf_t all = uv_buf_init(block->base, static_cast<unsigned>(got));
    one->request.data = one.get();
    const int refused = uv_write(&one->request, from, &all, 1, [](uv_write_t* done, int) {
      delete static_cast<writing*>(done->data);
    });
    if (refused == 0) static_cast<void>(one.release());
  }

  void stop_echo() {
    if (std::exchange(has_stream_, false)) uv_close(handle(stream_), nullptr);
  }

  weft::runner& guest_;
  uv_loop_t loop_;
  uv_poll_t news_;
  uv_timer_t next_step_;
  uv_timer_t own_timer_;
  uv_pipe_t stream_;
  bool is_there_ = true;
  bool has_stream_ = false;
  std::function<void()> on_timer_;
};

// From its first loop on libuv keeps a pipe for signals: before a fixture counts descriptors.
const struct warm_up {
  warm_up() {
    uv_loop_t first;
    uv_loop_init(&first);
    uv_loop_close(&first);
  }
} first_loop;

}  // namespace

WEFT_GUEST_CASES(libuv_host, "guest of libuv")

#else

TEST_CASE("guest of libuv: all that a guest of poll() can") {
  WEFT_SKIP("libuv's headers are not installed");
}

#endif
