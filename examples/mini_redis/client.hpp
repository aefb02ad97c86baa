// SPDX-License-Identifier: BSL-1.0
// A client of mini_redis: what is to be sent to it, and the channels it has subscribed to. Knows
// nothing of commands.
#pragma once

#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resp.hpp"

namespace mini_redis {

// Of published messages; a subscriber who has more of them waiting is too slow.
constexpr std::size_t most_unsent = 4 * 1024 * 1024;

// What is to be sent. The client's own fiber sends its replies itself. For what others post there
// has to be a second fiber, begun by send_at_once().
class outbox {
 public:
  explicit outbox(weft::tcp_stream& to) : to_(to) {}

  // Replies are put here.
  std::string& unsent() { return unsent_; }

  // Sends all, in one write if the kernel has room for it, and waits until that is done. With a
  // second fiber, waits until not much is left: of a busy channel there may always be something.
  void flush() {
    if (!sender_.valid()) return send();
    changed_.notify_one();
    while (unsent_.size() > longest_argument) sent_.wait();
  }

  // Waits until all is sent.
  void finish() {
    flush();
    while (!unsent_.empty() || is_sending_) sent_.wait();
  }

  // From now on, sends what others post, too; `connection` is cancelled if that fails.
  void send_at_once(weft::cancel_scope& connection) {
    if (sender_.valid()) return;
    sender_ = weft::spawn([this, &connection] {
      try {
        for (;;) {
          while (unsent_.empty()) changed_.wait();
          send();
        }
      } catch (const std::system_error&) {
        connection.cancel("the client is gone");
      }
    });
  }

  // Never waits; false if too much waits already.
  bool post(std::string_view text) {
    if (unsent_.size() + text.size() > most_unsent) return false;
    unsent_ += text;
    changed_.notify_one();
    return true;
  }

 private:
  void send() {
    while (!unsent_.empty()) {
      sending_.clear();
      sending_.swap(unsent_);  // others may post meanwhile
      is_sending_ = true;
      to_.write_all(sending_);
      is_sending_ = false;
      sent_.notify_one();
      if (sending_.capacity() > 4 * read_bytes) sending_ = {};  // a large one is rare
    }
  }

  weft::tcp_stream& to_;
  std::string unsent_;
  std::string sending_;
  bool is_sending_ = false;
  weft::local::notifier changed_;  // there is something unsent
  weft::local::notifier sent_;     // there is less of it
  weft::task<> sender_;            // the last member: it ends before the others do
};

// A connection as the publishers see it.
struct client {
  explicit client(weft::tcp_stream& peer) : out(peer) {}

  weft::cancel_scope connection;  // cancelled: closed
  std::set<std::string, std::less<>> channels;
  outbox out;
};

// Who has subscribed to what. No fiber waits in here, so none sees it half changed.
class channel_table {
 public:
  void subscribe(client& who, std::string_view channel) {
    if (who.channels.emplace(channel).second) subscribers_[std::string(channel)].push_back(&who);
    who.out.send_at_once(who.connection);
  }

  void unsubscribe(client& who, std::string_view channel) {
    const auto own = who.channels.find(channel);
    if (own == who.channels.end()) return;
    const auto found = subscribers_.find(*own);
    auto& all = found->second;
    all.erase(std::remove(all.begin(), all.end(), &who), all.end());
    if (all.empty()) subscribers_.erase(found);
    who.channels.erase(own);
  }

  // Returns how many will get it. Who is too slow is disconnected: the others don't wait for it.
  std::size_t publish(std::string_view channel, std::string_view message) {
    const auto found = subscribers_.find(std::string(channel));
    if (found == subscribers_.end()) return 0;
    std::string text;
    add_array(text, 3);
    for (const std::string_view part : {std::string_view("message"), channel, message}) {
      add_bulk(text, part);
    }
    std::size_t receivers = 0;
    for (client* one : found->second) {
      if (one->connection.cancel_called()) continue;
      if (one->out.post(text)) {
        ++receivers;
      } else {
        one->connection.cancel("it reads too slowly");
      }
    }
    return receivers;
  }

 private:
  std::unordered_map<std::string, std::vector<client*>> subscribers_;  // none is empty
};

}  // namespace mini_redis
