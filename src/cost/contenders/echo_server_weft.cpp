// SPDX-License-Identifier: BSL-1.0
// weft's side of the echo rows: as its user would write it. Prints its port, and serves until it is
// killed. With COST_UNWATCHED there is no watchdog: its thread, though it sleeps, makes the kernel
// count references to files at each system call (fdget), as in any process of several threads.
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <cstdio>

int COST_ECHO_SERVER();  // main, or a name that servers.cpp calls
int COST_ECHO_SERVER() {
  weft::options how;
#ifdef COST_UNWATCHED
  how.slow_step = weft::duration::zero();
#endif
  weft::run(how, [] {
    auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    std::printf("%d\n", static_cast<int>(listener.local_endpoint().port()));
    std::fflush(stdout);
    weft::serve(listener, [](weft::tcp_stream peer) {
      char block[1024];
      while (const std::size_t n = peer.read_some(block, sizeof block)) peer.write_all(block, n);
    });
  });
  return 0;
}
