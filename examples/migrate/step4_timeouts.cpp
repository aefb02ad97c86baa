// SPDX-License-Identifier: BSL-1.0
// step4_timeouts: whole requests have a time limit, and SIGTERM ends them in order
#include <weft/hook.hpp>
#include <weft/io.hpp>
#include <weft/std.hpp>
#include <weft/weft.hpp>

#include <csignal>
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
    writer_ = threading::thread([this] { run(); });
  }

  void add(std::string line) {
    const threading::lock_guard<threading::mutex> hold(lock_);
    lines_.push_back(std::move(line));
    filled_.notify_one();
  }

  // Writes what is left, and ends.
  void finish() {
    add("");
    writer_.join();
  }

 private:
  void run() {
    for (;;) {
      threading::unique_lock<threading::mutex> hold(lock_);
      filled_.wait(hold, [this] { return !lines_.empty(); });
      const std::string line = std::move(lines_.front()) + "\n";
      lines_.pop_front();
      hold.unlock();
      if (line == "\n") return;
      static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
    }
  }

  threading::mutex lock_;
  threading::condition_variable filled_;
  std::deque<std::string> lines_;  // guarded by lock_
  threading::thread writer_;
};

std::string answer(store& values, const std::string& line) {
  if (const auto time = plain::slow_time(line)) {
    threading::this_thread::sleep_for(*time);
    return "done";
  }
  return values.answer(line);
}

// The whole line must come in time, not each piece of it. A hooked recv() that is cancelled returns
// -1, as C wants it; the checkpoint is where C++ hears of it.
plain::got read_request(plain::connection& peer, std::string& line,
                        std::chrono::milliseconds longest) {
  const auto what = weft::move_on_after(longest, [&] {
    const plain::got result = peer.read_line(line);
    if (result != plain::got::line) weft::checkpoint();
    return result;
  });
  return what ? *what : plain::got::nothing_in_time;
}

std::string answer_in_time(store& values, const std::string& line,
                           std::chrono::milliseconds longest) {
  try {
    return weft::with_timeout(longest, [&] { return answer(values, line); });
  } catch (const weft::timeout_error&) {
    return "error: took too long";
  }
}

void serve(plain::connection peer, int number, store& values, logger& log,
           const plain::arguments& given) {
  int requests = 0;
  const auto note_end = [&] {
    log.add("connection " + std::to_string(number) + ": " + std::to_string(requests) + " requests");
  };
  std::string line;
  plain::got what = plain::got::end;
  try {
    while ((what = read_request(peer, line, given.idle)) == plain::got::line && line != "quit") {
      ++requests;
      // What has begun is answered, whoever stops the server meanwhile.
      const bool is_sent = weft::shielded(
          [&] { return peer.write_line(answer_in_time(values, line, given.limit)); });
      if (!is_sent) break;
    }
    if (what == plain::got::line) peer.write_line("bye");
    if (what == plain::got::nothing_in_time) peer.write_line("error: idle for too long");
  } catch (const weft::cancelled&) {
    weft::shielded([&] { peer.write_line("bye: the server ends"); });
    note_end();
    throw;
  }
  note_end();
}

void accept_forever(store& values, logger& log, const plain::arguments& given) {
  plain::listener listener(given.port);
  weft::with_task_group([&](weft::task_group& connections) {
    for (int number = 1;; ++number) {
      const int fd = listener.accept();
      if (fd < 0) weft::checkpoint();  // throws if that is the end
      if (fd < 0) break;
      connections.spawn([peer = plain::connection(fd), number, &values, &log, &given]() mutable {
        serve(std::move(peer), number, values, log, given);
      });
    }
    std::perror("accept");
  });
}

int main(int argc, char** argv) {
  const plain::arguments given = plain::read_arguments(argc, argv);
  store values;
  logger log;
  weft::hook::install();
  weft::signal_set ends{SIGINT, SIGTERM};
  weft::options how;
  how.handle_sigint = false;  // `ends` does
  weft::run(how, [&] {
    log.start();
    weft::race([&] { accept_forever(values, log, given); }, [&] { ends.wait(); });
    log.add("all connections are closed");
    log.finish();
  });
}
