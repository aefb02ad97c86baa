// SPDX-License-Identifier: BSL-1.0
// first_answer_wins: ask three servers, take the first answer, and lose nothing of the others
//
// race() cancels the losers and waits for them: when it returns, nobody works any more. A loser may
// have finished in the same moment; what it brought goes to the discard hook.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

using namespace std::chrono_literals;

namespace {

struct answer {
  std::string from;
};

answer ask(const char* server, std::chrono::milliseconds takes) {
  try {
    weft::await_sleep(takes);
  } catch (const weft::cancelled&) {
    std::printf("  %s: not needed any more\n", server);
    throw;
  }
  return {server};
}

// Too late to stop: it answers whatever happens.
answer ask_stubbornly(const char* server, std::chrono::milliseconds takes) {
  return weft::shielded([&] { return ask(server, takes); });
}

}  // namespace

int main() {
  weft::run([] {
    const auto begin = weft::now();
    const auto won = weft::race(
        weft::discard([](answer&& late) {
          std::printf("  %s: came too late, put back\n", late.from.c_str());
        }),
        [] { return ask("Oslo", 60ms); },   //
        [] { return ask("Paris", 20ms); },  //
        [] { return ask_stubbornly("Rome", 40ms); });
    std::visit([](const answer& first) { std::printf("%s won\n", first.from.c_str()); }, won);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(weft::now() - begin);
    std::printf("after %s ms, when all had ended\n", took < 60ms ? "less than 60" : "more than 60");
  });
}
