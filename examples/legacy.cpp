// SPDX-License-Identifier: BSL-1.0
// legacy: callbacks of old C code wait in the middle of qsort(), and the rest goes on
//
// A stackless coroutine (C++20, Python, JavaScript) can be left only from its own body: every
// function on the way must be a coroutine too, and qsort() will never be one. A fiber has a stack
// of its own, so it can be left from any depth, C frames included. Nothing here that is called
// "library" knows of weft, and it could as well be a binary without source.
#include <weft/weft.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;

// ---- a library in the style of C: a tree, and a visitor with a void* for the caller -------------
extern "C" {

struct shelf {
  const char* name;
  const shelf* first;
  const shelf* next;
};

// Calls visit for every shelf, children before their parent; stops at the first nonzero answer.
static int library_walk(const shelf* at, int (*visit)(const shelf*, void*), void* user) {
  for (; at != nullptr; at = at->next) {
    if (const int answer = library_walk(at->first, visit, user)) return answer;
    if (const int answer = visit(at, user)) return answer;
  }
  return 0;
}

}  // extern "C"

// ---- our callbacks: each of them waits ----------------------------------------------------------
extern "C" {

// "Which of the two is larger?" is a question that some server answers, in 5 ms.
static int ask_which_is_larger(const void* a, const void* b) {
  weft::await_sleep(5ms);  // we are inside qsort() here; it never notices
  const int left = *static_cast<const int*>(a);
  const int right = *static_cast<const int*>(b);
  return (left > right) - (left < right);
}

static int take_stock(const shelf* at, void* user) {
  weft::await_sleep(5ms);
  std::printf(" %s", at->name);
  ++*static_cast<int*>(user);
  return 0;
}

}  // extern "C"

// Shows that the thread is free while qsort() and library_walk() stand still.
void tick_forever(int& ticks) {
  for (;;) {
    weft::await_sleep(2ms);
    ++ticks;
  }
}

int main() {
  weft::run([] {
    int ticks = 0;
    weft::task<> ticker = weft::spawn([&] { tick_forever(ticks); });

    int numbers[] = {31, 4, 15, 92, 65, 35, 8};
    const std::size_t count = sizeof numbers / sizeof *numbers;
    std::qsort(numbers, count, sizeof *numbers, ask_which_is_larger);
    std::printf("qsort:");
    for (const int number : numbers) std::printf(" %d", number);
    std::printf("\n  the other fiber ticked meanwhile: %s\n", ticks > 0 ? "yes" : "no");

    const int before = ticks;
    const shelf poems{"poems", nullptr, nullptr};
    const shelf novels{"novels", nullptr, &poems};
    const shelf books{"books", &novels, nullptr};
    int shelves = 0;
    std::printf("visited:");
    library_walk(&books, take_stock, &shelves);
    std::printf(", %d shelves", shelves);
    std::printf("\n  the other fiber ticked meanwhile: %s\n", ticks > before ? "yes" : "no");
  });  // the ticker's handle ends here, which cancels it and waits for it
}
