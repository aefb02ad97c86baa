// SPDX-License-Identifier: BSL-1.0
// A guest inside Asio: a stream_descriptor watches its descriptor, a steady_timer its next
// deadline.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_ASIO

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <asio.hpp>

#include "io/guest_cases.hpp"

namespace {

class asio_host {
 public:
  explicit asio_host(weft::runner& guest) : guest_(guest), news_(context_, guest.pollable_fd()) {
    wait_for_news();
  }
  ~asio_host() { leave_alone(); }
  asio_host(const asio_host&) = delete;
  asio_host& operator=(const asio_host&) = delete;

  void run_until(const std::function<bool()>& is_over) {
    while (!is_over()) context_.run_one();
  }

  void after(std::chrono::milliseconds span, std::function<void()> call) {
    own_timer_.expires_after(span);
    own_timer_.async_wait([call = std::move(call)](const std::error_code& error) {
      if (!error) call();
    });
  }

  void echo(int fd) {
    stream_.assign(asio::local::stream_protocol(), fd);
    read();
  }

  // The descriptor is the guest's: Asio must not close it.
  void leave_alone() {
    if (news_.is_open()) news_.release();
  }

  std::size_t steps = 0;

 private:
  void wait_for_news() {
    // Asks the kernel anew each time, so an edge in between is not missed.
    news_.async_wait(news_.wait_read, [this](const std::error_code& error) {
      if (error) return;
      step();
      wait_for_news();
    });
  }

  void step() {
    ++steps;
    const weft::duration wait = guest_.step();
    if (wait == weft::duration::max()) {
      next_step_.cancel();
      return;
    }
    next_step_.expires_after(wait);
    next_step_.async_wait([this](const std::error_code& error) {
      if (!error) step();
    });
  }

  void read() {
    stream_.async_read_some(asio::buffer(block_),
                            [this](const std::error_code& error, std::size_t got) {
                              if (error) {
                                stream_.close();
                                return;
                              }
                              asio::async_write(stream_, asio::buffer(block_, got),
                                                [this](const std::error_code& failed, std::size_t) {
                                                  if (!failed) read();
                                                });
                            });
  }

  weft::runner& guest_;
  asio::io_context context_{1};
  asio::posix::stream_descriptor news_;
  asio::steady_timer next_step_{context_};
  asio::steady_timer own_timer_{context_};
  asio::local::stream_protocol::socket stream_{context_};
  char block_[4096];
};

}  // namespace

WEFT_GUEST_CASES(asio_host, "guest of Asio")

#else

TEST_CASE("guest of Asio: all that a guest of poll() can") {
  WEFT_SKIP("Asio's headers are not installed");
}

#endif
