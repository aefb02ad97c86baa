// SPDX-License-Identifier: BSL-1.0
// chat: a room over TCP; who is too slow to listen is sent away, and nobody waits for them
//
//   build/examples/chat                 and in other terminals:  nc -N 127.0.0.1 7008
//
// The first line is the nickname, each further one goes to everybody else. A member has two fibers:
// one reads what it says, one writes what the others say. Between them and the room is a channel
// with a bound. The room puts lines in without ever waiting; where one does not fit, that member is
// too slow.
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "chat_line.hpp"
#include "server.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::size_t queued_lines = 100;

struct member {
  std::string nick;
  weft::channel<std::string> lines{queued_lines};  // what it is to be sent
  weft::cancel_scope listening;                    // cancelled when it is too slow
};

class chat_room {
 public:
  bool has(const std::string& nick) const {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const member* one) { return one->nick == nick; });
  }

  void enter(member& who) {
    tell_others(who, "* " + who.nick + " joins");
    members_.push_back(&who);
  }

  void leave(member& who) {
    members_.erase(std::remove(members_.begin(), members_.end(), &who), members_.end());
    tell_others(who,
                "* " + who.nick + (who.listening.cancel_called() ? " is too slow" : " leaves"));
  }

  // Never waits. So no other fiber comes in between, and the list needs no lock.
  void tell_others(const member& but, const std::string& line) {
    for (member* one : members_) {
      if (one == &but || one->listening.cancel_called()) continue;
      if (!one->lines.try_send(line + "\n")) one->listening.cancel();
    }
  }

 private:
  std::vector<member*> members_;
};

// In the room as long as this lives, however it ends.
class presence {
 public:
  presence(chat_room& room, member& who) : room_(room), who_(who) { room_.enter(who_); }
  ~presence() { room_.leave(who_); }
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

 private:
  chat_room& room_;
  member& who_;
};

void attend(chat_room& room, weft::tcp_stream& peer) {
  weft::buffered_reader in(peer);
  member me;
  peer.write_all("* your nickname?\n");
  me.nick = chat::next_line(in).value_or("");
  if (me.nick.empty() || room.has(me.nick)) {
    peer.write_all("* that nickname is taken, or empty\n");
    return;
  }
  // Begins when this fiber waits, so in the room.
  weft::task<> writing = weft::spawn([&] {
    peer.write_all("* welcome, " + me.nick + "\n");
    for (const std::string& line : me.lines) peer.write_all(line);
  });
  {
    presence here(room, me);
    weft::with_scope(me.listening, [&] {
      while (std::optional<std::string> line = chat::next_line(in)) {
        room.tell_others(me, me.nick + ": " + *line);
        weft::yield();  // who talks fast must not fill queues that nobody had a chance to empty
      }
    });
  }
  // What is queued is still sent, but nobody is waited for too long.
  me.lines.close();
  weft::move_on_after(3s, [&] {
    writing.get();
    if (me.listening.cancel_called()) peer.write_all("* you are too slow: some lines are lost\n");
  });
}

}  // namespace

int main(int argc, char** argv) {
  server::arguments given = server::at_port("7008");
  server::read_arguments(argc, argv, "chat", given);
  chat_room room;
  return server::run("chat", given, [&](weft::tcp_stream& peer) { attend(room, peer); });
}
