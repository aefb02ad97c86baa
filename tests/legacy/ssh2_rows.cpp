// SPDX-License-Identifier: BSL-1.0
// libssh2: a session, a key, a command.
#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "row.hpp"

namespace legacy {
namespace {

void initialise() { libssh2_init(0); }

class session {
 public:
  session() : fd_(socket(AF_INET, SOCK_STREAM, 0)), one_(libssh2_session_init()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(given("WEFT_LEGACY_SSH"))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "connect");
    require(libssh2_session_handshake(one_, fd_) == 0, why());
    const std::string key = given("WEFT_LEGACY_FOLDER") + "/key";
    require(libssh2_userauth_publickey_fromfile(one_, "root", (key + ".pub").c_str(), key.c_str(),
                                                "") == 0,
            why());
  }
  ~session() {
    libssh2_session_disconnect(one_, "done");
    libssh2_session_free(one_);
    close(fd_);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // What the command writes.
  std::string run(const std::string& command) {
    LIBSSH2_CHANNEL* const channel = libssh2_channel_open_session(one_);
    require(channel != nullptr, why());
    const int begun = libssh2_channel_exec(channel, command.c_str());
    std::string all;
    char block[1024];
    ssize_t bytes = 0;
    while (begun == 0 && (bytes = libssh2_channel_read(channel, block, sizeof block)) > 0) {
      all.append(block, static_cast<std::size_t>(bytes));
    }
    const bool is_whole = begun == 0 && bytes == 0;
    libssh2_channel_close(channel);
    libssh2_channel_free(channel);
    require(is_whole, why());
    return all;
  }

 private:
  std::string why() {
    char* text = nullptr;
    libssh2_session_last_error(one_, &text, nullptr, 0);
    return text != nullptr ? text : "libssh2";
  }

  const int fd_;
  LIBSSH2_SESSION* const one_;
};

void run_command(int index) {
  session one;
  const std::string number = std::to_string(index);
  require(one.run("sleep 0.5; echo " + number) == number + "\n", "another client's answer");
}

}  // namespace

std::vector<row> ssh2_rows() {
  return {{"libssh2", "handshake, key, exec sleep 0.5", 20, &run_command, &initialise}};
}

}  // namespace legacy
