// SPDX-License-Identifier: BSL-1.0
// The commands of mini_redis for lists, with the one that waits, BLPOP; and what reads arguments.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "resp.hpp"
#include "session.hpp"
#include "store.hpp"

namespace mini_redis {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& one : lower) {
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
  }
  return lower;
}

inline command_error wrong_number_of_arguments(const std::string& command) {
  return command_error("ERR wrong number of arguments for '" + command + "' command");
}

inline long long integer_argument(std::string_view text) {
  if (const std::optional<long long> number = to_integer(text)) return *number;
  throw command_error("ERR value is not an integer or out of range");
}

inline void push(session& me, const words& args, list_end where) {
  add_integer(me.replies(),
              static_cast<long long>(me.data->push(args[1], where, args.begin() + 2, args.end())));
}
inline void lpush(session& me, const words& args) { push(me, args, list_end::front); }
inline void rpush(session& me, const words& args) { push(me, args, list_end::back); }

inline void llen(session& me, const words& args) {
  const list* const values = me.data->find_as<list>(args[1]);
  add_integer(me.replies(), values != nullptr ? static_cast<long long>(values->size()) : 0);
}

// From and to which place; one below 0 counts from the end.
inline void lrange(session& me, const words& args) {
  long long from = integer_argument(args[2]);
  long long to = integer_argument(args[3]);
  const list* const values = me.data->find_as<list>(args[1]);
  const long long size = values != nullptr ? static_cast<long long>(values->size()) : 0;
  if (from < 0) from = std::max(from + size, 0LL);
  if (to < 0) to += size;
  to = std::min(to, size - 1);
  if (from > to) return add_array(me.replies(), 0);
  add_array(me.replies(), static_cast<std::size_t>(to - from + 1));
  std::for_each(values->begin() + from, values->begin() + to + 1,
                [&](const std::string& one) { add_bulk(me.replies(), one); });
}

// One value; with a count, an array of up to so many.
inline void pop(session& me, const words& args, list_end where) {
  if (args.size() > 3) throw wrong_number_of_arguments(where == list_end::front ? "lpop" : "rpop");
  const bool has_count = args.size() == 3;
  const std::optional<long long> count = has_count ? to_integer(args[2]) : 1;
  if (!count || *count < 0) throw command_error("ERR value is out of range, must be positive");
  list* const values = me.data->find_as<list>(args[1]);
  if (values == nullptr) {
    return has_count ? add_nil_array(me.replies()) : add_nil(me.replies());
  }
  const std::size_t some = std::min(static_cast<std::size_t>(*count), values->size());
  if (has_count) add_array(me.replies(), some);
  for (std::size_t i = 0; i < some; ++i) {
    add_bulk(me.replies(), me.data->pop(args[1], *values, where));
  }
}
inline void lpop(session& me, const words& args) { pop(me, args, list_end::front); }
inline void rpop(session& me, const words& args) { pop(me, args, list_end::back); }

// In seconds; 0: forever.
inline weft::time_point blocking_deadline(std::string_view text) {
  const std::string terminated(text);
  char* end = nullptr;
  const double seconds = std::strtod(terminated.c_str(), &end);
  if (terminated.empty() || *end != '\0' || std::isnan(seconds)) {
    throw command_error("ERR timeout is not a float or out of range");
  }
  if (seconds < 0) throw command_error("ERR timeout is negative");
  if (seconds > 1e9) throw command_error("ERR timeout is out of range");
  if (seconds == 0) return never;
  using ticks = std::chrono::duration<double, weft::duration::period>;
  return weft::now() +
         std::chrono::ceil<weft::duration>(ticks(std::chrono::duration<double>(seconds)));
}

inline void add_popped(session& me, std::string_view key, std::string_view value) {
  add_array(me.replies(), 2);
  add_bulk(me.replies(), key);
  add_bulk(me.replies(), value);
}

// The first value of the first list that has one; else waits for the next push to any of them.
inline void blpop(session& me, const words& args) {
  const weft::time_point deadline = blocking_deadline(args.back());
  const words keys(args.begin() + 1, args.end() - 1);
  for (const std::string_view key : keys) {
    if (list* const values = me.data->find_as<list>(key)) {
      return add_popped(me, key, me.data->pop(key, *values, list_end::front));
    }
  }
  // Copied: the views end where the next bytes are read.
  blocked_pop own{{keys.begin(), keys.end()}, {}, {}, {}};
  if (me.wait_for_push(own, deadline)) {
    add_popped(me, own.key, own.value);
  } else if (!me.is_over()) {
    add_nil_array(me.replies());
  }
}

}  // namespace mini_redis
