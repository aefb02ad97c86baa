// SPDX-License-Identifier: BSL-1.0
// Random sequences of calls on socket pairs, pipes and TCP: made by plain threads with the C
// library's functions, and by fibers with the hooked ones. Results, errors and bytes are the same.
// WEFT_SEED sets the first seed; a difference prints its own, and the shortest sequence that shows
// it.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/uio.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "support/build_kind.hpp"
#include "weft/this_fiber.hpp"

namespace {

enum class channel { stream, datagram, pipe, tcp };

enum class op {
  read,
  readv,
  recv,
  peek,
  recv_now,
  write,
  writev,
  send,
  toggle_nonblocking,
  set_timeout,
  poll,
  shut_down,
  replace_by_copy,
  close,
  // of both ends at once: the first waits for what the other one does
  meet_all,
  meet_some,
  meet_poll,
  meet_end,
  count
};
constexpr const char* op_names[] = {"read",
                                    "readv",
                                    "recv",
                                    "recv MSG_PEEK",
                                    "recv MSG_DONTWAIT",
                                    "write",
                                    "writev",
                                    "send",
                                    "toggle O_NONBLOCK",
                                    "set SO_RCVTIMEO",
                                    "poll",
                                    "shutdown",
                                    "dup and close",
                                    "close",
                                    "recv MSG_WAITALL of what is sent",
                                    "read of what is written",
                                    "poll for what is written",
                                    "read until shutdown"};

struct step {
  op what;
  int side;
  std::size_t bytes;
};

using script = std::vector<step>;

script make_script(std::mt19937_64& random) {
  script steps(3 + random() % 8);
  for (step& one : steps) {
    one.what = static_cast<op>(random() % static_cast<unsigned>(op::count));
    one.side = static_cast<int>(random() % 2);
    one.bytes = random() % 8 == 0 ? 0 : 1 + random() % 2000;
  }
  return steps;
}

std::uint64_t digest(const std::string& bytes) {
  std::uint64_t sum = 14695981039346656037U;  // FNV-1a
  for (const char one : bytes) sum = (sum ^ static_cast<unsigned char>(one)) * 1099511628211U;
  return sum;
}

std::string text_of(const weft_tests::call_end& end) {
  std::ostringstream text;
  text << end;
  return text.str();
}
template <class F>
std::string told(F&& call) {
  return text_of(weft_tests::end_of(call));
}
// The same of a call that fills memory.
template <class F>
std::string got(std::size_t room, F&& call) {
  std::string to(room + 1, '\0');
  const auto end = weft_tests::end_of([&] { return call(to.data()); });
  to.resize(end.result > 0 ? static_cast<std::size_t>(end.result) : 0);
  return text_of(end) + " bytes " + std::to_string(digest(to));
}

std::string polled(int fd, short events, int milliseconds) {
  pollfd asked{fd, events, 0};
  const std::string end = told([&] { return poll(&asked, 1, milliseconds); });
  return end + " events " + std::to_string(asked.revents);
}

std::string write_parts(int fd, std::string data) {
  const std::size_t half = data.size() / 2;
  iovec parts[2] = {{data.data(), half}, {data.data() + half, data.size() - half}};
  return told([&] { return writev(fd, parts, 2); });
}
std::string read_parts(int fd, std::size_t bytes) {
  return got(bytes, [&](char* to) {
    iovec parts[2] = {{to, bytes / 3}, {to + bytes / 3, bytes - bytes / 3}};
    return readv(fd, parts, 2);
  });
}

void set_timeout(int fd, long milliseconds) {
  timeval span{};
  span.tv_usec = milliseconds * 1000;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
}

int toggle(int fd, int flags) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) ^ flags); }

// A read that nobody will end must end by itself: one of some, on a socket, by a timeout; they cost
// milliseconds. The others are made where they do not wait.
bool may_read(int fd, bool may_time_out) {
  timeval span{};
  socklen_t bytes = sizeof span;
  if (may_time_out && getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, &bytes) == 0) {
    if (span.tv_usec == 0) set_timeout(fd, 1);
    return true;
  }
  pollfd asked{fd, POLLIN, 0};
  return poll(&asked, 1, 0) != 0 || weft_tests::is_nonblocking_file(fd);
}

// The two ends of a channel, and what is done to them.
class channel_ends {
 public:
  channel_ends(channel kind, bool has_fibers) : kind_(kind), has_fibers_(has_fibers) {
    if (kind == channel::pipe) REQUIRE(pipe2(ends_.fd, O_CLOEXEC) == 0);
    if (kind == channel::stream) open_pair(SOCK_STREAM);
    if (kind == channel::datagram) open_pair(SOCK_DGRAM);
    if (kind == channel::tcp) open_tcp();
  }

  std::string act(const step& one) {
    const std::size_t bytes = one.bytes;
    const std::string data(bytes, static_cast<char>('a' + bytes % 26));
    const int fd = ends_[one.side];
    if (one.what <= op::peek && !may_read(fd, bytes % 32 == 0)) return "would wait for ever";
    switch (one.what) {
      case op::read:
        return got(bytes, [&](char* to) { return read(fd, to, bytes); });
      case op::readv:
        return read_parts(fd, bytes);
      case op::recv:
        return got(bytes, [&](char* to) { return recv(fd, to, bytes, 0); });
      case op::peek:
        return got(bytes, [&](char* to) { return recv(fd, to, bytes, MSG_PEEK); });
      case op::recv_now:
        return got(bytes, [&](char* to) { return recv(fd, to, bytes, MSG_DONTWAIT); });
      case op::write:
        return told([&] { return write(fd, data.data(), bytes); });
      case op::writev:
        return write_parts(fd, data);
      case op::send:
        return told([&] { return send(fd, data.data(), bytes, MSG_NOSIGNAL); });
      case op::toggle_nonblocking:
        return told([&] { return toggle(fd, O_NONBLOCK); });
      case op::poll:
        return polled(fd, static_cast<short>(POLLIN | (bytes % 2 != 0 ? POLLOUT : 0)),
                      static_cast<int>(bytes % 2));
      case op::shut_down:
        was_shut_down_ = true;
        return told([&] { return shutdown(fd, static_cast<int>(bytes % 3)); });
      default:
        return one.what < op::meet_all ? change(one) : meet(one, data);
    }
  }

 private:
  void open_pair(int type) { REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends_.fd) == 0); }
  void open_tcp() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof at;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(server, reinterpret_cast<sockaddr*>(&at), bytes) == 0);
    REQUIRE(listen(server, 1) == 0);
    REQUIRE(getsockname(server, reinterpret_cast<sockaddr*>(&at), &bytes) == 0);
    ends_.fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(ends_.fd[0], reinterpret_cast<sockaddr*>(&at), bytes) == 0);
    ends_.fd[1] = accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(ends_.fd[1] >= 0);
    close(server);
  }

  std::string change(const step& one) {
    int& fd = ends_.fd[one.side];
    if (one.what == op::set_timeout) set_timeout(fd, 1 + static_cast<long>(one.bytes) % 3);
    if (one.what == op::replace_by_copy && fd >= 0) close(std::exchange(fd, dup(fd)));
    if (one.what == op::close && one.bytes % 4 == 0) ends_.close_one(one.side);
    return "changed";
  }

  // True if nothing is left to be read, and calls of both ends wait.
  bool prepare_to_meet(int from, int to) {
    for (const int fd : {from, to}) {
      if (weft_tests::is_nonblocking_file(fd)) toggle(fd, O_NONBLOCK);
    }
    set_timeout(from, 0);
    pollfd asked[2] = {{from, POLLIN, 0}, {to, POLLOUT, 0}};
    char memory[4096];
    while (poll(asked, 1, 0) == 1 && (asked[0].revents & POLLIN) != 0) {
      if (read(from, memory, sizeof memory) <= 0) break;
    }
    poll(asked, 2, 0);
    return asked[0].revents == 0 && asked[1].revents == POLLOUT;
  }

  std::string meet(const step& one, std::string data) {
    const int reader = kind_ == channel::pipe ? 0 : one.side;
    const int from = ends_[reader];
    const int to = ends_[1 - reader];
    // Of a datagram socket poll() does not tell that it was shut down.
    const bool is_mute = kind_ == channel::datagram && was_shut_down_;
    if (from < 0 || to < 0 || data.empty() || is_mute || !prepare_to_meet(from, to)) {
      return "met nobody";
    }
    const bool is_stream = kind_ == channel::stream || kind_ == channel::tcp;
    if (one.what == op::meet_all && is_stream) data.append(one.bytes % 5 * 100'000, 'z');
    const std::size_t bytes = data.size();
    const auto write_data = [&] { return told([&] { return write(to, data.data(), bytes); }); };
    switch (one.what) {
      case op::meet_all:
        return together(write_data, [&] {
          return got(bytes, [&](char* memory) {
            return kind_ == channel::pipe ? read(from, memory, bytes)
                                          : recv(from, memory, bytes, MSG_WAITALL);
          });
        });
      case op::meet_some:
        return together(write_data,
                        [&] { return got(4000, [&](char* m) { return read(from, m, 4000); }); });
      case op::meet_poll:
        return together([&] { return told([&] { return write(to, "x", 1); }); },
                        [&] { return polled(from, POLLIN, 10'000); });
      default:
        if (kind_ == channel::datagram) return "no end";  // shutdown ends no such wait
        return together([&] { return end_writing(to); },
                        [&] { return got(10, [&](char* m) { return read(from, m, 10); }); });
    }
  }

  std::string end_writing(int to) {
    if (kind_ != channel::pipe) return told([&] { return shutdown(to, SHUT_WR); });
    ends_.close_one(1);
    return "closed";
  }

  // Both at once; in fibers the waiter is the first, and parks.
  template <class F, class G>
  std::string together(F&& other, G&& waiter) {
    std::string others;
    std::string own;
    const auto act = [&] { others = other(); };
    if (has_fibers_) {
      auto beside = weft::spawn(act);
      own = waiter();
      beside.get();
    } else {
      std::thread beside(act);
      own = waiter();
      beside.join();
    }
    return others + " | " + own;
  }

  const channel kind_;
  const bool has_fibers_;
  weft_tests::descriptor_pair ends_;
  bool was_shut_down_ = false;
};

std::vector<std::string> run_script(channel kind, const script& steps, bool has_fibers) {
  std::vector<std::string> lines;
  const auto body = [&] {
    channel_ends ends(kind, has_fibers);
    for (const step& one : steps) lines.push_back(ends.act(one));
  };
  if (has_fibers) {
    weft::spawn(body).get();
  } else {
    const weft::hook::off plain;
    body();
  }
  return lines;
}

bool differs(channel kind, const script& steps) {
  const auto plain = run_script(kind, steps, false);
  return plain != run_script(kind, steps, true);
}

// Without whatever is not needed for the difference.
script shortest(channel kind, script steps) {
  for (std::size_t i = 0; i < steps.size();) {
    script fewer = steps;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (differs(kind, fewer)) {
      steps = fewer;
      i = 0;
    } else {
      ++i;
    }
  }
  return steps;
}

std::string description(channel kind, const script& steps) {
  constexpr const char* kinds[] = {"stream socket pair", "datagram socket pair", "pipe", "TCP"};
  const auto plain = run_script(kind, steps, false);
  const auto hooked = run_script(kind, steps, true);
  std::string text = kinds[static_cast<std::size_t>(kind)];
  for (std::size_t i = 0; i < steps.size(); ++i) {
    text += "\n  " + std::string(op_names[static_cast<std::size_t>(steps[i].what)]) + " at end " +
            std::to_string(steps[i].side) + ", " + std::to_string(steps[i].bytes) +
            " bytes: " + plain[i] + (plain[i] != hooked[i] ? "  HOOKED: " + hooked[i] : "");
  }
  return text;
}

std::uint64_t first_seed() {
  const char* const wanted = std::getenv("WEFT_SEED");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1;
}

}  // namespace

TEST_CASE_FIXTURE(weft_tests::hooked,
                  "hook: 10,000 sequences of calls end in fibers as they do in threads") {
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  constexpr int count = weft_tests::scaled(10'000, 1'000);
  const std::uint64_t first = first_seed();
  MESSAGE("seeds from " << first);
  run([&] {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t seed = first + static_cast<unsigned>(i);
      std::mt19937_64 random(seed);
      const auto kind = static_cast<channel>(random() % 4);
      const script steps = make_script(random);
      if (!differs(kind, steps)) continue;
      FAIL_CHECK("WEFT_SEED=" << seed << ", " << description(kind, shortest(kind, steps)));
      break;
    }
  });
  std::signal(SIGPIPE, old);
}
