// SPDX-License-Identifier: BSL-1.0
// step3_spawn: std:: becomes weft::std_compat::, and every connection is a fiber of one thread
#include <weft/hook.hpp>
#include <weft/std.hpp>
#include <weft/weft.hpp>

#include <deque>
#include <string>

#include "plain.hpp"

namespace threading = weft::std_compat;

class store {
 public:
  std::string answer(const std::string& line) {
    const threading::lock_guard<threading::mutex> hold(lock_);
    return plain::apply(values_, line);
  }

 private:
  threading::mutex lock_;
  plain::values values_;  // guarded by lock_
};

class logger {
 public:
  void start() {
    threading::thread([this] { run(); }).detach();
  }

  void add(std::string line) {
    const threading::lock_guard<threading::mutex> hold(lock_);
    lines_.push_back(std::move(line));
    filled_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      threading::unique_lock<threading::mutex> hold(lock_);
      filled_.wait(hold, [this] { return !lines_.empty(); });
      const std::string line = std::move(lines_.front()) + "\n";
      lines_.pop_front();
      hold.unlock();
      static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
    }
  }

  threading::mutex lock_;
  threading::condition_variable filled_;
  std::deque<std::string> lines_;  // guarded by lock_
};

std::string answer(store& values, const std::string& line) {
  if (const auto time = plain::slow_time(line)) {
    threading::this_thread::sleep_for(*time);
    return "done";
  }
  return values.answer(line);
}

void serve(plain::connection peer, int number, store& values, logger& log) {
  int requests = 0;
  std::string line;
  plain::got what;
  while ((what = peer.read_line(line)) == plain::got::line && line != "quit") {
    ++requests;
    if (!peer.write_line(answer(values, line))) break;
  }
  if (what == plain::got::line) peer.write_line("bye");
  if (what == plain::got::nothing_in_time) peer.write_line("error: idle for too long");
  log.add("connection " + std::to_string(number) + ": " + std::to_string(requests) + " requests");
}

int main(int argc, char** argv) {
  const plain::arguments given = plain::read_arguments(argc, argv);
  store values;
  logger log;
  weft::hook::install();
  weft::run([&] {
    log.start();
    plain::listener listener(given.port);
    for (int number = 1;; ++number) {
      const int fd = listener.accept();
      if (fd < 0) break;
      plain::connection peer(fd);
      peer.limit_reads(given.idle);
      threading::thread(serve, std::move(peer), number, std::ref(values), std::ref(log)).detach();
    }
  });  // cancels all that still runs, and waits for it
  std::perror("accept");
  return 1;
}
