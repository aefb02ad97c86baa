// SPDX-License-Identifier: BSL-1.0
// The data of mini_redis: one database's keys, when they expire, and who waits for a list to get
// something. Knows nothing of the protocol.
//
// Nothing here waits, and all fibers run on one loop, so on one thread: between two waits a fiber
// has the data for itself. That is why there is no lock.
#pragma once

#include <weft/weft.hpp>

#include <algorithm>
#include <deque>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace mini_redis {

// The reply to a command that cannot be done.
class command_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

using list = std::deque<std::string>;
enum class list_end { front, back };

constexpr weft::time_point never = weft::time_point::max();

struct entry {
  std::variant<std::string, list> value;
  weft::time_point expires = never;
};

// Somebody who waits in BLPOP. Lives in their own fiber.
struct blocked_pop {
  std::vector<std::string> keys;
  weft::local::event served;
  std::string key;    // that had something, once it is served,
  std::string value;  // and what
};

class store {
 public:
  // The key's entry, if it is there and has not expired.
  entry* find(std::string_view key) {
    const auto found = entries_.find(as_key(key));
    if (found == entries_.end()) return nullptr;
    if (found->second.expires == never || found->second.expires > weft::now()) {
      return &found->second;
    }
    erase(found);
    return nullptr;
  }

  // The same, of one kind; others are an error.
  template <class T>
  T* find_as(std::string_view key) {
    entry* const found = find(key);
    if (found == nullptr) return nullptr;
    if (T* const value = std::get_if<T>(&found->value)) return value;
    throw command_error("WRONGTYPE Operation against a key holding the wrong kind of value");
  }

  // Sets it, whatever was there.
  void set(std::string_view key, std::string_view text, weft::time_point expires) {
    entry& here = entries_[as_key(key)];
    if (std::string* const old = std::get_if<std::string>(&here.value)) {
      old->assign(text);  // in its memory
    } else {
      here.value = std::string(text);
    }
    expire_at(key, here, expires);
  }

  void expire_at(std::string_view key, entry& here, weft::time_point when) {
    if (here.expires == when) return;
    if (here.expires != never) expiring_.erase({here.expires, std::string(key)});
    if (when != never) expiring_.emplace(when, key);
    here.expires = when;
  }

  // False if it is not there.
  bool erase(std::string_view key) {
    if (find(key) == nullptr) return false;
    erase(entries_.find(as_key(key)));
    return true;
  }

  // Erases up to `most` keys that have expired; true if there may be more.
  bool erase_expired(std::size_t most) {
    const weft::time_point now = weft::now();
    for (std::size_t i = 0; i < most; ++i) {
      if (expiring_.empty() || expiring_.begin()->first > now) return false;
      erase(entries_.find(expiring_.begin()->second));
    }
    return true;
  }

  void clear() {
    entries_.clear();
    expiring_.clear();
  }
  std::size_t size() const { return entries_.size(); }

  // Puts values in, one by one, and returns how many the list has then; after that, who waits for
  // it takes them, the longest waiter first.
  template <class Iterator>
  std::size_t push(std::string_view key, list_end where, Iterator from, Iterator to) {
    list* values = find_as<list>(key);
    if (values == nullptr) values = &entries_[as_key(key)].value.emplace<list>();
    for (; from != to; ++from) {
      if (where == list_end::front) {
        values->emplace_front(*from);
      } else {
        values->emplace_back(*from);
      }
    }
    const std::size_t size = values->size();
    if (!waiting_.empty()) serve_waiting(key);
    return size;
  }

  // Takes one out of a list that was found. An empty list is no key: it is gone then.
  std::string pop(std::string_view key, list& values, list_end where) {
    const bool at_front = where == list_end::front;
    std::string value = std::move(at_front ? values.front() : values.back());
    if (at_front) {
      values.pop_front();
    } else {
      values.pop_back();
    }
    if (values.empty()) erase(key);
    return value;
  }

  // Puts somebody into the queues of all their keys, until they are served or this is destroyed.
  class wait_for_push {
   public:
    wait_for_push(store& at, blocked_pop& who) : at_(at), who_(who) {
      for (const std::string& key : who.keys) {
        auto& queue = at_.waiting_[key];
        if (queue.empty() || queue.back() != &who) queue.push_back(&who);  // a key named twice
      }
    }
    ~wait_for_push() { at_.leave_queues(who_); }
    wait_for_push(const wait_for_push&) = delete;
    wait_for_push& operator=(const wait_for_push&) = delete;

   private:
    store& at_;
    blocked_pop& who_;
  };

 private:
  using entries = std::unordered_map<std::string, entry>;

  // C++17's unordered_map can be asked for a std::string only. This one keeps its memory.
  const std::string& as_key(std::string_view key) { return asked_.assign(key); }

  void erase(entries::iterator which) {
    if (which->second.expires != never) expiring_.erase({which->second.expires, which->first});
    entries_.erase(which);
  }

  void serve_waiting(std::string_view key) {
    const std::string served_key(key);
    for (auto queue = waiting_.find(served_key); queue != waiting_.end();
         queue = waiting_.find(served_key)) {
      list* const values = find_as<list>(key);
      if (values == nullptr) return;
      blocked_pop& first = *queue->second.front();
      first.key = served_key;
      first.value = pop(key, *values, list_end::front);
      leave_queues(first);
      first.served.set();
    }
  }

  // Again, if they have left already, changes nothing.
  void leave_queues(blocked_pop& who) {
    for (const std::string& key : who.keys) {
      const auto queue = waiting_.find(key);
      if (queue == waiting_.end()) continue;
      auto& all = queue->second;
      const auto place = std::find(all.begin(), all.end(), &who);  // first, if it was served
      if (place != all.end()) all.erase(place);
      if (all.empty()) waiting_.erase(queue);
    }
  }

  entries entries_;
  std::set<std::pair<weft::time_point, std::string>> expiring_;        // the earliest first
  std::unordered_map<std::string, std::deque<blocked_pop*>> waiting_;  // no queue is empty
  std::string asked_;
};

}  // namespace mini_redis
