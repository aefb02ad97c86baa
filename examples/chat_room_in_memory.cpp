// SPDX-License-Identifier: BSL-1.0
// chat_room_in_memory: everybody hears everybody, and a slow listener holds up nobody
//
// A room is a broadcast. Who joins hears all that is said from then on. The room keeps the last few
// lines; who falls behind by more is told how many were missed, instead of making the others wait.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

using room = weft::broadcast<std::string>;

// Prints what is said until the room closes. `pace` is the time that reading a line takes.
void listen(const char* name, room::receiver ears, std::chrono::milliseconds pace) {
  for (;;) {
    const auto heard = ears.recv();
    if (heard.is_closed()) break;
    if (heard.has_lagged()) {
      std::printf("  %-4s missed %d lines\n", name, static_cast<int>(heard.missed()));
      continue;
    }
    std::printf("  %-4s hears  %s\n", name, heard.value().c_str());
    weft::await_sleep(pace);
  }
  std::printf("  %-4s leaves\n", name);
}

void talk(const char* name, room& hall, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    hall.send(std::string(name) + ": " + line);
    weft::await_sleep(10ms);
  }
}

}  // namespace

int main() {
  weft::run([] {
    room hall(2);  // keeps two lines
    auto ada = weft::spawn([&] { listen("Ada", hall.subscribe(), 1ms); });
    auto bob = weft::spawn([&] { listen("Bob", hall.subscribe(), 35ms); });
    weft::yield();  // both are in the room
    talk("Cleo", hall, {"hello", "is anybody here?", "I have a question"});

    auto dan = weft::spawn([&] { listen("Dan", hall.subscribe(), 1ms); });
    weft::yield();  // came late
    talk("Cleo", hall, {"how do I", "park a fiber?", "never mind"});

    std::printf("%d were listening at the end\n", static_cast<int>(hall.receiver_count()));
    hall.close();  // they hear what is left, then the end
    weft::gather(std::move(ada), std::move(bob), std::move(dan));
  });
}
