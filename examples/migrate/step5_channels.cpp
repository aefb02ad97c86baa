// SPDX-License-Identifier: BSL-1.0
// step5_channels: the values have one owner, and the log one writer; no lock is left
#include <weft/hook.hpp>
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <csignal>
#include <string>

#include "plain.hpp"

// What one asks of the values' owner.
struct request {
  std::string line;
  weft::promise<std::string> answer;
};

class store {
 public:
  // Owns the values: nobody else can touch them.
  void run() {
    plain::values values;
    for (request& one : requests_) one.answer.set_value(plain::apply(values, one.line));
  }

  std::string answer(const std::string& line) {
    request one{line, {}};
    weft::future<std::string> answer = one.answer.get_future();
    requests_.send(std::move(one));
    return answer.get();
  }

  void finish() { requests_.close(); }

 private:
  weft::channel<request> requests_{64};
};

class logger {
 public:
  void run() {
    for (const std::string& line : lines_) {
      static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
    }
  }

  // Never holds a connection up: who reads the log too slowly misses some of it.
  void add(std::string line) {
    line += "\n";
    static_cast<void>(lines_.try_send(std::move(line)));
  }

  // Writes what is left, and ends.
  void finish() { lines_.close(); }

 private:
  weft::channel<std::string> lines_{16 * 1024};
};

std::string answer(store& values, const std::string& line) {
  if (const auto time = plain::slow_time(line)) {
    weft::await_sleep(*time);
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
    weft::task<> owner = weft::spawn({"values"}, [&] { values.run(); });
    weft::task<> writer = weft::spawn({"log"}, [&] { log.run(); });
    weft::race([&] { accept_forever(values, log, given); }, [&] { ends.wait(); });
    log.add("all connections are closed");
    values.finish();
    log.finish();
    weft::gather(owner, writer);
  });
}
