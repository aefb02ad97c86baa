// SPDX-License-Identifier: BSL-1.0
// hiredis, its blocking interface.
#include <hiredis/hiredis.h>

#include "row.hpp"

namespace legacy {
namespace {

struct release {
  void operator()(redisContext* one) const { redisFree(one); }
  void operator()(redisReply* one) const { freeReplyObject(one); }
};
using connection = std::unique_ptr<redisContext, release>;
using reply = std::unique_ptr<redisReply, release>;

connection connected() {
  connection one(redisConnect("127.0.0.1", std::stoi(given("WEFT_LEGACY_REDIS"))));
  require(one != nullptr && one->err == 0, one != nullptr ? one->errstr : "no memory");
  return one;
}

template <class... A>
reply command(const connection& one, const char* format, A... arguments) {
  return reply(static_cast<redisReply*>(redisCommand(one.get(), format, arguments...)));
}

void pop(int index) {
  const connection one = connected();
  const reply none = command(one, "BLPOP nobody_pushes_%d 0.2", index);
  require(none != nullptr && none->type == REDIS_REPLY_NIL, one->errstr);
  const reply said = command(one, "ECHO %d", index);
  require(said != nullptr && said->type == REDIS_REPLY_STRING, one->errstr);
  require(said->str == std::to_string(index), "another client's answer");
}

class popping : public long_call {
 public:
  bool fails() override { return command(one_, "BLPOP nobody_pushes 20") == nullptr; }

 private:
  const connection one_ = connected();
};

}  // namespace

std::vector<row> redis_rows() {
  return {{"hiredis", "connect, BLPOP 0.2, a command", 200, &pop, nullptr,
           [] { return std::unique_ptr<long_call>(new popping); }}};
}

}  // namespace legacy
