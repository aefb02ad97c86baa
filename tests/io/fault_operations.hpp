// SPDX-License-Identifier: BSL-1.0
// Every public operation of io once, each with the peers that it needs: what fault_test runs while
// one system call, or one allocation, fails. An operation passes, or throws what its documentation
// says; it checks what it got, and needs no clean-up of its own. Of streams: fault_streams.hpp.
#pragma once

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "io/fault_streams.hpp"
#include "weft/channel.hpp"
#include "weft/event.hpp"
#include "weft/io.hpp"
#include "weft/select.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

struct operation {
  const char* name;
  void (*body)();
};

inline void datagrams() {
  weft::udp_socket here = weft::udp_socket::bind(weft::endpoint::loopback_ipv4(0), true);
  demand_reuse_of_port(here);
  weft::udp_socket there = weft::udp_socket::bind(weft::endpoint::loopback_ipv4(0));
  char block[16];
  weft::udp_socket::datagram first;
  beside([&] { first = here.receive_from(block, sizeof block); },
         [&] {
           there.connect(here.local_endpoint());
           there.send("hello");
         });
  demand(std::string(block, first.size) == "hello", "what was sent is received");
  here.send_to(first.from, "answer");
  const auto second = there.receive_from(block, sizeof block);
  demand(std::string(block, second.size) == "answer", "what was answered is received");
  demand(second.from == there.remote_endpoint(), "each knows the other");
}

inline void pipes() {
  weft::pipe_ends ends = weft::make_pipe();
  char block[16] = {};
  beside([&] { ends.reader.read_exactly(block, 8); },
         [&] {
           ends.writer.write_all("one ");
           ends.writer.write_all({"t", "wo", " "});
         });
  demand(std::string(block, 8) == "one two ", "what was written is read");
  ends.writer.close();
  demand(ends.reader.read_some(block, sizeof block) == 0, "then the pipe ends");
}

// Two plain descriptors of somebody else's.
struct raw_ends {
  raw_ends() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::bad_alloc();
  }
  ~raw_ends() {
    for (const int one : ends) {
      if (one >= 0) ::close(one);
    }
  }
  raw_ends(const raw_ends&) = delete;
  raw_ends& operator=(const raw_ends&) = delete;

  int ends[2] = {-1, -1};
};

inline void several_pieces() {
  auto [near, far] = weft::unix_stream::pair();
  char head[3];
  char body[5];
  beside(
      [&, &from = far] {
        from.read_exactly({head, body});
      },
      [&to = near] {
        to.write_all({"one", " tw", "o!"});
      });
  demand(std::string(head, 3) + std::string(body, 5) == "one two!", "each piece is filled in turn");
  weft::pipe_ends ends = weft::make_pipe();
  beside(
      [&] {
        ends.reader.read_exactly({head, body});
      },
      [&] {
        ends.writer.write_all({"two", " on", "e!"});
      });
  demand(std::string(head, 3) + std::string(body, 5) == "two one!", "of a pipe, too");
}

inline void without_waiting() {
  auto [near, far] = weft::unix_stream::pair();
  char block[8];
  demand(!far.try_read_some(block, sizeof block), "nothing is there yet");
  demand(near.try_write_some("hello", 5) == std::size_t{5}, "there is room");
  weft::wait_readable(far.native_handle());
  demand(far.try_read_some(block, sizeof block) == std::size_t{5}, "what was written is there");
  beside([&from = far] { from.wait_hangup(); }, [&to = near] { to.close(); });
}

inline void shared_listener() {
  weft::tcp_listener first = weft::tcp_listener::bind("localhost", "0");
  weft::tcp_listener second = first.share();
  for (weft::tcp_listener* const one : {&first, &second, &first}) {
    weft::tcp_stream near;
    weft::tcp_stream far;
    beside([&] { far = one->accept(); },
           [&] { near = weft::tcp_stream::connect(first.local_endpoint()); });
    talk(near, far);
  }
}

inline void selected() {
  auto [near, far] = weft::unix_stream::pair();
  raw_ends both;
  int came = 0;
  beside(
      [&, &from = far] {
        for (int i = 0; i < 2; ++i) {
          weft::select(weft::on_readable(from,
                                         [&] {
                                           char byte = 0;
                                           from.read_exactly(&byte, 1);
                                           came += 1;
                                         }),
                       weft::on_readable(both.ends[0], [&] {
                         char byte = 0;
                         demand(::read(both.ends[0], &byte, 1) == 1, "");
                         came += 10;
                       }));
        }
      },
      [&, &to = near] {
        to.write_all("x");
        demand(::write(both.ends[1], "x", 1) == 1, "");
      });
  demand(came == 11, "each case comes once");
}

// The buffers are in use when the fault strikes: what is buffered must survive it.
inline void buffers() {
  auto [near, far] = weft::unix_stream::pair();
  weft::buffered_reader<weft::unix_stream> reader(far, 8);
  weft::buffered_writer<weft::unix_stream> writer(near, 8);
  beside(
      [&] {
        demand(reader.read_line() == "a line that is longer than the buffer", "a line is whole");
        demand(reader.read_until(";") == "and;", "and so is what ends with a delimiter");
        demand(reader.read_all(100) == "all the rest of it", "and the rest");
      },
      [&, &to = near] {
        try {
          writer.write("a line that is longer than the buffer\nand;");
          writer.write("all the rest of it");
          writer.flush();
        } catch (...) {
          writer.discard();
          throw;
        }
        to.shutdown_write();
      });
}

inline void readiness() {
  raw_ends both;
  beside([&] { weft::wait_readable(both.ends[0]); },
         [&] {
           weft::wait_writable(both.ends[0]);
           const auto soon = weft::now() + std::chrono::microseconds(200);
           demand(!weft::wait_readable_until(both.ends[1], soon), "nothing came");
           demand(::write(both.ends[1], "x", 1) == 1, "");
         });
  beside(
      [&] {
        try {
          weft::wait_readable(both.ends[1]);
          demand(false, "who waits for a descriptor that is closed gets an error");
        } catch (const std::system_error& error) {
          if (error.code() != std::errc::bad_file_descriptor) throw;
        }
      },
      [&] { weft::close_descriptor(std::exchange(both.ends[1], -1)); });
}

inline void taken_over() {
  raw_ends both;
  weft::stream_socket near(both.ends[0]);
  both.ends[0] = -1;
  weft::stream_socket far(both.ends[1]);
  both.ends[1] = -1;
  weft::wait_writable(near.native_handle());  // by number, of one that weft owns
  beside([&] { weft::wait_readable(far.native_handle()); }, [&] { near.write_all("x"); });
  char byte = 0;
  far.read_exactly(&byte, 1);
}

// A set that could not be waited for gives back the signal that it kept: nobody minds it here.
struct ignored_signal {
  explicit ignored_signal(int number) : number_(number), before_(std::signal(number, SIG_IGN)) {}
  ~ignored_signal() { std::signal(number_, before_); }
  ignored_signal(const ignored_signal&) = delete;
  ignored_signal& operator=(const ignored_signal&) = delete;

 private:
  int number_;
  void (*before_)(int);
};

inline void signals() {
  const ignored_signal later(SIGUSR2);
  weft::signal_set both{SIGUSR1, SIGUSR2};
  beside([&] { demand(both.wait() == SIGUSR2, "the signal that came is told"); },
         [] { demand(::pthread_kill(::pthread_self(), SIGUSR2) == 0, ""); });
}

// A fault of one connection is that connection's: its client asks again, and is served.
inline void server() {
  weft::tcp_listener listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  const weft::endpoint at = listener.local_endpoint();
  weft::serve_options how;
  how.on_error = [](const std::exception_ptr&) {};
  auto serving = weft::spawn([&] {
    weft::serve(
        listener,
        [](weft::tcp_stream peer) {
          char block[16];
          while (const std::size_t n = peer.read_some(block, sizeof block)) {
            peer.write_all(block, n);
          }
        },
        how);
  });
  const auto ask = [&] {
    weft::tcp_stream peer = weft::tcp_stream::connect(at);
    peer.write_all("hello");
    char answer[5];
    peer.read_exactly(answer, 5);
    demand(std::string(answer, 5) == "hello", "the answer is the question");
  };
  for (int i = 0; i < 3; ++i) {
    try {
      ask();
    } catch (const std::logic_error&) {
      throw;
    } catch (const std::exception&) {
      if (serving.done()) serving.get();  // it ends by an error of accept that is no shortage
      ask();
    }
  }
  serving.cancel();
  serving.join();
}

// Woken by another thread while it sleeps in the kernel.
inline void woken_from_outside() {
  weft::channel<int> answers(1);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    answers.send(1);
  });
  const auto came = answers.recv();
  other.join();
  demand(came == 1, "what another thread sends comes");
  weft::await_sleep(std::chrono::microseconds(100));
}

inline constexpr operation operations[] = {
    {"tcp_by_address", tcp_by_address},
    {"tcp_by_error_code", tcp_by_error_code},
    {"tcp_by_name", tcp_by_name},
    {"tcp_many_at_once", tcp_many_at_once},
    {"unix_by_name", unix_by_name},
    {"unix_pair", unix_pair},
    {"datagrams", datagrams},
    {"pipes", pipes},
    {"several_pieces", several_pieces},
    {"without_waiting", without_waiting},
    {"shared_listener", shared_listener},
    {"selected", selected},
    {"buffers", buffers},
    {"readiness", readiness},
    {"taken_over", taken_over},
    {"signals", signals},
    {"server", server},
    {"woken_from_outside", woken_from_outside},
};

}  // namespace weft_tests
