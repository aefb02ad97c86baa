// SPDX-License-Identifier: BSL-1.0
// libuv's side of the echo rows: one block for all connections, and no request object where the
// kernel takes what is written at once. Prints its port, and serves until it is killed.
#include <netinet/in.h>
#include <uv.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

char block[1024];  // what is read is written before anybody else reads

struct late_write {
  uv_write_t request;
  char* rest;
};

void give_block(uv_handle_t*, std::size_t, uv_buf_t* to) { *to = uv_buf_init(block, sizeof block); }

void drop(uv_handle_t* peer) { std::free(peer); }

void written(uv_write_t* request, int) {
  auto* const late = reinterpret_cast<late_write*>(request);
  std::free(late->rest);
  std::free(late);
}

void echo(uv_stream_t* peer, ssize_t came, const uv_buf_t* from) {
  if (came < 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(peer), drop);
    return;
  }
  if (came == 0) return;
  uv_buf_t what = uv_buf_init(from->base, static_cast<unsigned>(came));
  const int sent = uv_try_write(peer, &what, 1);
  const unsigned done = sent > 0 ? static_cast<unsigned>(sent) : 0;
  if (done == what.len) return;
  auto* const late = static_cast<late_write*>(std::malloc(sizeof(late_write)));
  late->rest = static_cast<char*>(std::malloc(what.len - done));
  std::memcpy(late->rest, what.base + done, what.len - done);
  what = uv_buf_init(late->rest, static_cast<unsigned>(what.len - done));
  uv_write(&late->request, peer, &what, 1, written);
}

void take_in(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* const peer = static_cast<uv_tcp_t*>(std::malloc(sizeof(uv_tcp_t)));
  uv_tcp_init(listener->loop, peer);
  if (uv_accept(listener, reinterpret_cast<uv_stream_t*>(peer)) != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(peer), drop);
    return;
  }
  uv_tcp_nodelay(peer, 1);
  uv_read_start(reinterpret_cast<uv_stream_t*>(peer), give_block, echo);
}

}  // namespace

int COST_ECHO_SERVER();  // main, or a name that servers.cpp calls
int COST_ECHO_SERVER() {
  uv_loop_t* const loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  sockaddr_in at{};
  uv_ip4_addr("127.0.0.1", 0, &at);
  if (uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&at), 0) != 0 ||
      uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, take_in) != 0) {
    return 1;
  }
  int bytes = sizeof at;
  uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&at), &bytes);
  std::printf("%d\n", static_cast<int>(ntohs(at.sin_port)));
  std::fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
