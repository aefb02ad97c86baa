// SPDX-License-Identifier: BSL-1.0
// The commands of mini_redis, but for those of lists, and how one is found by its name. Each is a
// function that puts its reply behind the others; errors are worded as Redis words them.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "list_commands.hpp"
#include "resp.hpp"
#include "session.hpp"
#include "store.hpp"

namespace mini_redis {

inline void ping(session& me, const words& args) {
  if (args.size() > 2) throw wrong_number_of_arguments("ping");
  if (me.is_subscriber()) {
    add_array(me.replies(), 2);
    add_bulk(me.replies(), "pong");
    add_bulk(me.replies(), args.size() == 2 ? args[1] : "");
  } else if (args.size() == 2) {
    add_bulk(me.replies(), args[1]);
  } else {
    add_simple(me.replies(), "PONG");
  }
}

inline void echo(session& me, const words& args) { add_bulk(me.replies(), args[1]); }

// From `amount` milliseconds or seconds from now on.
inline weft::time_point deadline_in(std::string_view amount, long long milliseconds_each,
                                    const char* command) {
  constexpr long long most = 200LL * 366 * 24 * 3600 * 1000;  // the clock ends after 292 years
  const long long number = integer_argument(amount);
  if (number <= 0 || number > most / milliseconds_each) {
    throw command_error(std::string("ERR invalid expire time in '") + command + "' command");
  }
  return weft::now() + std::chrono::milliseconds(number * milliseconds_each);
}

inline void set(session& me, const words& args) {
  weft::time_point expires = never;
  bool only_new = false;
  bool only_old = false;
  for (std::size_t i = 3; i < args.size(); ++i) {
    const std::string option = lower_case(args[i]);
    const bool has_value = i + 1 < args.size() && expires == never;
    if (option == "nx" && !only_old) {
      only_new = true;
    } else if (option == "xx" && !only_new) {
      only_old = true;
    } else if ((option == "ex" || option == "px") && has_value) {
      expires = deadline_in(args[++i], option == "ex" ? 1000 : 1, "set");
    } else {
      throw command_error("ERR syntax error");
    }
  }
  if ((only_new || only_old) && (me.data->find(args[1]) != nullptr) == only_new) {
    return add_nil(me.replies());
  }
  me.data->set(args[1], args[2], expires);
  add_simple(me.replies(), "OK");
}

inline void get(session& me, const words& args) {
  if (const std::string* const text = me.data->find_as<std::string>(args[1])) {
    add_bulk(me.replies(), *text);
  } else {
    add_nil(me.replies());
  }
}

inline void del(session& me, const words& args) {
  add_integer(me.replies(), std::count_if(args.begin() + 1, args.end(), [&](std::string_view key) {
                return me.data->erase(key);
              }));
}

inline void exists(session& me, const words& args) {
  add_integer(me.replies(), std::count_if(args.begin() + 1, args.end(), [&](std::string_view key) {
                return me.data->find(key) != nullptr;
              }));
}

inline void expire(session& me, const words& args) {
  const long long seconds = integer_argument(args[2]);
  entry* const found = me.data->find(args[1]);
  if (found != nullptr && seconds <= 0) {
    me.data->erase(args[1]);
  } else if (found != nullptr) {
    me.data->expire_at(args[1], *found, deadline_in(args[2], 1000, "expire"));
  }
  add_integer(me.replies(), found != nullptr);
}

inline void ttl(session& me, const words& args) {
  const entry* const found = me.data->find(args[1]);
  if (found == nullptr) return add_integer(me.replies(), -2);
  if (found->expires == never) return add_integer(me.replies(), -1);
  add_integer(me.replies(),
              std::chrono::round<std::chrono::seconds>(found->expires - weft::now()).count());
}

inline void incr(session& me, const words& args) {
  std::string* const text = me.data->find_as<std::string>(args[1]);
  long long number = text != nullptr ? integer_argument(*text) : 0;
  if (__builtin_add_overflow(number, 1, &number)) {
    throw command_error("ERR increment or decrement would overflow");
  }
  if (text != nullptr) {
    *text = std::to_string(number);  // it expires when it did
  } else {
    me.data->set(args[1], std::to_string(number), never);
  }
  add_integer(me.replies(), number);
}

inline void select(session& me, const words& args) {
  const long long which = integer_argument(args[1]);
  if (which < 0 || which >= static_cast<long long>(me.all.stores.size())) {
    throw command_error("ERR DB index is out of range");
  }
  me.data = &me.all.stores[static_cast<std::size_t>(which)];
  add_simple(me.replies(), "OK");
}

inline void flushall(session& me, const words& args) {
  const std::string how = args.size() == 2 ? lower_case(args[1]) : "sync";
  if (args.size() > 2 || (how != "sync" && how != "async")) {
    throw command_error("ERR syntax error");
  }
  for (store& one : me.all.stores) one.clear();
  add_simple(me.replies(), "OK");
}

inline void dbsize(session& me, const words&) {
  add_integer(me.replies(), static_cast<long long>(me.data->size()));
}

inline void publish(session& me, const words& args) {
  const std::size_t receivers = me.all.channels.publish(args[1], args[2]);
  if (receivers > 0) me.note_published();
  add_integer(me.replies(), static_cast<long long>(receivers));
}

inline void add_subscription(session& me, std::string_view what) {
  add_array(me.replies(), 3);
  add_bulk(me.replies(), what);
}

inline void subscribe(session& me, const words& args) {
  for (auto channel = args.begin() + 1; channel != args.end(); ++channel) {
    me.all.channels.subscribe(me.self, *channel);
    add_subscription(me, "subscribe");
    add_bulk(me.replies(), *channel);
    add_integer(me.replies(), static_cast<long long>(me.self.channels.size()));
  }
}

// Without arguments: from all.
inline void unsubscribe(session& me, const words& args) {
  const std::vector<std::string> own(me.self.channels.begin(), me.self.channels.end());
  words from(args.begin() + 1, args.end());
  if (from.empty()) from.assign(own.begin(), own.end());
  for (const std::string_view channel : from) {
    me.all.channels.unsubscribe(me.self, channel);
    add_subscription(me, "unsubscribe");
    add_bulk(me.replies(), channel);
    add_integer(me.replies(), static_cast<long long>(me.self.channels.size()));
  }
  if (from.empty()) {
    add_subscription(me, "unsubscribe");
    add_nil(me.replies());
    add_integer(me.replies(), 0);
  }
}

// What redis-benchmark asks for.
inline void config(session& me, const words& args) {
  if (lower_case(args[1]) != "get") {
    throw command_error("ERR unknown subcommand '" + std::string(args[1]) + "'. Try CONFIG HELP.");
  }
  if (args.size() < 3) throw wrong_number_of_arguments("config|get");
  words found;
  for (const auto& [name, value] :
       {std::pair{"save", ""}, {"appendonly", "no"}, {"databases", "16"}}) {
    if (std::any_of(args.begin() + 2, args.end(), [name = std::string_view(name)](auto pattern) {
          return pattern == "*" || lower_case(pattern) == name;
        })) {
      found.insert(found.end(), {name, value});
    }
  }
  add_array(me.replies(), found.size());
  for (const std::string_view one : found) add_bulk(me.replies(), one);
}

inline void quit(session& me, const words&) {
  add_simple(me.replies(), "OK");
  me.quit();
}

inline void command(session& me, const words& args);

struct command_entry {
  void (*execute)(session&, const words&);
  std::size_t least_words;
  std::size_t most_words;
  bool is_for_subscribers = false;
};

inline const std::unordered_map<std::string_view, command_entry>& all_commands() {
  constexpr std::size_t any = most_arguments;
  static const std::unordered_map<std::string_view, command_entry> all = {
      {"ping", {ping, 1, any, true}},
      {"echo", {echo, 2, 2}},
      {"set", {set, 3, any}},
      {"get", {get, 2, 2}},
      {"del", {del, 2, any}},
      {"exists", {exists, 2, any}},
      {"expire", {expire, 3, 3}},
      {"ttl", {ttl, 2, 2}},
      {"incr", {incr, 2, 2}},
      {"lpush", {lpush, 3, any}},
      {"rpush", {rpush, 3, any}},
      {"llen", {llen, 2, 2}},
      {"lrange", {lrange, 4, 4}},
      {"lpop", {lpop, 2, any}},
      {"rpop", {rpop, 2, any}},
      {"blpop", {blpop, 3, any}},
      {"publish", {publish, 3, 3}},
      {"subscribe", {subscribe, 2, any, true}},
      {"unsubscribe", {unsubscribe, 1, any, true}},
      {"select", {select, 2, 2}},
      {"flushall", {flushall, 1, any}},
      {"dbsize", {dbsize, 1, 1}},
      {"command", {command, 1, any}},
      {"config", {config, 2, any}},
      {"quit", {quit, 1, any, true}},
  };
  return all;
}

// As much of it as redis-cli needs to go on; its help stays empty.
inline void command(session& me, const words& args) {
  const std::string what = args.size() > 1 ? lower_case(args[1]) : "";
  if (what == "count") {
    return add_integer(me.replies(), static_cast<long long>(all_commands().size()));
  }
  if (what == "docs") return add_array(me.replies(), 0);
  if (!what.empty()) {
    throw command_error("ERR unknown subcommand '" + std::string(args[1]) + "'. Try COMMAND HELP.");
  }
  add_array(me.replies(), all_commands().size());
  for (const auto& [name, one] : all_commands()) {
    add_array(me.replies(), 6);
    add_bulk(me.replies(), name);
    const auto least = static_cast<long long>(one.least_words);
    add_integer(me.replies(), one.least_words == one.most_words ? least : -least);
    add_array(me.replies(), 0);                                // flags
    for (int i = 0; i < 3; ++i) add_integer(me.replies(), 0);  // where its keys are
  }
}

// The text quotes the client, shortened.
inline command_error unknown_command(const words& request) {
  std::string text = "ERR unknown command '" + std::string(request[0].substr(0, 128)) +
                     "', with args beginning with: ";
  std::string quoted;
  for (std::size_t i = 1; i < request.size() && quoted.size() < 128; ++i) {
    quoted += "'" + std::string(request[i].substr(0, 128 - quoted.size())) + "' ";
  }
  return command_error(text + quoted);
}

inline void execute(session& me, const words& request) {
  try {
    const std::string name = lower_case(request[0].substr(0, 15));  // so short: no memory for it
    const auto found = all_commands().find(name);
    if (found == all_commands().end() || name.size() != request[0].size()) {
      throw unknown_command(request);
    }
    const command_entry& what = found->second;
    if (request.size() < what.least_words || request.size() > what.most_words) {
      throw wrong_number_of_arguments(name);
    }
    if (me.is_subscriber() && !what.is_for_subscribers) {
      throw command_error("ERR Can't execute '" + name +
                          "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                          "allowed in this context");
    }
    what.execute(me, request);
  } catch (const command_error& error) {
    add_error(me.replies(), error.what());
  }
}

}  // namespace mini_redis
