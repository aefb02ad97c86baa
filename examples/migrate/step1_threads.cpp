// SPDX-License-Identifier: BSL-1.0
// step1_threads: where it begins: a thread for each connection, a lock, a thread that logs
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "plain.hpp"

class store {
 public:
  std::string answer(const std::string& line) {
    const std::lock_guard<std::mutex> hold(lock_);
    return plain::apply(values_, line);
  }

 private:
  std::mutex lock_;
  plain::values values_;  // guarded by lock_
};

class logger {
 public:
  void start() {
    std::thread([this] { run(); }).detach();
  }

  void add(std::string line) {
    const std::lock_guard<std::mutex> hold(lock_);
    lines_.push_back(std::move(line));
    filled_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock<std::mutex> hold(lock_);
      filled_.wait(hold, [this] { return !lines_.empty(); });
      const std::string line = std::move(lines_.front()) + "\n";
      lines_.pop_front();
      hold.unlock();
      static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
    }
  }

  std::mutex lock_;
  std::condition_variable filled_;
  std::deque<std::string> lines_;  // guarded by lock_
};

std::string answer(store& values, const std::string& line) {
  if (const auto time = plain::slow_time(line)) {
    std::this_thread::sleep_for(*time);
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
  log.start();
  plain::listener listener(given.port);
  for (int number = 1;; ++number) {
    const int fd = listener.accept();
    if (fd < 0) break;
    plain::connection peer(fd);
    peer.limit_reads(given.idle);
    std::thread(serve, std::move(peer), number, std::ref(values), std::ref(log)).detach();
  }
  std::perror("accept");
  ::_exit(1);  // threads still use what is above
}
